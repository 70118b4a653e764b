"""Any file with the name of an analysis is read or refused; nothing in it is executed."""

from __future__ import annotations

import io
import pickle
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from garbage import Fuzz, attempt, mutated
from hypothesis import strategies as st
from made_run import CONFIG

from grok_tui.protocol.results import AnalysisArrays
from grok_tui.runs import analysis_files
from grok_tui.sources.recording import recorded_state
from grok_tui.tui.panes.attention import mean_attention
from grok_tui.tui.panes.neurons import clusters

NAMES = [field.name for field in fields(AnalysisArrays)]
DTYPES = ["f4", ">f4", "f8", "f2", "i2", ">i2", "i8", "u1", "?", "c8", "U3", "S2", "M8[s]", "O"]
VALUES = st.sampled_from([0.0, 1.0, -1.0, np.nan, np.inf, 1e38])


class Trap:
    """Creates a file if it is ever unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    """A copy of a good analysis."""
    path = analysis_files.analysis_path(tmp_path, 10)
    path.parent.mkdir()
    path.write_bytes(analysis_files.analysis_path(whole, 10).read_bytes())
    return path


def check_arrays(arrays: AnalysisArrays | None) -> None:
    """Check what the panes rely on."""
    if arrays is None:
        return
    p, n = CONFIG.modulus, arrays.n
    assert n in (p, p - 1)
    assert arrays.circle.shape == (n // 2, n, 2)
    assert len(arrays.spectrum_W_E) == len(arrays.spectrum_W_L) == n // 2
    assert mean_attention(arrays.attention).shape == (CONFIG.n_heads, 2, p)
    found = [
        n for c in clusters(arrays.neuron_frequency, arrays.neuron_share) for n in c.neurons
    ]
    assert sorted(found) in ([], list(range(CONFIG.d_mlp)))
    assert all(np.isfinite(getattr(arrays, name)).all() for name in NAMES)


def test_any_bytes_are_arrays_or_are_refused(fuzz: Fuzz, path: Path) -> None:
    good = path.read_bytes()
    array = io.BytesIO()
    np.save(array, np.zeros(3))

    def check(content: bytes) -> None:
        path.write_bytes(content)
        check_arrays(attempt(lambda: analysis_files.load(path, CONFIG)))

    cases = st.binary(max_size=60) | mutated(good) | st.just(array.getvalue())
    fuzz("analysis bytes", cases, check)


def test_odd_arrays_are_read_or_refused(fuzz: Fuzz, path: Path) -> None:
    with np.load(path) as file:
        good = {name: file[name] for name in NAMES}

    @st.composite
    def odd(draw: st.DrawFn) -> dict[str, Any]:
        """The arrays with one of another type, shape or value, or without one."""
        name = draw(st.sampled_from(NAMES))
        array: Any = good[name].copy()
        match draw(st.sampled_from(["type", "shape", "value", "none"])):
            case "type":
                array = np.zeros(array.shape, dtype=draw(st.sampled_from(DTYPES)))
            case "shape":
                shape = tuple(draw(st.lists(st.integers(0, 6), max_size=4)))
                array = np.zeros(shape, dtype=array.dtype)
            case "value":
                array.flat[draw(st.integers(0, array.size - 1))] = draw(
                    VALUES if array.dtype == np.float32 else st.integers(-(2**15), 2**15 - 1)
                )
            case "none":
                return {other: good[other] for other in NAMES if other != name}
        return {**good, name: array}

    def check(arrays: dict[str, Any]) -> None:
        np.savez(path, **arrays)
        check_arrays(attempt(lambda: analysis_files.load(path, CONFIG)))

    fuzz("analysis arrays", odd(), check)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_in_an_analysis_is_executed(name: str, path: Path, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    with np.load(path) as file:
        good = {other: file[other] for other in NAMES}
    content = io.BytesIO()
    np.savez(content, **{**good, name: np.array([Trap(trap)], dtype=object)})
    bare = io.BytesIO()
    with zipfile.ZipFile(bare, "w") as archive:
        for other in NAMES:
            archive.writestr(f"{other}.npy", pickle.dumps(Trap(trap)))
    for odd in (content.getvalue(), bare.getvalue(), pickle.dumps(Trap(trap))):
        path.write_bytes(odd)
        assert attempt(lambda: analysis_files.load(path, CONFIG)) is None
    assert not trap.exists()


def test_an_array_too_large_for_memory_is_not_unpacked(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("elements.npy", bytes(2**24 + 1))
    assert path.stat().st_size < 2**20
    with pytest.raises(analysis_files.AnalysisError, match="elements is too large"):
        analysis_files.load(path, CONFIG)


def test_a_run_with_a_damaged_analysis_is_read_without_its_arrays(
    whole: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    for name in ("config.toml", "metrics.jsonl", "events.jsonl"):
        run.mkdir(exist_ok=True)
        (run / name).write_bytes((whole / name).read_bytes())
    learned = recorded_state(run).analyses
    assert (len(learned.measures), learned.arrays) == (2, None)

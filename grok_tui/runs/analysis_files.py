"""The arrays of analyses as files, such as `analysis/step-00000500.npz`."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok_tui.config.schema import Config
from grok_tui.files import write_durably
from grok_tui.models.registry import model_of
from grok_tui.protocol.results import AnalysisArrays, Pairs
from grok_tui.tasks.registry import make_task
from grok_tui.text import UserError

FOLDER = "analysis"
# Types and shapes of arrays by name.
Layout = Mapping[str, tuple[type, tuple[int, ...]]]
# The most bytes that an array of an analysis can have.
_LARGEST = 2**24


class AnalysisError(UserError):
    """An analysis file cannot be used; the message names it and says why."""


def analysis_path(run: Path, step: int) -> Path:
    return run / FOLDER / f"step-{step:08}.npz"


def analyses_in(run: Path) -> list[Path]:
    """All analysis files of a run, oldest step first."""
    return sorted((run / FOLDER).glob(f"step-{'[0-9]' * 8}.npz"))


def save(run: Path, step: int, found: AnalysisArrays, pairs: Pairs | None = None) -> None:
    """Write the arrays in one step. Raises OSError.

    pairs: the results of an evaluation at the same step.
    """
    arrays = {field.name: getattr(found, field.name) for field in fields(AnalysisArrays)}
    if pairs is not None:
        arrays |= {"answers": pairs.answers, "pair_loss": pairs.loss}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    path = analysis_path(run, step)
    path.parent.mkdir(exist_ok=True)
    write_durably(path, content.getvalue())


def load(path: Path, config: Config) -> AnalysisArrays:
    """Read an analysis file; nothing in it is executed.

    Raises AnalysisError if it is damaged or does not fit the config.
    """
    with _reading(path) as archive:
        arrays = {field.name: _array(archive, field.name) for field in fields(AnalysisArrays)}
        _check(arrays, _layout(arrays, config))
    return AnalysisArrays(**arrays)


def load_pairs(path: Path, config: Config) -> Pairs | None:
    """The results for each pair in an analysis file, None if absent. Raises like `load`."""
    with _reading(path) as archive:
        if "answers.npy" not in archive.namelist():
            return None
        arrays = {name: _array(archive, name) for name in ("answers", "pair_loss")}
        task = make_task(config)
        n = (task.n_pairs,)
        _check(arrays, {"answers": (np.int16, n), "pair_loss": (np.float16, n)})
        answers = arrays["answers"]
        if not 0 <= answers.min() <= answers.max() < task.n_answers:
            raise ValueError(f"answers are 0 to {task.n_answers - 1}")
    return Pairs(answers, arrays["pair_loss"])


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[zipfile.ZipFile]:
    """The open archive; any error while reading it becomes an AnalysisError."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except Exception as error:  # noqa: BLE001  zipfile and NumPy raise anything on damaged bytes
        why = " ".join(str(error).split())
        raise AnalysisError(f"{path} is not a readable analysis: {why}") from None


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    if (file := f"{name}.npy") not in archive.namelist():
        raise ValueError(f"it lacks {name}")
    if archive.getinfo(file).file_size > _LARGEST:
        raise ValueError(f"{name} is too large")
    with archive.open(file) as content:
        array: NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
    return array


def _layout(arrays: Mapping[str, NDArray[Any]], config: Config) -> Layout:
    """The types and shapes that the arrays must have for a config. Raises ValueError."""
    task = make_task(config)
    n_neurons = model_of(config, task).n_neurons
    n, m = len(arrays["elements"]), len(arrays["neuron_share"])
    attention = (config.n_heads, 3, task.n_tokens) if len(arrays["attention"]) else (0, 3, 0)
    if n != task.group.n or m not in (0, n_neurons):
        raise ValueError(f"{n} elements and {m} neurons are not those of the config")
    return {
        "elements": (np.int16, (n,)),
        "spectrum_W_E": (np.float32, (n // 2,)),
        "spectrum_W_L": (np.float32, (n // 2,)),
        "circle": (np.float32, (n // 2, n, 2)),
        "attention": (np.float32, attention),
        "neuron_frequency": (np.int16, (m,)),
        "neuron_share": (np.float32, (m,)),
    }


def _check(arrays: Mapping[str, NDArray[Any]], layout: Layout) -> None:
    """Raise ValueError unless the arrays are finite and match the layout."""
    for name, (dtype, shape) in layout.items():
        array = arrays[name]
        if array.dtype != dtype or array.shape != shape:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not {shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite everywhere")


def cut_after(run: Path, step: int) -> None:
    """Remove the files of all later steps."""
    for path in analyses_in(run):
        if path.name > analysis_path(run, step).name:
            path.unlink()

"""The tables of analyses as files: `analysis/step-00000500.npz`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok_tui.config import Config
from grok_tui.core.analysis.result import Tables
from grok_tui.errors import UserError
from grok_tui.runs.checkpoints import write_durably

FOLDER = "analysis"
# No array of an analysis has more bytes.
_LARGEST = 2**24


class AnalysisError(UserError):
    """A file of tables cannot be used; the message names it and says why."""


def analysis_path(run: Path, step: int) -> Path:
    return run / FOLDER / f"step-{step:08}.npz"


def analyses_in(run: Path) -> list[Path]:
    """All files of tables of a run, oldest step first."""
    return sorted((run / FOLDER).glob(f"step-{'[0-9]' * 8}.npz"))


def save(run: Path, step: int, tables: Tables) -> None:
    """Write the tables, whole or not at all. Raises OSError."""
    content = io.BytesIO()
    np.savez_compressed(
        content, **{field.name: getattr(tables, field.name) for field in fields(Tables)}
    )
    path = analysis_path(run, step)
    path.parent.mkdir(exist_ok=True)
    write_durably(path, content.getvalue())


def load(path: Path, config: Config) -> Tables:
    """Read a file of tables; executes nothing.

    Raises AnalysisError if it is damaged, or not of a run with this config.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = {field.name: _array(archive, field.name) for field in fields(Tables)}
        _check(arrays, config)
    except Exception as error:  # noqa: BLE001  zipfile and NumPy raise anything on damaged bytes
        why = " ".join(str(error).split())
        raise AnalysisError(f"{path} is not a readable analysis: {why}") from None
    return Tables(**arrays)


def _array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    if (file := f"{name}.npy") not in archive.namelist():
        raise ValueError(f"it lacks {name}")
    if archive.getinfo(file).file_size > _LARGEST:
        raise ValueError(f"{name} is too large")
    with archive.open(file) as content:
        array: NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
    return array


def _check(arrays: Mapping[str, NDArray[Any]], config: Config) -> None:
    """Raise ValueError unless the arrays are such as an analysis with this config makes."""
    p, n, m = config.modulus, len(arrays["elements"]), len(arrays["neuron_share"])
    if n not in (p, p - 1) or m not in (0, config.d_mlp):
        raise ValueError(f"{n} elements and {m} neurons are not those of the config")
    layout: dict[str, tuple[type, tuple[int, ...]]] = {
        "elements": (np.int16, (n,)),
        "spectrum_W_E": (np.float32, (n // 2,)),
        "spectrum_W_L": (np.float32, (n // 2,)),
        "circle": (np.float32, (n // 2, n, 2)),
        "attention": (np.float32, (config.n_heads, 3, p)),
        "neuron_frequency": (np.int16, (m,)),
        "neuron_share": (np.float32, (m,)),
    }
    for name, (dtype, shape) in layout.items():
        array = arrays[name]
        if array.dtype != dtype or array.shape != shape:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not {shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite everywhere")


def cut_after(run: Path, step: int) -> None:
    """Remove the tables of all later steps."""
    for path in analyses_in(run):
        if path.name > analysis_path(run, step).name:
            path.unlink()

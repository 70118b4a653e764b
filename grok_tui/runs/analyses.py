"""The tables of analyses as files: `analysis/step-00000500.npz`."""

from __future__ import annotations

import io
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np

from grok_tui.core.analysis.result import Tables
from grok_tui.core.events import Pairs
from grok_tui.errors import UserError
from grok_tui.runs.checkpoints import write_durably

FOLDER = "analysis"


class AnalysisError(UserError):
    """A file of tables cannot be used; the message names it and says why."""


def analysis_path(run: Path, step: int) -> Path:
    return run / FOLDER / f"step-{step:08}.npz"


def analyses_in(run: Path) -> list[Path]:
    """All files of tables of a run, oldest step first."""
    return sorted((run / FOLDER).glob(f"step-{'[0-9]' * 8}.npz"))


def save(run: Path, step: int, tables: Tables, pairs: Pairs | None = None) -> None:
    """Write the tables, whole or not at all. Raises OSError.

    pairs: what an evaluation at the same step found.
    """
    arrays = {field.name: getattr(tables, field.name) for field in fields(Tables)}
    if pairs is not None:
        arrays |= {"answers": pairs.answers, "pair_loss": pairs.loss}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    path = analysis_path(run, step)
    path.parent.mkdir(exist_ok=True)
    write_durably(path, content.getvalue())


def load(path: Path) -> Tables:
    """Read a file of tables; executes nothing. Raises AnalysisError."""
    try:
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            return Tables(**{field.name: file[field.name] for field in fields(Tables)})
    except KeyError as error:
        raise AnalysisError(f"{path} is damaged: it lacks {error}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise AnalysisError(f"{path} is not a readable analysis: {error}") from None


def load_pairs(path: Path) -> Pairs | None:
    """What an evaluation at a file's step found, None if there was none.

    Raises AnalysisError.
    """
    try:
        with path.open("rb") as content, np.load(content, allow_pickle=False) as file:
            if "answers" not in file:
                return None
            return Pairs(file["answers"], file["pair_loss"])
    except KeyError as error:
        raise AnalysisError(f"{path} is damaged: it lacks {error}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise AnalysisError(f"{path} is not a readable analysis: {error}") from None


def cut_after(run: Path, step: int) -> None:
    """Remove the tables of all later steps."""
    for path in analyses_in(run):
        if path.name > analysis_path(run, step).name:
            path.unlink()

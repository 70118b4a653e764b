"""Reading the losses of another program's run from a CSV file."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from grok_tui.doctor import Case, Curve
from grok_tui.text import UserError

# Columns and their other names, in lower case, with `_` for all but letters and digits.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "step": ("steps", "epoch", "epochs", "iteration", "iter"),
    "train_loss": ("training_loss", "loss_train", "loss"),
    "test_loss": (
        "testing_loss", "loss_test", "val_loss", "valid_loss", "validation_loss", "eval_loss",
        "loss_val",
    ),
    "train_acc": ("train_accuracy", "training_accuracy", "acc_train", "accuracy_train"),
    "test_acc": (
        "test_accuracy", "acc_test", "accuracy_test", "val_acc", "val_accuracy",
        "valid_acc", "validation_accuracy", "eval_accuracy",
    ),
    "weight_norm": ("norm", "l2_norm", "param_norm", "weights_norm"),
}  # fmt: skip
_NEEDED = ("step", "train_loss", "test_loss")


class MetricsError(UserError):
    """A CSV file cannot be used; the message names it, and the line."""


def read_metrics(path: Path, config: Mapping[str, Any]) -> Case:
    """The case of a run with known losses. config: the known fields of its config.

    The file has a header and one line per step, ascending; empty cells were not measured. A
    train loss of NaN or inf counts as divergence. Raises MetricsError or OSError.
    """
    values: dict[str, list[tuple[int, float]]] = {name: [] for name in COLUMNS}
    step, diverged = -1, False
    for number, row in _rows(path):
        try:
            step = _step(row["step"], step)
            for name in COLUMNS.keys() & row.keys() - {"step"}:
                if (value := _number(name, row[name])) is None:
                    continue
                if math.isfinite(value):
                    values[name].append((step, value))
                elif name == "train_loss":
                    diverged = True
        except ValueError as error:
            raise MetricsError(f"{path}, line {number}: {error}") from None
    if step < 0:
        raise MetricsError(f"{path} has no steps: after the header, put one line for each")
    curves: dict[str, Any] = {
        name: _curve(points) for name, points in values.items() if name != "step"
    }
    ended = step >= config.get("steps", math.inf)
    return Case(config, step, **curves, ended=ended, diverged=diverged)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Every nonempty line: its number, and its cells by column."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            names = _names(path, next(csv.reader([first], delimiter=_delimiter(first)), []))
            reader = csv.reader(file, delimiter=_delimiter(first), strict=True)
            for cells in reader:
                number = reader.line_num + 1
                if not any(map(str.strip, cells)):
                    continue
                if len(cells) != len(names):
                    wrong = f"{len(cells)} cells where the header has {len(names)}"
                    raise MetricsError(f"{path}, line {number}: {wrong}")
                yield number, {n: c for n, c in zip(names, cells, strict=True) if n}
    except UnicodeDecodeError:
        raise MetricsError(f"{path} is not UTF-8 text") from None
    except csv.Error as error:
        raise MetricsError(f"{path} is not a CSV file: {error}") from None


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _names(path: Path, header: list[str]) -> list[str]:
    """The column that each cell of the header stands for, empty if it is not used."""
    known = {other: name for name, others in COLUMNS.items() for other in (name, *others)}
    names = [known.get(re.sub(r"[^a-z0-9]+", "_", h.lower()).strip("_"), "") for h in header]
    if lacking := [name for name in _NEEDED if name not in names]:
        shown = f"the header has {', '.join(h.strip() for h in header)[:80]!a}"
        raise MetricsError(f"{path}, line 1: there is no column {', '.join(lacking)}; {shown}")
    if twice := [name for name in COLUMNS if names.count(name) > 1]:
        raise MetricsError(f"{path}, line 1: two columns are {twice[0]}")
    return names


def _step(text: str, before: int) -> int:
    value = _float("step", text)
    if not math.isfinite(value) or value < 0 or value != int(value):
        raise ValueError(f"step: {_shown(text)} is not a whole number of 0 or more")
    if value <= before:
        raise ValueError(f"step {int(value)} comes after step {before}: steps must ascend")
    return int(value)


def _number(name: str, text: str) -> float | None:
    """A cell's number, None for an empty one."""
    if not text.strip():
        return None
    value = _float(name, text)
    if value < 0:
        raise ValueError(f"{name}: {_shown(text)} is negative")
    if name.endswith("_acc") and value > 1:
        raise ValueError(f"{name}: {_shown(text)} is not an accuracy between 0 and 1")
    return value


def _float(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}: {_shown(text)} is not a number") from None


def _shown(text: str) -> str:
    return ascii(text.strip() if len(text) <= 40 else f"{text[:37]}...")


def _curve(points: list[tuple[int, float]]) -> Curve:
    steps, values = np.array(points, dtype=np.float64).reshape(-1, 2).T
    return Curve(steps, values)

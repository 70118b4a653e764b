"""The case of another program's run, from the losses that it wrote."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from grok_tui.doctor import Case, Curve
from grok_tui.runs.importing.accuracy import percentages
from grok_tui.runs.importing.columns import QUANTITIES, Chosen, Table, chosen
from grok_tui.runs.importing.names import meaning, says_percent
from grok_tui.runs.importing.row import TableError
from grok_tui.runs.importing.rows import read_rows
from grok_tui.runs.importing.series import Point, Series

# Losses that are rounded to fewer digits than this are worth a word.
_COARSE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """A run of another program. understood: what was read, in one line."""

    case: Case
    understood: str


def read_losses(
    paths: Sequence[Path],
    config: Mapping[str, Any],
    columns: Mapping[str, str],
    *,
    accuracy: str | None = None,
    resumed: bool = False,
) -> Imported:
    """The run whose losses are in these files.

    config: the known fields of its config. columns: the columns of some quantities, or of
    `step`, as NAME or FILE:NAME. accuracy: `percent` or `share`, where the values do not tell.
    resumed: a step that goes back begins a resumed part. Raises TableError, whose message
    names file, line and column, or OSError.
    """
    tables = [_table(path) for path in paths]
    with _about(*paths):
        used = chosen(tables, columns)
    series = [_series(source, resumed=resumed) for source in used]
    points: dict[str, list[Point]] = {name: [] for name in QUANTITIES}
    for part in series:
        points |= part.points
    curves = {name: _curve(points[name]) for name in QUANTITIES}
    marked = {
        quantity
        for source in used
        for quantity, name in source.quantities.items()
        if says_percent(name) or any(number.percent for _, number in points[quantity])
    }
    with _about(*paths):
        percent = percentages(curves, marked, accuracy)
    for name in ("train_acc", "test_acc"):
        values = curves[name].values / (100 if name in percent else 1)
        curves[name] = Curve(curves[name].steps, np.minimum(values, 1))
    steps = max(part.last for part in series)
    case = Case(
        config,
        steps,
        curves["train_loss"],
        curves["test_loss"],
        curves["train_acc"],
        curves["test_acc"],
        curves["weight_norm"],
        ended=steps >= config.get("steps", math.inf),
        diverged=_diverged(points["train_loss"], curves["test_loss"]),
        resolution=_resolution(points["train_loss"]),
    )
    return Imported(case, "; ".join(_understood(case, used, series, percent)))


def _table(path: Path) -> Table:
    """A file as a table. Raises TableError or OSError."""
    with _about(path):
        rows = list(read_rows(path))
        names = list(dict.fromkeys(name for row in rows for name in row.cells))
        if not names:
            raise TableError("there are no steps; write a header, and a line for each step")
        return Table(path, rows, names)


def _series(source: Chosen, *, resumed: bool) -> Series:
    series = Series(source, resumed=resumed)
    with _about(source.table.path):
        for row in source.table.rows:
            series.add(row)
    return series


@contextlib.contextmanager
def _about(*paths: Path) -> Iterator[None]:
    """Name the files in errors about their content."""
    try:
        yield
    except TableError as error:
        raise TableError(f"{', '.join(map(str, paths))}: {error}") from None


def _curve(points: Sequence[Point]) -> Curve:
    finite = [(step, n.value) for step, n in points if math.isfinite(n.value)]
    steps, values = np.array(finite, dtype=np.float64).reshape(-1, 2).T
    return Curve(steps, values)


def _resolution(points: Sequence[Point]) -> float:
    """What the last digit of the most precise loss counts, 0 if there are no losses."""
    return min((n.resolution for _, n in points if math.isfinite(n.value)), default=0.0)


def _diverged(train: Sequence[Point], test: Curve) -> bool:
    """Whether the train loss is infinite or NaN at the end, and was not just not measured.

    It was not measured if a test loss is finite later on, or if a gap before was as long. A
    single value may also be the gap at the start.
    """
    lost = [math.isnan(number.value) for _, number in train]
    gaps = [len(list(group)) for gap, group in groupby(lost) if gap]
    if gaps and lost[-1]:
        gaps[-1] = int(all(lost))
    known = [step for (step, _), gap in zip(train, lost, strict=True) if not gap]
    last = max([*known, *test.steps], default=-1)
    return sum(step > last for step, _ in train) > max(gaps, default=0)


def _understood(
    case: Case, used: Sequence[Chosen], series: Sequence[Series], percent: Collection[str]
) -> Iterator[str]:
    tests = case.test_loss if len(case.test_loss) else case.test_acc
    axis = "epoch" if meaning(used[0].axis) == "epoch" else "step"
    first = min(part.first for part in series)
    facts = [
        f"{len(case.train_loss):,} train and {len(tests):,} test points",
        f"{axis}s {first:,} to {case.steps:,}",
    ]
    if len(case.train_acc) or len(case.test_acc):
        facts.append(f"accuracy {'in percent' if percent else 'from 0 to 1'}")
    if case.resolution > _COARSE:
        facts.append(f"losses to {case.resolution:g}")
    yield ", ".join(facts)
    for part in series:
        yield from (f"resumed at {axis} {step:,}" for step in part.resumed_at)
    for source in used:
        if source.table.rows[-1].torn:
            yield f"{source.table.rows[-1].place} is not complete and was left out"

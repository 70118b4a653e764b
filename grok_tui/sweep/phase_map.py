"""The phase diagram of a sweep: the outcomes of its points over two axes."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from grok_tui.config.schema import written
from grok_tui.sweep.folder import Outcome
from grok_tui.sweep.spec import Axis, Point, Spec
from grok_tui.text import table

T = TypeVar("T")
Key = frozenset[tuple[str, Any]]
Outcomes = Sequence[tuple[Point, Outcome]]

NEVER, UNKNOWN, FAILED = "never", "...", "failed"


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of values, summarized over its seeds.

    points: how many there are; ended, failed, grokked: how many of them did. grok_step: the
    median, where a seed that never groks counts as latest; None if most never do. test_acc:
    the median final test accuracy, None before there is one.
    """

    points: int
    ended: int
    failed: int
    grokked: int
    grok_step: int | None
    test_acc: float | None

    @property
    def whole(self) -> bool:
        return self.ended == self.points

    def text(self, mixed: str = " ({} of {})") -> str:
        """The steps to grok, or why there are none.

        mixed: appended if only some seeds grok; `{}` stand for how many do, and of how many.
        """
        if not self.whole:
            return UNKNOWN
        if self.failed == self.points:
            return FAILED
        text = NEVER if self.grok_step is None else f"{self.grok_step:,}"
        disagree = self.grokked not in (0, self.points)
        return text + mixed.format(self.grokked, self.points) if disagree else text


@dataclass(frozen=True, slots=True)
class Plane:
    """A map: rows of the first axis, columns of the second; fixed: values of the others.

    If the spec has fewer than two axes, the missing ones have an empty `field`.
    """

    rows: Axis
    columns: Axis
    fixed: Mapping[str, Any]

    def values(self, row: int, column: int) -> dict[str, Any]:
        """The combination of a cell, by field."""
        varied = {self.rows.field: self.rows.values[row]}
        varied[self.columns.field] = self.columns.values[column]
        return {name: value for name, value in {**self.fixed, **varied}.items() if name}

    @property
    def corner(self) -> str:
        return " \\ ".join(axis.field for axis in (self.rows, self.columns) if axis.field)

    @property
    def title(self) -> str:
        """The values that all cells share; empty if there are none."""
        return ", ".join(f"{name} {written(value)}" for name, value in self.fixed.items())

    @property
    def heads(self) -> list[str]:
        """The headings of the columns."""
        if not self.columns.field:
            return ["steps to grok"]
        return [written(value) for value in self.columns.values]

    @property
    def sides(self) -> list[str]:
        """The labels of the rows."""
        return [written(value) for value in self.rows.values]


def planes(spec: Spec) -> list[Plane]:
    """The maps of a sweep, one for each combination of the axes after the second."""
    missing = (Axis("", ("all",)), Axis("", (None,)))
    rows, columns = (*spec.axes, *missing[len(spec.axes) :])[:2]
    others = spec.axes[2:]
    return [
        Plane(rows, columns, dict(zip((axis.field for axis in others), fixed, strict=True)))
        for fixed in itertools.product(*(axis.values for axis in others))
    ]


def cell(outcomes: Sequence[Outcome]) -> Cell:
    """The cell of one combination; outcomes: of its seeds."""
    ended = [outcome for outcome in outcomes if outcome.state in ("done", "failed")]
    steps = [math.inf if o.grok_step is None else o.grok_step for o in ended]
    middle = statistics.median_low(steps) if steps else math.inf
    known = [o.test_acc for o in ended if o.test_acc is not None]
    return Cell(
        points=len(outcomes),
        ended=len(ended),
        failed=sum(o.state == "failed" for o in ended),
        grokked=sum(o.grok_step is not None for o in ended),
        grok_step=None if math.isinf(middle) else int(middle),
        test_acc=statistics.median(known) if known else None,
    )


def key(values: Mapping[str, Any]) -> Key:
    """A dictionary key for a combination of values by field."""
    return frozenset(values.items())


def combined(items: Iterable[tuple[Point, T]]) -> dict[Key, list[T]]:
    """Group the items of points by combination of values."""
    together: dict[Key, list[T]] = {}
    for point, item in items:
        together.setdefault(key(point.values), []).append(item)
    return together


def phase_map(spec: Spec, outcomes: Outcomes) -> str:
    """All maps of a sweep as text."""
    cells = {values: cell(together) for values, together in combined(outcomes).items()}
    return "\n\n".join("\n".join(_lines(plane, cells)) for plane in planes(spec))


def _lines(plane: Plane, cells: Mapping[Key, Cell]) -> Iterator[str]:
    if plane.title:
        yield plane.title
    rows = []
    for row, side in enumerate(plane.sides):
        texts = [cells[key(plane.values(row, i))].text() for i in range(len(plane.heads))]
        rows.append({plane.corner: side, **dict(zip(plane.heads, texts, strict=True))})
    yield table(rows)

"""The phase diagram of a sweep: what became of its points over two axes, as text too."""

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
    """A combination of values, over its seeds.

    points: how many there are; ended, failed, grokked: of them. grok_step: the median, where a
    seed that never groks counts as later than all others; None if most never do. test_acc: the
    median of the final test accuracies, None before there is one.
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

        mixed: how to say that of so many seeds so many grok, if they disagree.
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

    An axis that the spec does not have is one without a field.
    """

    rows: Axis
    columns: Axis
    fixed: Mapping[str, Any]

    def values(self, row: int, column: int) -> dict[str, Any]:
        """The combination of a cell, by field."""
        own = {self.rows.field: self.rows.values[row]}
        own[self.columns.field] = self.columns.values[column]
        return {name: value for name, value in {**self.fixed, **own}.items() if name}

    @property
    def corner(self) -> str:
        return " \\ ".join(axis.field for axis in (self.rows, self.columns) if axis.field)

    @property
    def title(self) -> str:
        """The values that all its cells share, empty if there are none."""
        return ", ".join(f"{name} {written(value)}" for name, value in self.fixed.items())

    @property
    def heads(self) -> list[str]:
        """What stands over its columns."""
        if not self.columns.field:
            return ["steps to grok"]
        return [written(value) for value in self.columns.values]

    @property
    def sides(self) -> list[str]:
        """What stands before its rows."""
        return [written(value) for value in self.rows.values]


def planes(spec: Spec) -> list[Plane]:
    """The maps of a sweep, one for each combination of its further axes."""
    missing = (Axis("", ("all",)), Axis("", (None,)))
    rows, columns = (*spec.axes, *missing[len(spec.axes) :])[:2]
    others = spec.axes[2:]
    return [
        Plane(rows, columns, dict(zip((axis.field for axis in others), fixed, strict=True)))
        for fixed in itertools.product(*(axis.values for axis in others))
    ]


def cell(outcomes: Sequence[Outcome]) -> Cell:
    """What became of the points of one combination."""
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
    """What the points of one combination share."""
    return frozenset(values.items())


def combined(found: Iterable[tuple[Point, T]]) -> dict[Key, list[T]]:
    """What belongs to the points of each combination."""
    together: dict[Key, list[T]] = {}
    for point, own in found:
        together.setdefault(key(point.values), []).append(own)
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

"""The numbers of a table's columns, by step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeVar

from grok_tui.runs.importing.columns import Chosen
from grok_tui.runs.importing.numbers import Number, number_in, step_in
from grok_tui.runs.importing.row import Row, TableError, shown

# Numbers may be beyond their bounds by this much, because of rounding.
_ROUNDING = 1e-4

Parsed = TypeVar("Parsed")
Point = tuple[int, Number]


class Series:
    """The numbers of some quantities at ascending steps, row by row.

    points: step and number of each quantity; a number may be NaN. first, last: the bounds of
    all steps. resumed_at: where parts begin that replaced something.
    """

    def __init__(self, chosen: Chosen, *, resumed: bool = False) -> None:
        """Take rows with `add`. resumed: a step that goes back begins another part."""
        self._axis, self._names, self._resumed = chosen.axis, chosen.quantities, resumed
        self.points: dict[str, list[Point]] = {q: [] for q in chosen.quantities}
        self.first = self.last = 0
        self.resumed_at: list[int] = []
        self._part, self._newest = 0, -1

    def add(self, row: Row) -> None:
        """Take the next row. Raises TableError."""
        measured = {
            quantity: number
            for quantity, name in self._names.items()
            if (number := _parsed(_IN_RANGE[quantity], row, name)) is not None
        }
        if not measured and not row.cells.get(self._axis, "").strip():
            return
        step = _parsed(_step, row, self._axis)
        if row.part != self._part or (self._resumed and step < self._newest):
            self._resume(step, row)
        self.first = step if self._newest < 0 else min(step, self.first)
        self.last = max(step, self.last)
        self._part, self._newest = row.part, step
        for quantity, number in measured.items():
            self._append(quantity, step, number, row)

    def _resume(self, step: int, row: Row) -> None:
        """Drop what a resumed run measures again."""
        again = {
            quantity: points
            for quantity, points in self.points.items()
            if points and (row.part == self._part or self._names[quantity] in row.cells)
        }
        if step <= min((points[0][0] for points in again.values()), default=-1):
            raise TableError(
                f"{row.place}, column {shown(self._axis)}: the steps begin again at {step};"
                " keep the lines of one run"
            )
        if step > max((points[-1][0] for points in again.values()), default=-1):
            return
        for quantity, points in again.items():
            self.points[quantity] = [point for point in points if point[0] < step]
        self.last = max((points[-1][0] for points in self.points.values() if points), default=0)
        self.resumed_at.append(step)

    def _append(self, quantity: str, step: int, number: Number, row: Row) -> None:
        points = self.points[quantity]
        before, known = points[-1] if points else (-1, number)
        if step > before:
            points.append((step, number))
            return
        place = f"{row.place}, column {shown(self._names[quantity])}"
        if step < before:
            raise TableError(
                f"{place}: step {step} comes after step {before}; if the run was resumed there,"
                " add --resumed"
            )
        if math.isnan(known.value):
            points[-1] = (step, number)
        elif not math.isnan(number.value) and number.value != known.value:
            raise TableError(
                f"{place}: a second value at step {step} ({number.value:g} after"
                f" {known.value:g}); if {shown(self._axis)} is not the step, say which column"
                " is: --columns step=NAME"
            )


def _step(cell: str) -> int:
    try:
        return step_in(cell)
    except ValueError as error:
        raise ValueError(f"{error}; --columns step=NAME chooses another column") from None


def _not_negative(cell: str) -> Number | None:
    """The number in a cell, 0 if rounding made it negative. Raises ValueError."""
    number = number_in(cell)
    if number is None or not number.value <= 0:
        return number
    if number.value < -_ROUNDING:
        raise ValueError(f"{shown(cell)} is negative")
    return number._replace(value=0.0)


def _accuracy(cell: str) -> Number | None:
    number = _not_negative(cell)
    if number is not None and number.value > 100 + _ROUNDING:
        raise ValueError(f"{shown(cell)} is above 100%")
    return number


def _parsed(parse: Callable[[str], Parsed], row: Row, name: str) -> Parsed:
    try:
        return parse(row.cells.get(name, ""))
    except ValueError as error:
        raise TableError(f"{row.place}, column {shown(name)}: {error}") from None


_IN_RANGE: Mapping[str, Callable[[str], Number | None]] = {
    **dict.fromkeys(("train_loss", "test_loss", "weight_norm"), _not_negative),
    **dict.fromkeys(("train_acc", "test_acc"), _accuracy),
}

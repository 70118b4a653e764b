"""What was measured: single results, and the sections that gather them."""

from __future__ import annotations

from dataclasses import dataclass


class NotMeasuredError(Exception):
    """A section cannot run here; the message says why, in one line."""


class WrongError(Exception):
    """What would be compared does not compute the same, so no time of it means anything."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A target: at most `value`, or at least `value` if the flag is set."""

    value: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.value if self.at_least else value <= self.value

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table.

    ours, theirs: in `unit`; against: what `theirs` is. ratio: ours / theirs.
    target: in words; met: whether it was, None without one.
    """

    name: str
    ours: float
    unit: str
    against: str = ""
    theirs: float | None = None
    ratio: float | None = None
    target: str = ""
    met: bool | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """What one section measured; `not_measured` says why it measured nothing."""

    name: str
    results: tuple[Result, ...] = ()
    not_measured: str = ""


def alone(name: str, ours: float, unit: str, limit: Limit | None = None) -> Result:
    """A value, with the limit on it."""
    target, met = (f"{limit} {unit}", limit.met(ours)) if limit else ("", None)
    return Result(name, ours, unit, target=target, met=met)


def compared(
    name: str,
    ours: float,
    against: str,
    theirs: float,
    *,
    unit: str,
    limit: Limit | None = None,
) -> Result:
    """A value beside another, with the limit on their ratio."""
    ratio = ours / theirs
    target, met = (f"{limit}x", limit.met(ratio)) if limit else ("", None)
    return Result(name, ours, unit, against, theirs, ratio, target, met)

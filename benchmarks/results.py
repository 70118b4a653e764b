"""The results of measurements, and the sections that group them."""

from __future__ import annotations

from dataclasses import dataclass


class NotMeasuredError(Exception):
    """A section cannot be measured here; the message says why, in one line."""


class WrongError(Exception):
    """The two sides of a comparison compute different results, so their times mean nothing."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A target: at most `value`, or at least `value` if `at_least`."""

    value: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        return value >= self.value if self.at_least else value <= self.value

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.value:g}"


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the table.

    ours, theirs: in `unit`. against: what `theirs` is. ratio: ours / theirs.
    target: as text. met: whether it was met, None without a target.
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
    """The results of one section; not_measured: why there are none."""

    name: str
    results: tuple[Result, ...] = ()
    not_measured: str = ""


def alone(name: str, ours: float, unit: str, limit: Limit | None = None) -> Result:
    """A result with a limit on its value."""
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
    """A result compared with another value, with a limit on their ratio."""
    ratio = ours / theirs
    target, met = (f"{limit}x", limit.met(ratio)) if limit else ("", None)
    return Result(name, ours, unit, against, theirs, ratio, target, met)

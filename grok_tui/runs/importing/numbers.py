"""The numbers in cells, with the precision that they are written with."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from grok_tui.runs.importing.row import shown

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,4})?\s*%?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(?:nan(?:\(\w*\))?|inf(?:inity)?|1\.#\w+)")
_GAPS = frozenset(["", "-", "--", "na", "n/a", "#n/a", "<na>", "null", "none", "nil",
                   "undefined", "missing"])  # fmt: skip
# Groups of three digits: 1.000 may be one or a thousand.
_THOUSANDS = re.compile(r"[1-9]\d{0,2}([.,]\d{3})+", re.ASCII)
_MOST_STEPS = 1e15


class Number(NamedTuple):
    """A number in a cell.

    value: NaN if it is infinite or NaN. text: as it is written, in lower case.
    """

    value: float
    text: str

    @property
    def resolution(self) -> float:
        """What the last written digit counts: 1e-4 for 4.7321, 1e-8 for 1.2e-7."""
        mantissa, _, exponent = self.text.removesuffix("%").partition("e")
        decimals = mantissa.partition(".")[2]
        return float(f"1e{int(exponent or 0) - len(decimals)}")

    @property
    def percent(self) -> bool:
        """Whether a percent sign follows; it does not change the value."""
        return self.text.endswith("%")


def number_in(cell: str) -> Number | None:
    """The number in a cell, None if nothing was measured. Raises ValueError."""
    text = cell.strip().lower()
    if text in _GAPS:
        return None
    if not _NUMBER.fullmatch(text):
        if _NOT_FINITE.fullmatch(text):
            return Number(math.nan, text)
        raise ValueError(f"{shown(cell)} is not a number")
    value = float(text.rstrip("% "))
    return Number(value if math.isfinite(value) else math.nan, text)


def step_in(cell: str) -> int:
    """The whole number in a cell. Raises ValueError."""
    if _THOUSANDS.fullmatch(cell.strip()):
        raise ValueError(f"{shown(cell)} may be in thousands; write it without . and ,")
    number = number_in(cell)
    value = math.nan if number is None or number.percent else number.value
    if not 0 <= value <= _MOST_STEPS or value != int(value):
        raise ValueError(f"{shown(cell)} is not a whole number of 0 or more")
    return int(value)


def is_number(cell: str) -> bool:
    """Whether a cell has a number with a decimal point or comma, or says that it has none."""
    try:
        number_in(cell.replace(",", "."))
    except ValueError:
        return False
    return True

"""Numbers, durations and tables as text, the same everywhere; one-line errors and hints."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

MISSING = "-"
_UNITS = ((86_400, "days"), (3600, "h"), (60, "min"))
_GAP = "  "


class UserError(Exception):
    """What was asked for cannot be done; the message says why, and what to do.

    The user sees the message, not a traceback: one line of printable text, even if a file or a
    library contributed to it.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


def reason(error: Exception, what: str) -> str:
    """Why `what` cannot go on, in one line: an error of the user, of the system, or a bug."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return one_line(f"{place}{error.strerror or error}")
    return one_line(f"{what} broke: {type(error).__name__}: {error}")


# --- numbers --------------------------------------------------------------------------


def number(value: float | None) -> str:
    """Three significant digits: 4.76, 0.0123, 1.2e-07; `-` for None."""
    if value is None:
        return MISSING
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e5):
        return f"{value:.1e}"
    return f"{value:.3g}" if abs(value) < 999.5 else f"{value:.0f}"


def percent(share: float | None) -> str:
    """A share in 0..1 as 99.2%; `-` for None."""
    return MISSING if share is None else f"{100 * share:.1f}%"


def duration(seconds: float | None) -> str:
    """Seconds as 42 s, 12 min, 3 h or 2 days, in the largest unit of which there are two."""
    if seconds is None:
        return MISSING
    size, unit = next((unit for unit in _UNITS if seconds >= 2 * unit[0]), (1, "s"))
    return f"{seconds / size:,.0f} {unit}"


def whole(text: str) -> int:
    """A whole number as people write it: 1000, 1_000, 1e3. Raises ValueError."""
    try:
        return int(text)
    except ValueError:
        if not (value := float(text)).is_integer():
            raise
        return int(value)


def whole_number(text: str) -> int | None:
    """The number that a user typed, in digits; None if it is not a whole number."""
    try:
        return int(text)
    except ValueError:
        return None


# --- text from elsewhere --------------------------------------------------------------


def plain(text: str) -> str:
    """The text with `?` for every unprintable character except line breaks."""
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)


def one_line(text: str) -> str:
    """Plain text without line breaks."""
    return " ".join(plain(text).split("\n"))


def did_you_mean(word: str, known: Iterable[str], prefix: str = "") -> str:
    """`; did you mean NAME?` for the known name that comes nearest; empty if none is near.

    prefix: of both, which says nothing and is only shown.
    """
    names = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), names, 1)
    return f"; did you mean {prefix}{names[near[0]]}?" if near else ""


# --- tables ---------------------------------------------------------------------------


def table(rows: Sequence[Mapping[str, Any]], width: int | None = None) -> str:
    """Columns under their names, each as wide as its widest cell.

    rows: at least one, all with the columns of the first. width: of the terminal; columns that
    do not fit go into further tables below, each of which starts with the first column.
    """
    columns = [[name, *(cell(row[name]) for row in rows)] for name in rows[0]]
    return "\n\n".join(_lines(block) for block in _blocks(columns, width))


def cell(value: Any) -> str:
    """A value as the text of a cell."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return " ".join(f"{name}={item}" for name, item in value.items()) or MISSING
    if isinstance(value, list):
        return " ".join(map(str, value)) or MISSING
    return MISSING if value is None else str(value)


def _blocks(columns: list[list[str]], width: int | None) -> Iterator[list[list[str]]]:
    """The columns in groups that fit the width, each starting with the first column."""
    first, *others = columns
    block, used = [first], _width(first)
    for column in others:
        more = len(_GAP) + _width(column)
        if width is not None and len(block) > 1 and used + more > width:
            yield block
            block, used = [first], _width(first)
        block.append(column)
        used += more
    yield block


def _width(column: list[str]) -> int:
    return max(map(len, column))


def _lines(columns: list[list[str]]) -> str:
    widths = [_width(column) for column in columns]
    return "\n".join(
        _GAP.join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in zip(*columns, strict=True)
    )

"""Rows of a CSV table: any delimiter, decimal commas, comments, headers that come again."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence

from grok_tui.runs.importing.names import meaning
from grok_tui.runs.importing.numbers import is_number
from grok_tui.runs.importing.row import Row, TableError, shown

_DECIMAL = re.compile(r"\s*[+-]?\d*([.,])\d*(e[+-]?\d+)?\s*%?\s*", re.ASCII | re.IGNORECASE)
_MARKS = {".": "point", ",": "comma"}


def csv_rows(lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
    """The rows of numbered lines, up to one without a line break. Raises TableError."""
    table = _Table()
    for number, line in lines:
        place = f"line {number}"
        if not line.endswith("\n"):
            yield Row(place, {}, torn=True)
            return
        if row := table.row(place, line):
            yield row


class _Table:
    """What the lines so far say about the next: columns, delimiter, decimal point or comma.

    The first line is the header; so may be a comment before it, as NumPy writes one. Another
    header begins a new part.
    """

    def __init__(self) -> None:
        self._delimiter, self._comment = ",", ""
        self._names: list[str] = []
        self._part = 0
        self._first_decimal: tuple[str, str] | None = None

    def row(self, place: str, line: str) -> Row | None:
        """The row in a line; None for a comment, a header or empty cells. Raises TableError."""
        if line.lstrip().startswith("#"):
            self._comment = line.strip(" \t\n#")
            return None
        if line.lower().startswith("sep="):  # Excel's own header
            return None
        if not self._names:
            self._delimiter = _delimiter(line)
        cells = _split(line, self._delimiter, place)
        if not any(cells):
            return None
        if self._is_header(cells):
            self._part += bool(self._names)
            self._names = _columns(cells, place)
            return None
        if not self._names:
            self._names = _columns(_split(self._comment, self._delimiter, place), place)
        if len(cells) != len(self._names):
            expected = f" where the header has {len(self._names)}"
            if not self._names:
                expected = ", but no header; put a line with the names of the columns first"
            raise TableError(f"{place}: {len(cells)} cells{expected}")
        named = zip(self._names, cells, strict=True)
        row = {name: self._with_point(name, cell, place) for name, cell in named if name}
        return Row(place, row, self._part)

    def _is_header(self, cells: Sequence[str]) -> bool:
        texts = [cell for cell in cells if cell]
        if any(map(is_number, texts)):
            return False
        same = texts == self._names[-len(texts) :]
        return not self._names or same or any(meaning(t) in ("step", "epoch") for t in texts)

    def _with_point(self, name: str, cell: str, place: str) -> str:
        """A cell with a decimal point; a table has points or commas, but not both."""
        if not (decimal := _DECIMAL.fullmatch(cell)):
            return cell
        mark, where = self._first_decimal = self._first_decimal or (decimal[1], place)
        if decimal[1] != mark:
            raise TableError(
                f"{place}, column {shown(name)}: {shown(cell)} has a decimal"
                f" {_MARKS[decimal[1]]}, but {where} has a decimal {_MARKS[mark]};"
                " write all numbers with a point"
            )
        return cell.replace(",", ".")


def _delimiter(line: str) -> str:
    """The delimiter of a line, a space if there is no other."""
    unquoted = re.sub('"[^"]*"', "", line)
    best = max(";\t|,", key=unquoted.count)
    return best if best in unquoted else " "


def _split(line: str, delimiter: str, place: str) -> list[str]:
    """The cells of a line, without space around them. Raises TableError."""
    reader = csv.reader(
        [line.strip(" \n")], delimiter=delimiter, strict=True, skipinitialspace=True
    )
    try:
        return [cell.strip() for cell in next(reader, [])]
    except csv.Error as error:
        raise TableError(f"{place} is not a line of a CSV table ({error})") from None


def _columns(names: Sequence[str], place: str) -> list[str]:
    """The names of the columns; pandas leaves out that of the index, the first one."""
    columns = [names[0] or "index", *names[1:]] if names else []
    for name in columns:
        if meaning(name) and columns.count(name) > 1:
            raise TableError(
                f"{place}: two columns are named {shown(name)}; rename one of them"
            )
    return columns

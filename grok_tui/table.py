"""Tables as text, the same in every list that the command prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from grok_tui.text import MISSING

_GAP = "  "


def table(rows: Sequence[Mapping[str, Any]], width: int | None = None) -> str:
    """Columns as wide as their widest cell, under their names.

    rows: at least one; all have the columns of the first. width: what a line may have where it
    can; columns beyond it follow below, beside the first column once more.
    """
    columns = [[name, *(cell(row[name]) for row in rows)] for name in rows[0]]
    return "\n\n".join(_lines(block) for block in _blocks(columns, width))


def cell(value: Any) -> str:
    """A value as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return " ".join(f"{name}={item}" for name, item in value.items()) or MISSING
    if isinstance(value, list):
        return " ".join(map(str, value)) or MISSING
    return MISSING if value is None else str(value)


def _blocks(columns: list[list[str]], width: int | None) -> Iterator[list[list[str]]]:
    """The columns in groups that fit into the width, each after the first column."""
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

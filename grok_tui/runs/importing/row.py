"""A row of a table, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from grok_tui.runs.importing.names import meaning
from grok_tui.text import UserError

# Columns that say which quantity a row measures, and on which pairs.
_TAGS = ("tag", "metric", "key", "name")
_SPLITS = ("split", "phase", "mode", "stage", "subset", "set", "type", "run", "dir_name")


class TableError(UserError):
    """A table cannot be used; the message names the line and the column."""


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row as they are written, by the names of their columns.

    place: where it stands, such as `line 7`. part: how many headers came before its own.
    torn: whether it is a last line that is not all written yet; it has no cells.
    """

    place: str
    cells: Mapping[str, str]
    part: int = 0
    torn: bool = False


def shown(text: str) -> str:
    """A cell or name as part of a message."""
    text = text.strip()
    return ascii(text if len(text) <= 40 else f"{text[:37]}...")


def widened(row: Row) -> Row:
    """A row of a long table, which says what it measures in a cell, as one of a wide table.

    `tag: loss/train, value: 4.7` becomes `loss/train: 4.7`, and `split: train, loss: 4.7`
    becomes `train/loss: 4.7`. Other rows stay as they are.
    """
    names = {name.lower(): name for name in row.cells}
    cells = dict(row.cells)
    tag = next(filter(None, map(names.get, _TAGS)), None)
    if tag and (value := names.get("value")):
        cells[cells.pop(tag)] = cells.pop(value)
    for split in filter(None, map(names.get, _SPLITS)):
        pairs = cells.get(split, "")
        if meaning(f"{pairs}/loss") in ("train_loss", "test_loss"):
            cells = {
                f"{pairs}/{name}" if meaning(name) in ("loss", "acc") else name: cell
                for name, cell in cells.items()
            }
    return replace(row, cells=cells) if cells != row.cells else row

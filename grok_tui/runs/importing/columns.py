"""Which column of which file is which quantity; what is not clear must be said."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grok_tui.runs.importing.names import meaning
from grok_tui.runs.importing.row import Row, TableError, shown

QUANTITIES = ("train_loss", "test_loss", "train_acc", "test_acc", "weight_norm")
AXIS = "step"
# An error names no more columns of a file than this.
_MOST_NAMES = 12


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The rows of a file; names: of all columns, in the order in which they appear."""

    path: Path
    rows: Sequence[Row]
    names: Sequence[str]


Column = tuple[Table, str]


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The columns of one table that are used: that of the steps, and those of quantities."""

    table: Table
    axis: str
    quantities: Mapping[str, str]


def chosen(tables: Sequence[Table], given: Mapping[str, str]) -> list[Chosen]:
    """The columns to use of every table.

    given: the column of some quantities, or of `step`, as NAME or FILE:NAME. Raises TableError
    if a quantity that is needed has no column, or any has more than one.
    """
    columns = [(table, name) for table in tables for name in table.names]
    for quantity, said in given.items():
        if not any(_is_named(table, name, said) for table, name in columns):
            raise TableError(
                f"there is no column {shown(said)} for {quantity}; {_names(tables)}"
            )
    by_quantity = {q: _distinct(_candidates(q, columns, given)) for q in QUANTITIES}
    for quantity, candidates in by_quantity.items():
        if len(candidates) > 1:
            raise _unclear(quantity, candidates, tables)
    used = {q: candidates[0] for q, candidates in by_quantity.items() if candidates}
    lacking = [q for q in ("train_loss", "test_loss") if q not in used]
    if lacking and (lacking != ["test_loss"] or "test_acc" not in used):
        name = "NAME" if len(tables) == 1 else "FILE:NAME"
        flags = " ".join(f"{quantity}={name}" for quantity in lacking)
        raise TableError(
            f"there is no column {', '.join(lacking)}; {_names(tables)};"
            f" say which it is: --columns {flags}; several files may follow --metrics"
        )
    sources = []
    for table in tables:
        names = {q: name for q, (source, name) in used.items() if source is table}
        if not names:
            raise TableError(f"nothing in {table.path.name} is used; {_names([table])}")
        sources.append(Chosen(table, _axis(table, given, tables), names))
    if len({meaning(source.axis) == "epoch" for source in sources}) > 1:
        axes = ", ".join(f"{source.table.path.name} by {source.axis}" for source in sources)
        raise TableError(f"the files count differently ({axes}); they must have the same steps")
    return sources


def _distinct(candidates: Sequence[Column]) -> list[Column]:
    """The candidates without those that repeat the first one, as wandb repeats its steps."""
    distinct = list(candidates[:1])
    for table, name in candidates[1:]:
        first, column = candidates[0]
        same = table is first and all(
            row.cells.get(name) == row.cells.get(column) for row in table.rows
        )
        distinct += [] if same else [(table, name)]
    return distinct


def _candidates(
    quantity: str, columns: Sequence[Column], given: Mapping[str, str]
) -> list[Column]:
    if quantity in given:
        return [(t, name) for t, name in columns if _is_named(t, name, given[quantity])]
    free: dict[str, list[Column]] = {}
    for table, name in columns:
        if not any(_is_named(table, name, said) for said in given.values()):
            free.setdefault(meaning(name), []).append((table, name))
    candidates = free.get(quantity, [])
    if quantity == "train_loss":
        return candidates + free.get("loss", [])
    if quantity != "train_acc" or "acc" not in free:
        return candidates
    if not ("test_acc" in free or "test_acc" in given or "loss" in free):
        column = free["acc"][0][1]
        name = shlex.quote(column)
        raise TableError(
            f"{shown(column)} may be of train or of test pairs; say which:"
            f" --columns train_acc={name} or --columns test_acc={name}"
        )
    return candidates + free["acc"]


def _axis(table: Table, given: Mapping[str, str], tables: Sequence[Table]) -> str:
    """The column of the steps: the one that is given, or else steps, epochs or the index."""
    said = given.get(AXIS)
    if said and (names := [name for name in table.names if _is_named(table, name, said)]):
        return names[0]
    for axis in (AXIS, "epoch", "index"):
        named = _distinct([(table, name) for name in table.names if meaning(name) == axis])
        if len(named) > 1:
            raise _unclear(AXIS, named, tables)
        if named:
            return named[0][1]
    raise TableError(
        f"there is no column step; {_names([table])}; say which it is: --columns step=NAME"
    )


def _is_named(table: Table, name: str, said: str) -> bool:
    """Whether NAME or FILE:NAME is this column."""
    file, _, rest = said.rpartition(":")
    return said == name or (rest == name and file in (table.path.name, str(table.path)))


def _unclear(
    quantity: str, candidates: Sequence[Column], tables: Sequence[Table]
) -> TableError:
    labels = _labels(candidates, tables)
    return TableError(
        f"{quantity} may be {' or '.join(map(shown, labels))};"
        f" say which it is: --columns {quantity}={shlex.quote(labels[0])}"
    )


def _names(tables: Sequence[Table]) -> str:
    return "; ".join(
        f"{table.path.name} has {', '.join(map(shown, table.names[:_MOST_NAMES]))}"
        + (", ..." if len(table.names) > _MOST_NAMES else "")
        for table in tables
    )


def _labels(columns: Sequence[Column], tables: Sequence[Table]) -> list[str]:
    """The columns as NAME, or FILE:NAME if there are several files."""
    if len(tables) == 1:
        return [name for _, name in columns]
    files = [table.path.name for table in tables]
    return [
        f"{table.path.name if files.count(table.path.name) == 1 else table.path}:{name}"
        for table, name in columns
    ]

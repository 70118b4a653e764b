"""Rows of JSON: an object for each line, a list of objects, or lists by name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from grok_tui.runs.importing.names import meaning
from grok_tui.runs.importing.row import Row, TableError, shown

# Hugging Face's last entry has this, and the mean train loss of the whole run.
_SUMMARY = "train_runtime"
# The numbers of a list in JSON from TensorBoard, named as in its CSV.
_TENSORBOARD = ("Wall time", "Step", "Value")


def json_rows(text: str, lines: Sequence[tuple[int, str]]) -> Iterator[Row]:
    """The rows of a JSON text, which has these lines. Raises TableError."""
    try:
        first = next((n for n, (_, line) in enumerate(lines) if line.lstrip()[0] in "{["), 0)
        if (first or len(lines) > 1) and isinstance(_parsed(lines[first][1]), dict):
            return json_line_rows(lines)
    except ValueError:
        pass  # a document of several lines
    try:
        document = _parsed(text)
    except ValueError as error:
        raise TableError(f"it is not JSON, or not all of it is written yet ({error})") from None
    return _document_rows(document)


def json_line_rows(lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
    """The rows of numbered lines, which need not all be there yet. Raises TableError."""
    for number, line in lines:
        if line.lstrip().startswith("#"):
            continue
        try:
            entry = _parsed(line)
        except ValueError as error:
            if not line.endswith("\n"):
                yield Row(f"line {number}", {}, torn=True)
                return
            raise TableError(f"line {number} is not JSON ({error})") from None
        if not isinstance(entry, dict):
            raise TableError(f"line {number} is not a JSON object")
        yield from _rows([entry], f"line {number}")


def _document_rows(document: Any) -> Iterator[Row]:
    records = [document]
    if isinstance(document, list):
        records = document
    elif lists := [v for v in document.values() if v and isinstance(v, list)
                   and all(isinstance(item, dict) for item in v)]:  # fmt: skip
        if len(lists) > 1:
            raise TableError("it has several lists of objects; keep the one with the losses")
        records = lists[0]
    elif columns := _columns(document):
        entries = zip(*columns.values(), strict=True)
        records = [dict(zip(columns, entry, strict=True)) for entry in entries]
    return _rows(records)


def _columns(document: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The lists by name in an object such as a Keras history; empty if there are none."""
    columns: dict[str, Sequence[Any]] = {}
    for name, value in _flat(document):
        if isinstance(value, list):
            columns[name] = value
        elif isinstance(value, dict):  # as pandas writes a column
            columns[name] = list(value.values())
            columns.setdefault("index", list(value))
    known = {name: len(columns[name]) for name in columns if meaning(name)}
    if len(set(known.values())) > 1:
        counts = ", ".join(f"{shown(name)} {count:,}" for name, count in known.items())
        raise TableError(
            f"its lists have different lengths ({counts}); put null where nothing was measured"
        )
    rows = max(known.values(), default=0)
    columns = {name: column for name, column in columns.items() if len(column) == rows}
    if rows and not any(meaning(name) in ("step", "epoch", "index") for name in columns):
        columns["epoch"] = [str(number) for number in range(rows)]
    return columns


def _rows(records: Iterable[Any], place: str = "") -> Iterator[Row]:
    for number, record in enumerate(records, 1):
        where = place or f"entry {number}"
        entry = record
        if isinstance(record, list) and len(record) == len(_TENSORBOARD):
            entry = dict(zip(_TENSORBOARD, record, strict=True))
        if not isinstance(entry, dict):
            raise TableError(f"{where} is not a JSON object")
        if _SUMMARY not in entry:
            cells = {n: "" if v is None else v for n, v in _flat(entry)}
            yield Row(where, {n: v for n, v in cells.items() if isinstance(v, str)})


def _flat(content: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested objects, by names such as `train/loss`."""
    for name, value in content.items():
        if isinstance(value, dict) and not (value and all(map(str.isdecimal, value))):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value


def _parsed(text: str) -> Any:
    """JSON whose numbers stay text. Raises ValueError."""
    try:
        return json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None

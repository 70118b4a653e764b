"""A table of losses as rows of named cells, whatever format it is written in."""

from __future__ import annotations

import codecs
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from grok_tui.runs.importing.csv_rows import csv_rows
from grok_tui.runs.importing.json_rows import json_rows
from grok_tui.runs.importing.row import Row, TableError, widened


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, by its content. Raises TableError or OSError."""
    return rows_of(text_of(path.read_bytes()))


def text_of(content: bytes) -> str:
    """The text of a file; the end of one that is still being written may be missing.

    gzip is unpacked. UTF-16 is known by its mark or its zeros, anything else is UTF-8, whose
    invalid bytes are replaced: they cannot be part of a number. Raises TableError.
    """
    content = _unpacked(content)
    encoding = "utf-8"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif len(content) > 1 and 0 in content[:2]:
        encoding = "utf-16-le" if content[0] else "utf-16-be"
    text = codecs.getincrementaldecoder(encoding)("replace").decode(content)
    return text.replace("\ufeff", "")  # also between files that were joined


def rows_of(text: str) -> Iterator[Row]:
    """The rows of a CSV table, of JSON lines or of a JSON document. Raises TableError.

    A last line without its line break is still being written, and left out.
    """
    lines = [(n, line) for n, line in enumerate(io.StringIO(text, newline=None), 1)
             if line.strip()]  # fmt: skip
    first = next((line.lstrip() for _, line in lines if not line.lstrip().startswith("#")), "")
    rows = json_rows(text, lines) if first.startswith(("{", "[")) else csv_rows(lines)
    return map(widened, rows)


def _unpacked(content: bytes) -> bytes:
    """The content of a gzip file as far as it is there; other content as it is."""
    if not content.startswith(b"\x1f\x8b"):
        return content
    unpacked = b""
    try:
        while content:
            member = zlib.decompressobj(wbits=31)
            unpacked += member.decompress(content)
            content = member.unused_data
    except zlib.error as error:
        raise TableError(f"the gzip file is damaged ({error})") from None
    return unpacked

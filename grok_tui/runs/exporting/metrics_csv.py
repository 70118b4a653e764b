"""The metrics of a run as CSV."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from grok_tui.runs.reader import metric_lines


def write_csv(run: Path, stream: TextIO) -> None:
    """Write one row per step, with empty cells for numbers that a step lacks.

    The key frequencies are in one column, separated by spaces; sums of squares have one column
    per weight. Raises LineError or OSError, before writing anything.
    """
    columns: dict[str, None] = {}
    count = 0
    for row in _rows(run):
        columns |= dict.fromkeys(row)
        count += 1
    writer = csv.DictWriter(stream, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(itertools.islice(_rows(run), count))  # the run may have grown since


def _rows(run: Path) -> Iterator[dict[str, Any]]:
    for line in metric_lines(run):
        row: dict[str, Any] = {}
        for name, value in line.items():
            if isinstance(value, dict):
                row |= {f"{name}.{part}": x for part, x in value.items()}
            else:
                row[name] = " ".join(map(str, value)) if isinstance(value, list) else value
        yield row

"""The phase diagram of a sweep: steps to grok over two axes, as text."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from grok_tui.config import written
from grok_tui.sweep.folder import Outcome
from grok_tui.sweep.spec import Axis, Point, Spec
from grok_tui.table import table

Outcomes = Sequence[tuple[Point, Outcome]]

NEVER, UNKNOWN, FAILED = "never", "...", "failed"


def phase_map(spec: Spec, outcomes: Outcomes) -> str:
    """Median steps to grok: rows of the first axis, columns of the second, a map for each
    combination of the others.
    """
    rows, columns, others = _split(spec)
    return "\n\n".join(
        _one(rows, columns, dict(zip((a.field for a in others), fixed, strict=True)), outcomes)
        for fixed in itertools.product(*(axis.values for axis in others))
    )


def _split(spec: Spec) -> tuple[Axis, Axis | None, tuple[Axis, ...]]:
    if not spec.axes:
        return Axis("", ("all",)), None, ()
    return spec.axes[0], spec.axes[1] if len(spec.axes) > 1 else None, spec.axes[2:]


def _one(rows: Axis, columns: Axis | None, fixed: Mapping[str, Any], outcomes: Outcomes) -> str:
    title = ", ".join(f"{name} {written(value)}" for name, value in fixed.items())
    corner = f"{rows.field} \\ {columns.field}" if columns else rows.field
    lines = []
    for value in rows.values:
        own = dict(fixed) | ({rows.field: value} if rows.field else {})
        line = {corner: written(value)}
        if columns is None:
            line["steps to grok"] = cell(own, outcomes)
        for other in columns.values if columns else ():
            line[written(other)] = cell({**own, columns.field: other}, outcomes)  # type: ignore[union-attr]
        lines.append(line)
    return "\n".join([*([title] if title else []), table(lines)])


def cell(values: Mapping[str, Any], outcomes: Outcomes) -> str:
    """The median over the seeds of a combination, `never` if most of them never grok."""
    found = [o for point, o in outcomes if point.values.items() >= values.items()]
    ended = [outcome for outcome in found if outcome.state in ("done", "failed")]
    if len(ended) < len(found):
        return UNKNOWN
    if all(outcome.state == "failed" for outcome in ended):
        return FAILED
    steps = sorted(o.grok_step if o.grok_step is not None else float("inf") for o in ended)
    middle = statistics.median_low(steps)
    grokked = sum(o.grok_step is not None for o in ended)
    text = NEVER if middle == float("inf") else f"{middle:,}"
    return text if grokked in (0, len(ended)) else f"{text} ({grokked} of {len(ended)})"

"""Which checkpoints of a run are kept: the rule in the field `keep`."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

Rule = Sequence[tuple[str, int]]

_PART = re.compile(r"(all|first|phases)|(last|every) +([1-9][0-9]{0,7})")


def parse(text: str) -> Rule:
    """The parts of a rule, each with the number of `last` or `every`, else 0.

    Raises ValueError with a message for the user.
    """
    parts = []
    for part in text.split(","):
        matched = _PART.fullmatch(part.strip())
        if not matched:
            raise ValueError("must list all, first, last N, every M or phases")
        alone, counted, number = matched.groups()
        parts.append((alone or counted, int(number or 0)))
    return parts


def unneeded(
    rule: Rule, steps: Collection[int], *, rhythm: int, changes: Collection[int]
) -> set[int]:
    """The steps whose checkpoints a rule does not keep; it always keeps the newest.

    steps: those with a checkpoint. rhythm: steps between scheduled checkpoints, the unit of
    `every`. changes: the steps at which the phase changed.
    """
    ordered = sorted(steps)
    kept = set(ordered[-1:])
    for kind, number in rule:
        match kind:
            case "all":
                kept.update(ordered)
            case "first":
                kept.update(ordered[:1])
            case "last":
                kept.update(ordered[-number:])
            case "every":
                kept.update(step for step in ordered if step % (number * rhythm) == 0)
            case "phases":
                for change in changes:
                    kept.update([step for step in ordered if step < change][-1:])
                    kept.update([step for step in ordered if step >= change][:1])
    return set(ordered) - kept

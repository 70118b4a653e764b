"""The settings of a run as a form shows them: values, edits, and why one is refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grok_tui.config.schema import FIELDS, ConfigError, build, is_live
from grok_tui.tasks.registry import check
from grok_tui.view.state import SessionState

# The notches of a decade: the preferred numbers R"10 of ISO 497.
_NOTCHES = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8)
FROM_ZERO = 0.1
_ENDED = "the run has ended; r starts a new one"
_UNKNOWN = "not known: another program trains this run"


@dataclass(frozen=True, slots=True)
class FieldView:
    """One field of the form.

    value: in this run, None if unknown. wanted: the value after all edits that still wait.
    ended: whether the run is over.
    """

    name: str
    value: Any
    wanted: Any
    ended: bool

    @property
    def edited(self) -> bool:
        """Whether an edit waits for the trainer or for the next run."""
        return bool(self.wanted != self.value)

    @property
    def refusal(self) -> str:
        """Why the field cannot be edited now; empty if it can."""
        if self.value is None:
            return _UNKNOWN
        return _ENDED if self.ended and is_live(self.name) else ""


def field_view(state: SessionState, name: str) -> FieldView:
    value = state.known(name)
    wanted = {**state.pending, **state.planned}.get(name, value)
    return FieldView(name, value, wanted, state.ended)


def parsed(name: str, text: str) -> Any:
    """Parse a field's text, without checking it. Raises ConfigError if it is not a number."""
    text = text.strip()
    kind = FIELDS[name].annotation
    if kind not in (int, float):
        return text
    try:
        return int(text) if kind is int else float(text)
    except ValueError:
        pass
    try:
        return float(text)  # 1e6 is a valid int, too
    except ValueError:
        raise ConfigError(f"{name} must be a number (got {text!r})") from None


def checked(state: SessionState, name: str, text: str) -> Any:
    """Parse a field's text and check it together with all other fields. Raises ConfigError."""
    if refusal := field_view(state, name).refusal:
        raise ConfigError(refusal)
    fields = {**state.config, **state.planned, name: parsed(name, text)}
    known = {field: value for field, value in fields.items() if value is not None}
    return getattr(check(build(known)), name)


def notched(value: float, direction: int) -> float:
    """The next notch above a value (direction 1) or below it (-1), of two digits at most.

    The notches are about a quarter apart and the same for every value, so that a turn up and
    one down come back to a notch. From zero, up leads to `FROM_ZERO`.
    """
    if not value:
        return FROM_ZERO if direction > 0 else 0.0
    decade = math.floor(math.log10(value))
    notches = [float(f"{n}e{k}") for k in (decade - 1, decade, decade + 1) for n in _NOTCHES]
    if direction > 0:
        return min(notch for notch in notches if notch > value)
    return max(notch for notch in notches if notch < value)


def turned(options: Sequence[str], text: str, direction: int) -> str:
    """The option after `text` (direction 1) or before it (-1), wrapping around."""
    if text not in options:
        return options[0]
    return options[(options.index(text) + direction) % len(options)]

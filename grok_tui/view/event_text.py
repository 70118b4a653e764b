"""Events as sentences for the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grok_tui.protocol.events import (
    CheckpointSaved,
    CommandRejected,
    Compiling,
    ConfigApplied,
    Event,
    Failed,
    Paused,
    PhaseChanged,
    Resumed,
    Started,
    Stopped,
    Warned,
)
from grok_tui.text import number


def sentence(event: Event) -> str | None:  # noqa: C901, PLR0911  one case each
    """An event as a log line; None for events that carry only numbers."""
    match event:
        case Compiling(stage):
            return stage
        case Started(_, _, device, n_train, n_test, seconds):
            compiled = f"compiled in {number(seconds)} s" if seconds else "started"
            return f"{compiled} on {device}: {n_train} train pairs, {n_test} test pairs"
        case Paused():
            return "paused"
        case Resumed():
            return "resumed"
        case ConfigApplied():
            return f"undid: {edit_text(event)}" if event.undo else edit_text(event)
        case CommandRejected(_, command, reason):
            return f"{command}: {reason}"
        case PhaseChanged(_, phase, reason):
            return f"{phase}: {reason}"
        case Warned(_, message):
            return message
        case CheckpointSaved(_, path):
            return f"saved {path}"
        case Stopped(_, reason):
            return f"stopped: {reason}"
        case Failed(_, reason):
            return f"failed: {reason}"
        case _:
            return None


def edit_text(event: ConfigApplied) -> str:
    """`lr 0.001 → 0.002`"""
    return f"{event.field} {value_text(event.old)} → {value_text(event.new)}"


def changes_text(changes: Mapping[str, Any]) -> str:
    """`lr 0.001, weight_decay 3`"""
    return ", ".join(f"{name} {value_text(value)}" for name, value in changes.items())


def value_text(value: Any) -> str:
    """The value of a field, with at most six digits."""
    return f"{value:.6g}" if isinstance(value, float) else str(value)

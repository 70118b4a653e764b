"""How far a run is, and when it will be done, as text."""

from __future__ import annotations

from grok_tui.text import duration
from grok_tui.view.state import SessionState


def step_text(state: SessionState) -> str:
    """`408 / 25,000`; only `408` if the last step is not known."""
    last = state.last_step
    return f"{state.step:,}" if last is None else f"{state.step:,} / {last:,}"


def time_left_text(state: SessionState) -> str:
    """`2 h to step 25,000`; empty once the run has ended, or while that is not known."""
    if state.ended or not state.seconds_left:
        return ""
    return f"{duration(state.seconds_left)} to step {state.last_step:,}"

"""What the doctor is told of the run on the screen."""

from __future__ import annotations

from grok_tui.doctor import Case, Curve
from grok_tui.view.series import Series
from grok_tui.view.state import SessionState


def case_from(state: SessionState) -> Case:
    """The case of a session's state."""
    return Case(
        state.config,
        state.step,
        _curve(state.train_loss),
        _curve(state.test_loss),
        _curve(state.train_acc),
        _curve(state.test_acc),
        _curve(state.weight_norm),
        _curve(state.vitals.series["zero_loss_share"]),
        state.learned.measures,
        ended=state.ended,
        diverged=state.diverged,
        edited=state.edited,
    )


def _curve(series: Series) -> Curve:
    return Curve(series.steps, series.values)

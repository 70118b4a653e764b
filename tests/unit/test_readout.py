from __future__ import annotations

import numpy as np
import pytest

from grok_tui.config.schema import Config
from grok_tui.tui.widgets.readout import notes, readout
from grok_tui.view.charts.plot import Scene
from grok_tui.view.charts.scales import ACCURACY, LOSS
from grok_tui.view.charts.window import ChartView
from grok_tui.view.series import Series
from grok_tui.view.state import SessionState


def run(first: float, last: float) -> SessionState:
    """A thousand steps with evaluations every hundred."""
    steps, every = np.arange(1, 1001), np.arange(100, 1001, 100)
    evaluated = Series().extended(every, np.linspace(0.1, 1, 10))
    return SessionState(
        Config().model_dump(),
        train_loss=Series().extended(steps, np.geomspace(first, last, 1000)),
        test_loss=evaluated, train_acc=evaluated, test_acc=evaluated,
    )  # fmt: skip


def scene(crosshair: int, ghost: SessionState | None = None) -> Scene:
    return Scene(run(5, 1e-6), ChartView(crosshair=crosshair), ghost=ghost)


def test_the_readout_has_every_value_and_the_step_of_older_ones() -> None:
    said = readout(LOSS, scene(250), 60).plain
    assert said == "step 250  train 0.107  test 0.2 @200"
    assert readout(LOSS, scene(200), 60).plain.endswith("  test 0.2")
    assert readout(ACCURACY, scene(1000), 60).plain == "step 1000  train 100.0%  test 100.0%"


def test_before_the_first_evaluation_there_is_no_value() -> None:
    assert readout(ACCURACY, scene(99), 60).plain == "step 99  train -  test -"


def test_the_readout_has_the_ghosts_values() -> None:
    said = readout(LOSS, scene(1000, run(5, 2e-3)), 80).plain
    assert said == "step 1000  train 1e-6  test 1  ghost train 0.002  ghost test 1"


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (40, "step 250  train 0.107  test 0.2 @200"),
        (35, "250 ⠒0.107 ▞0.2 @200"),
        (20, "250 ⠒0.107 ▞0.2 @200"),
        (19, "250 ⠒0.107 ▞0.2"),
        (14, "250 ⠒0.107"),
        (2, ""),
    ],
)
def test_a_narrow_readout_is_shorter(width: int, said: str) -> None:
    assert readout(LOSS, scene(250), width).plain == said


def test_the_usual_view_has_no_notes() -> None:
    assert notes(Scene(run(5, 1)), "", 60).plain == ""


def test_notes_name_unusual_settings() -> None:
    view = ChartView(end=400.0, smoothing="strong")
    unusual = Scene(run(5, 1), view, ghost=run(5, 1))
    assert notes(unusual, "quick-1", 60).plain == (
        "held at 400  strong smoothing  ghost: quick-1"
    )
    assert notes(unusual, "quick-1", 38).plain == "held at 400  strong smoothing  ghost"
    assert notes(unusual, "quick-1", 30).plain == "held at 400  strong smoothing"
    assert notes(unusual, "quick-1", 3).plain == ""


def test_a_name_is_not_markup() -> None:
    ghosted = Scene(run(5, 1), ghost=run(5, 1))
    assert notes(ghosted, "[b]run[/b]", 60).plain == "ghost: [b]run[/b]"

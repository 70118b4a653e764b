"""The runs of one cell of a sweep's map, with a row for each seed."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import DataTable

from grok_tui.sweep.folder import Outcome
from grok_tui.sweep.progress import SweepProgress
from grok_tui.sweep.spec import Point
from grok_tui.text import MISSING, percent
from grok_tui.tui.widgets.sweep_map import redraw

_BAR = 10
_HEADS = ("run", "steps", "", "test accuracy", "grokked at", "state")
_LONGEST_STATE = "not grokked"


class SweepRuns(DataTable[Text]):
    """A printed table of runs with their progress and outcome."""

    DEFAULT_CSS = """
    SweepRuns { height: auto; max-height: 40%; border: round $primary; padding: 0 1; }
    SweepRuns:focus { border: round $accent; }
    """

    def __init__(self, progress: SweepProgress) -> None:
        super().__init__(cursor_type="row", id="sweep-runs")
        self._progress = progress

    def on_mount(self) -> None:
        for head in _HEADS:
            self.add_column(head)

    def fill(self, points: Sequence[Point], *, training: bool) -> None:
        """Show the runs of some points; training: whether the sweep is being trained."""
        if not self.columns:  # not mounted yet
            return
        drawn = [self._row(point, training=training) for point in points]
        if [str(known.value) for known in self.rows] != [point.name for point in points]:
            self.clear()
            for point, row in zip(points, drawn, strict=True):
                self.add_row(*row, key=point.name)
            return
        redraw(self, drawn)

    def _row(self, point: Point, *, training: bool) -> list[Text]:
        """The texts of a point, of constant width, since columns do not resize."""
        outcome = self._progress.outcomes[point.name]
        running = self._progress.running.get(point.name)
        state = _state(outcome, training=training and running is not None)
        acc = running.test_acc if running else outcome.test_acc
        filled, steps = round(_BAR * self._progress.share(point)), f"{point.config.steps:,}"
        texts = (
            f"seed {point.seed}",
            f"{self._progress.last_step(point.name):>{len(steps)},} / {steps}",
            "#" * filled + "." * (_BAR - filled),
            percent(acc),
            MISSING if outcome.grok_step is None else f"{outcome.grok_step:,}",
            state.ljust(len(_LONGEST_STATE)),
        )
        return [Text(text) for text in texts]


def _state(outcome: Outcome, *, training: bool) -> str:
    if outcome.state == "done":
        return "grokked" if outcome.grok_step is not None else _LONGEST_STATE
    return "training" if training else outcome.state

"""The screen of a sweep: its map, and the runs of the cell under the cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, get_args

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import DataTable, Static
from textual.worker import get_current_worker

from grok_tui.sweep.folder import SweepFolder
from grok_tui.sweep.phase_map import cell, combined, key, planes
from grok_tui.sweep.progress import SweepProgress
from grok_tui.sweep.spec import Point
from grok_tui.text import one_line, reason
from grok_tui.tui.messages import Ending, ReplayRequested, SweepProgressed
from grok_tui.tui.widgets.footer import KeysFooter
from grok_tui.tui.widgets.sweep_map import Measure, Shown, SweepMap
from grok_tui.tui.widgets.sweep_runs import SweepRuns

# Trains the missing points, calling its argument from time to time; raises UserError.
Train = Callable[[Callable[[], None]], None]
_MEASURES: tuple[Measure, ...] = get_args(Measure)


class LeavingError(Exception):
    """The user left the screen while points were being trained."""


class SweepScreen(Screen[None]):
    """A sweep in training, or one that has ended."""

    DEFAULT_CSS = """
    SweepScreen > Static { height: 1; padding: 0 2; }
    SweepScreen #sweep-title { text-style: bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "leave", "Quit", id="sweep-quit"),
        Binding("o", "next_measure", "Steps or accuracy", id="sweep-measure"),
        Binding("right_square_bracket", "plane(1)", "Next map", id="sweep-next"),
        Binding("left_square_bracket", "plane(-1)", "Previous map", id="sweep-before"),
        Binding("tab", "app.focus_next", "Map or runs", id="sweep-focus"),
    ]

    def __init__(
        self, folder: SweepFolder, progress: SweepProgress, train: Train | None
    ) -> None:
        """train: trains the missing points, in a thread; None if there are none."""
        super().__init__()
        self._folder, self._progress, self._train = folder, progress, train
        self._training = train is not None
        self._asked = False
        self._planes = planes(folder.spec)
        self._plane = self._measure = 0
        self._points = combined((point, point) for point in folder.points)
        self._problem = ""

    def compose(self) -> ComposeResult:
        yield Static(id="sweep-title")
        yield Static(id="sweep-progress")
        yield SweepMap()
        yield SweepRuns(self._progress)
        yield KeysFooter(palette=True)

    def on_mount(self) -> None:
        self._map.border_title = one_line(self._folder.path.name)
        self._lay_out()
        self._map.focus()
        if self._train is not None:
            self.run_worker(self._work, thread=True, exit_on_error=False)

    @property
    def _map(self) -> SweepMap:
        return self.query_one(SweepMap)

    @property
    def _runs(self) -> SweepRuns:
        return self.query_one(SweepRuns)

    def say(self, text: str) -> None:
        """Show a message until the cursor moves."""
        self._runs.border_subtitle = one_line(text)

    # --- training -------------------------------------------------------------------------

    def _work(self) -> None:
        """Train in this thread."""
        assert self._train is not None
        try:
            self._train(self._tick)
            self.post_message(SweepProgressed(ended=True))
        except LeavingError:
            return
        except Exception as error:  # noqa: BLE001  the boundary: the screen says it
            self.post_message(SweepProgressed(ended=True, problem=reason(error, "the sweep")))

    def _tick(self) -> None:
        if get_current_worker().is_cancelled:
            raise LeavingError
        self._progress.look()
        self.post_message(SweepProgressed())

    def on_sweep_progressed(self, message: SweepProgressed) -> None:
        if message.ended:
            self._training, self._problem = False, message.problem
        self._show()

    # --- drawing --------------------------------------------------------------------------

    def _lay_out(self) -> None:
        self._map.lay_out(self._planes[self._plane])
        self._show()

    def _show(self) -> None:
        plane, measure = self._planes[self._plane], _MEASURES[self._measure]
        self.query_one("#sweep-title", Static).update(Content(self._title()))
        self.query_one("#sweep-progress", Static).update(Content(self._progress_text()))
        cells = [
            [self._shown(self._points_of(row, column)) for column in range(len(plane.heads))]
            for row in range(len(plane.sides))
        ]
        self._map.fill(cells, measure)
        self._show_runs()

    def _title(self) -> str:
        """The title of the map."""
        plane, seeds = self._planes[self._plane], self._folder.spec.seeds
        parts: list[str] = [_MEASURES[self._measure]]
        if seeds > 1:
            parts.append(f"median of {seeds} seeds")
        if plane.rows.field:
            parts.append(f"{plane.rows.field} down")
        if plane.columns.field:
            parts.append(f"{plane.columns.field} across")
        return ", ".join([*parts, *([plane.title] if plane.title else [])])

    def _progress_text(self) -> str:
        progress = self._progress
        if self._problem:
            return self._problem
        if not self._training:
            failed = sum(o.state == "failed" for o in progress.outcomes.values())
            again = f"; {failed} failed (--retry-failed trains them again)" if failed else ""
            return f"all {len(progress.outcomes)} points have ended{again}"
        ended = f"{progress.ended} of {len(progress.missing)} points ended"
        return f"{ended}, {len(progress.running)} running{progress.left_text()}"

    def _points_of(self, row: int, column: int) -> list[Point]:
        return self._points[key(self._planes[self._plane].values(row, column))]

    def _shown(self, points: list[Point]) -> Shown:
        summary = cell([self._progress.outcomes[point.name] for point in points])
        return Shown(summary, sum(map(self._progress.share, points)) / len(points))

    def _show_runs(self) -> None:
        at = self._map.cursor_coordinate
        self._runs.fill(self._points_of(at.row, at.column), training=self._training)

    # --- keys -----------------------------------------------------------------------------

    def on_data_table_cell_highlighted(self) -> None:
        self.say("")
        self._show_runs()

    def on_data_table_cell_selected(self) -> None:
        """Handle enter on the map: go to the cell's runs, or open the only one."""
        at = self._map.cursor_coordinate
        points = self._points_of(at.row, at.column)
        if len(points) == 1:
            self.post_message(ReplayRequested(self._folder.run_of(points[0])))
        else:
            self._runs.focus()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show why the run under the cursor failed, if it did."""
        outcome = self._progress.outcomes.get(str(event.row_key.value))
        if outcome and outcome.error:
            self.say(outcome.error)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        self.post_message(ReplayRequested(self._folder.path / str(event.row_key.value)))

    def action_next_measure(self) -> None:
        self._measure = (self._measure + 1) % len(_MEASURES)
        self._show()

    def action_plane(self, by: int) -> None:
        """Go to another combination of the axes after the second."""
        self._plane = (self._plane + by) % len(self._planes)
        self._lay_out()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        return action != "plane" or len(self._planes) > 1

    def action_leave(self) -> None:
        """Leave; while points are trained, only when asked twice."""
        if self._training and not self._asked:
            self._asked = True
            self.say("press q again to stop; finished points are kept")
            return
        self.app.exit(Ending(2, self._problem) if self._problem else Ending(0))

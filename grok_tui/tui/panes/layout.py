"""Lays out the panes: beside the charts on a large screen, one at a time on a small one."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from grok_tui.text import UserError, did_you_mean
from grok_tui.tui.panes.ask import Ask
from grok_tui.tui.panes.attention import Attention
from grok_tui.tui.panes.charts import Charts
from grok_tui.tui.panes.circle import Circle
from grok_tui.tui.panes.doctor import Doctor
from grok_tui.tui.panes.fourier import Fourier
from grok_tui.tui.panes.grid import Grid
from grok_tui.tui.panes.health import HealthPane
from grok_tui.tui.panes.log import Log
from grok_tui.tui.panes.measures import MeasuresPane
from grok_tui.tui.panes.neurons import Neurons
from grok_tui.tui.panes.pane import Pane
from grok_tui.tui.panes.parameters import Parameters
from grok_tui.tui.panes.residues import Residues
from grok_tui.tui.widgets.pane_bar import PaneBar
from grok_tui.view.state import SessionState

# In the order of the bar.
PANES: tuple[type[Pane], ...] = (
    Charts, Parameters, Residues, Grid, Fourier, MeasuresPane, Circle, Attention, Neurons, Ask,
    Log, Doctor, HealthPane,
)  # fmt: skip
PANE_KEYS = tuple(pane.KEY for pane in PANES)
# From this size on, a terminal shows the charts and another pane side by side.
WIDE_WIDTH, WIDE_HEIGHT = 120, 36


def pane_number(title: str) -> int:
    """The number of the pane with a title, in upper or lower case. Raises UserError."""
    titles = [pane.TITLE.lower() for pane in PANES]
    if title.lower() not in titles:
        raise UserError(
            f"there is no pane '{title}'; choose one of {', '.join(titles)}"
            f"{did_you_mean(title, titles)}"
        )
    return titles.index(title.lower()) + 1


class Panes(Vertical):
    """The bar with the names of all panes, and below it the panes on screen."""

    DEFAULT_CSS = """
    Panes #charts, Panes #beside { width: 1fr; height: 1fr; }
    Panes #beside > Pane { height: 1fr; }
    """

    def __init__(self, state: SessionState) -> None:
        super().__init__()
        self._state = state
        charted = (Charts, MeasuresPane)
        self._all = [pane(state) if pane in charted else pane() for pane in PANES]
        self._column = Vertical(*self._all[1:], id="beside")
        self._small = False
        self._show_beside(self._all[1])

    def compose(self) -> ComposeResult:
        yield PaneBar([(pane.KEY, pane.TITLE, pane.SHORT or pane.TITLE) for pane in self._all])
        yield Horizontal(self._all[0], self._column)

    def on_mount(self) -> None:
        self.choose(1)

    def fit(self, width: int, height: int) -> None:
        """Arrange the panes for the size of the terminal."""
        self._small = width < WIDE_WIDTH or height < WIDE_HEIGHT
        self._arrange()
        if self.screen.focused is None:  # the terminal was too small for any pane
            self.call_after_refresh(self.current.reveal)

    @property
    def current(self) -> Pane:
        """The pane chosen last."""
        return self._all[self.query_one(PaneBar).current]

    def choose(self, number: int) -> None:
        """Show and focus the pane with a number; the first is 1."""
        self.query_one(PaneBar).current = number - 1
        if number > 1:
            self._show_beside(self.current)
        self._arrange()
        self.current.reveal()

    def _show_beside(self, chosen: Pane) -> None:
        """Show one pane beside the charts; not by CSS classes, which would restyle it all."""
        for pane in self._all[1:]:
            pane.display = pane is chosen

    def _arrange(self) -> None:
        charts, column = self._all[0], self._column
        if self._small:
            charts.display, column.display = self.current is charts, self.current is not charts
        else:
            charts.display = column.display = True
        self.call_after_refresh(self._show)

    def choose_next(self, direction: int) -> None:
        """Show the pane after the current one (1) or before it (-1), wrapping around."""
        current = self.query_one(PaneBar).current
        self.choose((current + direction) % len(self._all) + 1)

    def on_descendant_focus(self) -> None:
        """Mark the focused pane in the bar, since the mouse may have moved the focus."""
        for at, pane in enumerate(self._all):
            if pane.has_focus_within:
                self.query_one(PaneBar).current = at

    def show(self, state: SessionState) -> None:
        """Show the state in the panes on screen."""
        self._state = state
        self._show()

    def _show(self) -> None:
        for pane in self._all:
            if pane.is_on_screen:
                pane.show(self._state)

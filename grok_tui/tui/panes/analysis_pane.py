"""The base of the panes that show analyses of the weights."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from grok_tui.protocol.results import AnalysisArrays
from grok_tui.tui.panes.pane import Pane
from grok_tui.view.histories import AnalysisHistory
from grok_tui.view.state import SessionState

# A pane with fewer rows does not show its ABOUT lines.
_ROWS_FOR_ABOUT = 14
WAITING = "waiting for the first analysis"


class AnalysisPane(Pane):
    """A pane that shows the newest analysis below two lines that explain it.

    Its widgets are created when it is first shown, so that a session starts sooner.
    """

    DEFAULT_CSS = """
    AnalysisPane > .about { height: auto; min-height: 2; padding: 0 1; color: $foreground 70%; }
    AnalysisPane.low > .about { display: none; }
    AnalysisPane > .line { height: 1; padding: 0 1; }
    """

    def __init__(self, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.analyses = AnalysisHistory()
        self.state: SessionState | None = None

    def body(self) -> Iterable[Widget]:
        """The widgets below the ABOUT lines."""
        raise NotImplementedError

    def draw(self, arrays: AnalysisArrays) -> None:
        """Draw `self.analyses`; arrays: the newest of them."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.border_title = self.TITLE
        self.app.theme_changed_signal.subscribe(self, lambda _: self.redraw())

    def on_resize(self) -> None:
        self.set_class(self.size.height < _ROWS_FOR_ABOUT, "low")

    def on_area_resized(self) -> None:
        self.redraw()

    def show(self, state: SessionState) -> None:
        self.state = state
        if not self.children:
            self.mount(Static(self.ABOUT, classes="about", markup=False), *self.body())
        if state.analyses is not self.analyses:
            self.analyses = state.analyses
            self.redraw()

    def redraw(self) -> None:
        """Redraw, if the pane is on screen and there has been an analysis."""
        if self.analyses.arrays is not None and self.children and self.is_on_screen:
            self.border_subtitle = f"step {self.analyses.step}"
            self.draw(self.analyses.arrays)

    def say(self, id: str, text: Content | str) -> None:  # noqa: A002
        """Show a text in the pane's widget `id`, whose room may depend on it."""
        static = self.query_one(f"#{id}", Static)
        content = Content(text) if isinstance(text, str) else text
        height = static.styles.height
        static.update(content, layout=height is None or height.is_auto)


def line(id: str, text: str = "") -> Static:  # noqa: A002
    """A line of text for an analysis pane."""
    return Static(Content(text), id=id, classes="line")

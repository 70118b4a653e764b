"""The chart widgets: they redraw when something changed, at a rate that follows the cost."""

from __future__ import annotations

from time import monotonic
from typing import Any, Protocol

from rich.text import Text
from textual.app import RenderResult
from textual.color import Color
from textual.content import Content
from textual.timer import Timer
from textual_plotext import PlotextPlot

from grok_tui.tui.plots import SWATCHES, Colors, PlotColor
from grok_tui.tui.state import SessionState
from grok_tui.tui.themes import SERIES, series_variable


class Draw(Protocol):
    """Draws a chart of a size in columns and rows, of all steps or of the recent ones."""

    def __call__(
        self,
        plt: Any,
        state: SessionState,
        size: tuple[int, int],
        colors: Colors,
        *,
        recent: bool,
    ) -> None: ...


# The building of each chart may take this share of one core, and happens at most so often.
# Bringing it to the terminal costs as much again.
_SHARE = 0.0125
_SHORTEST_SECONDS = 0.25
# Axes and their labels leave nothing to see on less.
_SMALLEST = (14, 4)
# A narrower chart has a shorter legend.
_WIDE_LEGEND = 36


class Chart(PlotextPlot):
    """One chart of the session's state, in a frame with its title and legend."""

    DEFAULT_CSS = """
    Chart {
        border: round $foreground 30%;
        border-title-color: $foreground;
        content-align: center middle;
        color: $foreground 80%;
        background: $surface;
    }
    """

    def __init__(self, draw: Draw, state: SessionState, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        # Nothing of plotext's own: its canvas is the widget's background, its axes the text.
        self.theme = "clear"
        self._draw, self._state, self._recent = draw, state, False
        self._next_at = 0.0
        self._timer: Timer | None = None

    @property
    def waiting(self) -> bool:
        """Whether something changed that is not drawn yet."""
        return self._timer is not None

    def show_view(self, *, recent: bool) -> None:
        """Show only the newest steps, or all of them."""
        self._recent = recent
        self.show(self._state, now=True)

    def show(self, state: SessionState, *, now: bool = False) -> None:
        """Draw the state soon, or at once with `now`."""
        self._state = state
        if now:
            self._next_at = 0.0
        elif self._timer is not None:
            return
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        wait = self._next_at - monotonic()
        if wait <= 0:  # a timer of no length makes Textual divide by zero
            self.refresh()
        else:
            self._timer = self.set_timer(wait, self._redraw)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._recolor())

    def _recolor(self) -> None:
        self._show_legend()
        self.show(self._state, now=True)

    def on_resize(self) -> None:
        self._show_legend()

    def _show_legend(self) -> None:
        narrow = self.size.width < _WIDE_LEGEND
        gap = " " if narrow else "  "
        legend = [Content.assemble((self.id or "", "bold"))]
        for name, swatch in SWATCHES.items():
            sample = swatch[1] if narrow else swatch
            legend.append(Content(f"{sample} {name}").stylize(f"${series_variable(name)}"))
        self.border_title = Content(gap).join(legend)

    def _redraw(self) -> None:
        self._timer = None
        self.refresh()

    def render(self) -> RenderResult:
        width, height = self.size
        if width < _SMALLEST[0] or height < _SMALLEST[1]:
            return Text("")
        if not self._state.train_loss.length:
            return Text("waiting for the first step")
        started = monotonic()
        colors = {name: self._plot_color(series_variable(name)) for name in SERIES}
        colors["background"] = self._plot_color("surface")
        self._draw(self.plt, self._state, (width, height), colors, recent=self._recent)
        picture = super().render()
        ended = monotonic()
        self._next_at = ended + max(_SHORTEST_SECONDS, (ended - started) / _SHARE)
        return picture

    def _plot_color(self, variable: str) -> PlotColor:
        color = Color.parse(self.app.theme_variables[variable])
        if color.ansi is None:
            return color.rgb
        return color.ansi if color.ansi >= 0 else "default"

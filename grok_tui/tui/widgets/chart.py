"""The chart widget, which redraws less often the longer drawing takes."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

from rich.text import Text
from textual import events
from textual.app import RenderResult
from textual.color import Color
from textual.content import Content
from textual.timer import Timer
from textual_plotext import PlotextPlot

from grok_tui.tui.messages import ViewChanged
from grok_tui.tui.themes import MORE_SERIES, SERIES, series_variable
from grok_tui.tui.widgets.readout import notes, readout
from grok_tui.view.charts.plot import (
    SWATCHES,
    PlotColor,
    Scene,
    draw,
    muted,
    plot_columns,
    share_at,
)
from grok_tui.view.charts.scales import Kind
from grok_tui.view.charts.window import Axes, ChartView, places, step_at
from grok_tui.view.state import SessionState

# Building a chart may take this share of one core (sending it to the terminal costs as much
# again), and is repeated after this time at the earliest.
_SHARE = 0.0125
_SHORTEST_SECONDS = 0.25
# Columns and rows below which axes and labels leave no room for curves.
_SMALLEST = (14, 4)
# With fewer columns per series, the legend is shorter.
_WIDE_LEGEND = 18
# The share of a series' color in its muted version; the terminal's own colors cannot be
# mixed and become its bright black.
_MUTED = 0.45
# The zoom of one notch of the mouse wheel, and the share of the window that it pans.
ZOOM_FACTOR = 1.5
_WHEEL_SHARE = 0.1


def pause_after(seconds: float) -> float:
    """Seconds to wait before redrawing a chart that took `seconds` to draw."""
    return max(_SHORTEST_SECONDS, seconds / _SHARE)


class Chart(PlotextPlot, can_focus=True):
    """A chart of the session's state, in a frame with its title and legend."""

    DEFAULT_CSS = """
    Chart {
        border: round $foreground 30%;
        border-title-color: $foreground;
        border-subtitle-color: $foreground 80%;
        content-align: center middle;
        color: $foreground 80%;
        background: $surface;
    }
    Chart:focus { border: round $accent; }
    """
    ALLOW_SELECT = False

    def __init__(self, kind: Kind, state: SessionState, axes: Axes, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        # No colors from plotext: its canvas and axes take the widget's background and color.
        self.theme = "clear"
        self._draw, self._kind = draw, kind
        self._scene, self._ghost_name = Scene(state, axes=axes), ""
        self._next_at = 0.0
        self._timer: Timer | None = None
        # The column where the mouse button was pressed, and the scene at that time.
        self._grip: tuple[int, Scene] | None = None

    # --- what it shows --------------------------------------------------------------------

    @property
    def scene(self) -> Scene:
        return self._scene

    @property
    def column_share(self) -> float:
        """The share of the window that one column shows."""
        return 1 / max(1, plot_columns(self.size.width) - 1)

    @property
    def waiting(self) -> bool:
        """Whether the newest scene is not drawn yet."""
        return self._timer is not None

    def zoomed(self, direction: int) -> ChartView:
        """The view zoomed in (1) or out (-1), around the crosshair if it is in view."""
        scene, view = self._scene, self._scene.view
        first, last = scene.window
        at = view.crosshair
        about = at if at is not None and first <= at <= last else None
        factor, log = ZOOM_FACTOR**direction, scene.axes.log_x
        return view.zoomed(factor, scene.history, log=log, about=about)

    def crosshair_moved(self, columns: int) -> ChartView:
        """The view with its crosshair moved by some columns."""
        scene, share = self._scene, columns * self.column_share
        return scene.view.crosshair_moved(share, scene.history, log=scene.axes.log_x)

    def show_view(self, view: ChartView) -> None:
        self._show(replace(self._scene, view=view), now=True)

    def show_axes(self, axes: Axes) -> None:
        self._show(replace(self._scene, axes=axes), now=True)

    def show_ghost(self, ghost: SessionState | None, name: str) -> None:
        """Draw another run's curves behind; None removes them."""
        self._ghost_name = name
        self._show(replace(self._scene, ghost=ghost), now=True)

    def show(self, state: SessionState, *, now: bool = False) -> None:
        """Draw a state soon, or at once with `now`."""
        self._show(replace(self._scene, state=state), now=now)

    def _show(self, scene: Scene, *, now: bool) -> None:
        self._scene = scene
        if now:
            self._next_at = 0.0
        elif self._timer is not None:
            return
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        wait = self._next_at - monotonic()
        if wait <= 0:  # Textual divides by the length of a timer
            self._redraw()
        else:
            self._timer = self.set_timer(wait, self._redraw)

    def _redraw(self) -> None:
        self._timer = None
        self._show_words()
        self.refresh()

    # --- the frame ------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self._recolor())

    def _recolor(self) -> None:
        self._show_legend()
        self._show(self._scene, now=True)

    def on_resize(self) -> None:
        self._show_legend()
        self._show_words()

    def _show_legend(self) -> None:
        narrow = self.size.width < _WIDE_LEGEND * len(self._kind.of)
        gap = " " if narrow else "  "
        legend = [Content.assemble((self.id or "", "bold"))]
        for name in self._kind.of:
            sample = SWATCHES[name][1] if narrow else SWATCHES[name]
            legend.append(Content(f"{sample} {name}").stylize(f"${series_variable(name)}"))
        self.border_title = Content(gap).join(legend)

    def _show_words(self) -> None:
        width = max(0, self.size.width - 4)  # the border keeps two columns at each end
        if self._scene.view.crosshair is not None:
            self.border_subtitle = readout(self._kind, self._scene, width)
        else:
            self.border_subtitle = notes(self._scene, self._ghost_name, width)

    # --- the picture ----------------------------------------------------------------------

    def render(self) -> RenderResult:
        width, height = self.size
        if width < _SMALLEST[0] or height < _SMALLEST[1]:
            return Text("")
        if not self._scene.state.train_loss.length:
            return Text("waiting for the first step")
        started = monotonic()
        words = self._draw(self.plt, self._kind, self._scene, (width, height), self._colors())
        picture = Text(words) if words else super().render()
        ended = monotonic()
        self._next_at = ended + pause_after(ended - started)
        return picture

    def _colors(self) -> dict[str, PlotColor]:
        variables = self.app.theme_variables
        colors = {
            name: Color.parse(variables[series_variable(name)])
            for name in (*SERIES, *MORE_SERIES)
        }
        surface = Color.parse(variables["surface"])
        behind = {muted(name): _mixed(colors[name], surface) for name in SWATCHES}
        colors |= {"background": surface, "crosshair": Color.parse(variables["foreground"])}
        return {name: _plot_color(color) for name, color in (colors | behind).items()}

    # --- the mouse ------------------------------------------------------------------------

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -_WHEEL_SHARE, ZOOM_FACTOR)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, _WHEEL_SHARE, 1 / ZOOM_FACTOR)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        self._wheel(event, -_WHEEL_SHARE)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        self._wheel(event, _WHEEL_SHARE)

    def _wheel(self, event: events.MouseEvent, share: float, factor: float = 1.0) -> None:
        """Zoom around the pointer; pan with shift or without a factor."""
        event.stop()
        event.prevent_default()
        view, history, log = self._scene.view, self._scene.history, self._scene.axes.log_x
        if event.shift or factor == 1:
            self._look(view.panned(share, history, log=log))
        else:
            about = self._step_under(event)
            self._look(view.zoomed(factor, history, log=log, about=about))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.capture_mouse()
        self._grip = event.screen_x, self._scene

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Pan with the pointer while a button is pressed."""
        if self._grip is None:
            return
        x, scene = self._grip
        share = (x - event.screen_x) * self.column_share
        view = scene.view.panned(share, scene.history, log=scene.axes.log_x)
        if view != self._scene.view:
            self._look(view)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Place the crosshair after a click without a drag."""
        self.release_mouse()
        if self._grip is not None and self._grip[0] == event.screen_x:
            view, history = self._scene.view, self._scene.history
            self._look(view.with_crosshair(self._step_under(event), history))
        self._grip = None

    def _step_under(self, event: events.MouseEvent) -> float:
        log = self._scene.axes.log_x
        low, high = places(self._scene.window, log=log)
        share = share_at(event.x - self.gutter.left, self.size.width)
        return step_at(low + share * (high - low), log=log)

    def _look(self, view: ChartView) -> None:
        self.show_view(view)
        self.post_message(ViewChanged(self.id or "", view))


def _mixed(color: Color, surface: Color) -> Color:
    """The muted version of a color."""
    if color.ansi is not None or surface.ansi is not None:
        return Color.parse("ansi_bright_black")
    return surface.blend(color, _MUTED)


def _plot_color(color: Color) -> PlotColor:
    if color.ansi is None:
        return color.rgb
    return color.ansi if color.ansi >= 0 else "default"

"""The rows of the form: lines of text, and the edited row with its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import RenderResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import MouseDown
from textual.geometry import Size
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, Static

from grok_tui.tasks.registry import choices
from grok_tui.tui.messages import FieldPressed
from grok_tui.tui.panes.field_text import VALUE_COLUMN, row_text
from grok_tui.view.fields import FieldView, turned


class Choice(Input):
    """An input in which left and right step through a few options."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "Previous choice", show=False),
        Binding("right", "turn(1)", "Next choice", show=False),
    ]

    def __init__(self, value: str, options: Sequence[str]) -> None:
        super().__init__(value, compact=True)
        self._options = options

    def action_turn(self, direction: int) -> None:
        self.value = turned(self._options, self.value, direction)
        self.action_end()


class FieldLines(Widget):
    """The rows that are not being edited, one line each, and the headings of their groups."""

    DEFAULT_CSS = "FieldLines { height: auto; padding: 0 1; text-wrap: nowrap; }"

    lines: reactive[tuple[FieldView | str, ...]] = reactive(())
    selected: reactive[str] = reactive("")

    def watch_lines(
        self, before: tuple[FieldView | str, ...], lines: tuple[FieldView | str, ...]
    ) -> None:
        if len(before) != len(lines):
            self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return len(self.lines)

    def render(self) -> RenderResult:
        return Content("\n").join(map(self._drawn, self.lines))

    def _drawn(self, line: FieldView | str) -> Content:
        if isinstance(line, str):
            return Content.styled(line, "$accent")
        selected = line.name == self.selected
        return row_text(line, self.content_size.width, selected=selected)

    def on_mouse_down(self, event: MouseDown) -> None:
        line = self.lines[event.y] if event.y < len(self.lines) else ""
        if event.button == 1 and isinstance(line, FieldView):
            self.post_message(FieldPressed(line.name))


class FieldEditor(Widget):
    """The row of a field that is being edited, with its input."""

    DEFAULT_CSS = """
    FieldEditor { height: auto; padding: 0 1; text-wrap: nowrap; }
    FieldEditor Input { background: $panel; }
    FieldEditor Static { padding-left: 4; color: $foreground 60%; }
    FieldEditor Static.wrong { color: $error; }
    """

    def __init__(self, view: FieldView, text: str) -> None:
        super().__init__()
        self.view = view
        options = choices(view.name)
        self.input = Choice(text, options) if options else Input(text, compact=True)
        self.input.styles.margin = (0, 0, 0, VALUE_COLUMN)
        self._below = Static(markup=False)

    def show(self, view: FieldView) -> None:
        if view != self.view:
            self.view = view
            self.refresh()

    def open(self) -> None:
        """Show the input and focus it at once, so that it gets the next keys."""
        self.mount(self.input, self._below)
        self.explain("")
        self.screen.set_focus(self.input)

    def render(self) -> RenderResult:
        return row_text(self.view, self.content_size.width, selected=True)

    def on_mouse_down(self, event: MouseDown) -> None:
        if event.button == 1:
            self.post_message(FieldPressed(self.view.name))

    def explain(self, problem: str) -> None:
        """Show a problem below the input; if it is empty, show the keys."""
        keys = "left and right choose; " if choices(self.view.name) else ""
        self._below.set_class(bool(problem), "wrong")
        self._below.update(problem or f"{keys}enter applies, escape cancels")
        self.call_after_refresh(self.scroll_visible, animate=False)

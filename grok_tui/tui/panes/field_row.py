"""A row of the form: one line, which an input takes the place of while the field is edited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import RenderResult
from textual.binding import Binding, BindingType
from textual.events import MouseDown
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, Static

from grok_tui.tasks.registry import choices
from grok_tui.tui.messages import FieldPressed
from grok_tui.tui.panes.field_text import VALUE_COLUMN, row_text
from grok_tui.view.fields import FieldView, turned


class Choice(Input):
    """An input whose value left and right exchange for the next of a few options."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "Choice before", show=False),
        Binding("right", "turn(1)", "Next choice", show=False),
    ]

    def __init__(self, value: str, options: Sequence[str]) -> None:
        super().__init__(value, compact=True)
        self._options = options

    def action_turn(self, direction: int) -> None:
        self.value = turned(self._options, self.value, direction)
        self.action_end()


class FieldRow(Widget):
    """One field; `input` is there while its value is being edited."""

    DEFAULT_CSS = """
    FieldRow { height: 1; padding: 0 1; text-wrap: nowrap; }
    FieldRow.editing { height: auto; }
    FieldRow Input { background: $panel; }
    FieldRow Static { padding-left: 4; color: $foreground 60%; }
    FieldRow Static.wrong { color: $error; }
    """

    selected = reactive(default=False)

    def __init__(self, view: FieldView) -> None:
        super().__init__()
        self.view = view
        self.input: Input | None = None
        self._below = Static()

    def show(self, view: FieldView) -> None:
        if view != self.view:
            self.view = view
            self.refresh()

    def render(self) -> RenderResult:
        return row_text(self.view, self.content_size.width, selected=self.selected)

    def on_mouse_down(self, event: MouseDown) -> None:
        if event.button == 1:
            self.post_message(FieldPressed(self.view.name))

    def open(self, text: str) -> None:
        """Put an input in the value's place, and give it the focus."""
        options = choices(self.view.name)
        self.input = Choice(text, options) if options else Input(text, compact=True)
        self.input.styles.margin = (0, 0, 0, VALUE_COLUMN)
        self._below = Static(markup=False)
        self.mount(self.input, self._below)
        self.add_class("editing")
        self.explain("")
        self.screen.set_focus(self.input)

    def explain(self, problem: str) -> None:
        """Say beneath the input what is wrong, or else which keys there are."""
        keys = "left and right choose; " if choices(self.view.name) else ""
        self._below.set_class(bool(problem), "wrong")
        self._below.update(problem or f"{keys}enter applies, escape leaves it as it was")
        self.call_after_refresh(self.scroll_visible, animate=False)

    def close(self) -> None:
        """Show the value again."""
        self.input = None
        self.remove_class("editing")
        self.remove_children()

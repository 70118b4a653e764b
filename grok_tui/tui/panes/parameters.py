"""The hyperparameters: a form made from the schema."""

from __future__ import annotations

from itertools import groupby
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import DescendantBlur
from textual.widgets import Input, Static

from grok_tui.config.schema import FIELDS, ConfigError, build, group_of, written
from grok_tui.tasks.registry import choices
from grok_tui.tui.messages import FieldEdited, FieldPressed
from grok_tui.tui.panes.field_row import FieldRow
from grok_tui.tui.panes.field_text import explanation
from grok_tui.tui.panes.pane import Pane
from grok_tui.view.fields import checked, field_view, turned
from grok_tui.view.state import SessionState


class Rows(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The rows, which scroll with the cursor; no key moves them away from an open input."""


class Parameters(Pane):
    """A row for each field, one of them chosen, and what there is to say of that one."""

    TITLE = "Hyperparameters"
    SHORT = "Hyper"
    ABOUT = (
        "Every setting of this run, with a dot where it is not the default: a live one changes"
        " the next step and is pending until the trainer confirms it, any other waits for a"
        " new run. What is wrong with a value is said beneath it, and changes nothing."
    )
    DEFAULT_CSS = """
    Parameters Rows { height: 1fr; scrollbar-size-vertical: 1; }
    Parameters .group { padding: 0 1; color: $accent; }
    Parameters #explanation {
        height: auto; min-height: 4; max-height: 50%; padding: 0 1;
        border-top: solid $foreground 30%;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Field before", show=False),
        Binding("down", "move(1)", "Next field", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "first", "First field", show=False),
        Binding("end", "last", "Last field", show=False),
        Binding("left", "choose(-1)", "Choice before", show=False),
        Binding("right", "choose(1)", "Next choice", show=False),
        Binding("enter", "open", "Edit the field", show=False),
        Binding("escape", "leave", "Leave the field as it was", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="parameters")
        self._shown = SessionState(build({}).model_dump(mode="json"))  # until one comes
        self._rows = [FieldRow(field_view(self._shown, name)) for name in FIELDS]
        self._at = 0

    def compose(self) -> ComposeResult:
        with Rows():
            for group, rows in groupby(self._rows, key=lambda row: group_of(row.view.name)):
                yield Static(group, classes="group")
                yield from rows
        yield Static(id="explanation")

    def on_mount(self) -> None:
        self.border_title = self.TITLE
        self._select(0)

    @property
    def _row(self) -> FieldRow:
        return self._rows[self._at]

    # --- the picture --------------------------------------------------------------------

    def show(self, state: SessionState) -> None:
        before, self._shown = self._shown, state
        if _form(before) != _form(state):
            for row in self._rows:
                row.show(field_view(state, row.view.name))
            self._explain()

    def _explain(self) -> None:
        self.query_one("#explanation", Static).update(explanation(self._row.view))

    # --- choosing a field ---------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:  # noqa: ARG002
        """While a field is being edited, leaving it is all that the pane's keys do."""
        return (action == "leave") == (self._row.input is not None)

    def action_move(self, rows: int) -> None:
        self._select(self._at + rows)

    def action_page(self, pages: int) -> None:
        self._select(self._at + pages * max(1, self._scroll.size.height - 1))

    def action_first(self) -> None:
        self._select(0)

    def action_last(self) -> None:
        self._select(len(self._rows) - 1)

    def on_field_pressed(self, message: FieldPressed) -> None:
        """The mouse chooses a field, then edits it."""
        row = next(row for row in self._rows if row.view.name == message.name)
        if row is not self._row:
            self._select(self._rows.index(row))
        elif row.input is None and choices(row.view.name):
            self.action_choose(1)
        elif row.input is None:
            self.action_open()

    def _select(self, at: int) -> None:
        self._close()
        self._row.selected = False
        self._at = max(0, min(at, len(self._rows) - 1))
        self._row.selected = True
        self._explain()
        if self._at == 0:
            self._scroll.scroll_home(animate=False)  # with the heading
        else:
            self._row.scroll_visible(animate=False)

    @property
    def _scroll(self) -> Rows:
        return self.query_one(Rows)

    # --- editing it ---------------------------------------------------------------------

    def action_open(self) -> None:
        """Edit the field's value in its place, if it can be edited now."""
        if not self._row.view.refusal:
            self._row.open(written(self._row.view.wanted))

    def action_choose(self, direction: int) -> None:
        """Apply the next choice; one that is wrong is explained in the field's place."""
        view, options = self._row.view, choices(self._row.view.name)
        if view.refusal or not options:
            return
        text = turned(options, view.wanted, direction)
        if problem := self._apply(text):
            self._row.open(text)
            self._row.explain(problem)

    def on_input_changed(self, event: Input.Changed) -> None:
        if event.input is self._row.input:
            self._row.explain(self._checked(event.value)[1])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if event.input is not self._row.input:  # enter was pressed twice
            return
        if problem := self._apply(event.value):
            self._row.explain(problem)
        else:
            self._close()

    def action_leave(self) -> None:
        self._close()

    def on_descendant_blur(self, event: DescendantBlur) -> None:
        """Another part of the screen was chosen; another window does not count."""
        if (
            event.widget is self._row.input
            and self.app.app_focus
            and not event.widget.has_focus
        ):
            self._row.close()

    def _apply(self, text: str) -> str:
        """Ask for another value, if it is another; returns what is wrong with it."""
        value, problem = self._checked(text)
        if not problem and value != self._row.view.wanted:
            self.post_message(FieldEdited(self._row.view.name, value))
        return problem

    def _checked(self, text: str) -> tuple[Any, str]:
        """The chosen field's value that a text stands for, or what is wrong with it."""
        try:
            return checked(self._shown, self._row.view.name, text), ""
        except ConfigError as error:
            return None, str(error)

    def _close(self) -> None:
        """Show the value again where an input was."""
        if self._row.input is not None:
            self.screen.set_focus(self)
            self._row.close()


def _form(state: SessionState) -> tuple[object, ...]:
    """All of a state that the form depends on."""
    return state.config, state.pending, state.planned, state.ended

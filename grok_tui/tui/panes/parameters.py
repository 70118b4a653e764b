"""The Hyperparameters pane: a form made from the schema."""

from __future__ import annotations

from itertools import groupby
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.events import DescendantBlur
from textual.geometry import Region
from textual.widgets import Input, Static

from grok_tui.config.schema import FIELDS, ConfigError, build, exact, group_of
from grok_tui.tasks.registry import choices
from grok_tui.tui.messages import FieldEdited, FieldPressed
from grok_tui.tui.panes.field_row import FieldEditor, FieldLines
from grok_tui.tui.panes.field_text import explanation
from grok_tui.tui.panes.pane import Pane
from grok_tui.view.fields import FieldView, checked, field_view, turned
from grok_tui.view.state import SessionState

_NAMES = tuple(FIELDS)


class Rows(VerticalScroll, can_focus=False, inherit_bindings=False):
    """The rows, which scroll with the cursor; keys cannot scroll an open input out of view."""


class Parameters(Pane):
    """A row for each field, and an explanation of the chosen one."""

    TITLE = "Hyperparameters"
    KEY = "2"
    SHORT = "Hyper"
    ABOUT = (
        "Every setting of this run, with a dot where it differs from the default. A live edit"
        " takes effect on the next step and is pending until the trainer confirms it; any"
        " other edit waits for a new run. An invalid value is explained beneath its field and"
        " changes nothing."
    )
    DEFAULT_CSS = """
    Parameters Rows { height: 1fr; scrollbar-size-vertical: 1; }
    Parameters #explanation {
        height: auto; min-height: 4; max-height: 50%; padding: 0 1;
        border-top: solid $foreground 30%;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Previous field", show=False),
        Binding("down", "move(1)", "Next field", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "first", "First field", show=False),
        Binding("end", "last", "Last field", show=False),
        Binding("left", "choose(-1)", "Previous choice", show=False),
        Binding("right", "choose(1)", "Next choice", show=False),
        Binding("enter", "open", "Edit the field", show=False),
        Binding("escape", "leave", "Cancel the edit", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="parameters")
        self._shown = SessionState(build({}).model_dump(mode="json"))  # until the first `show`
        self._at = 0
        # The rows above and below the edited one; all are above if none is edited.
        self._above, self._below = FieldLines(), FieldLines()
        self._editor: FieldEditor | None = None

    def compose(self) -> ComposeResult:
        yield Rows(self._above, self._below)
        yield Static(id="explanation")

    def on_mount(self) -> None:
        self.border_title = self.TITLE
        self._select(0)

    @property
    def _view(self) -> FieldView:
        """The chosen field."""
        return field_view(self._shown, _NAMES[self._at])

    # --- the picture --------------------------------------------------------------------

    def show(self, state: SessionState) -> None:
        before, self._shown = self._shown, state
        if _form(before) != _form(state):
            self._draw()

    def _draw(self) -> None:
        lines: list[FieldView | str] = []
        for group, names in groupby(FIELDS, key=group_of):
            lines += [group, *(field_view(self._shown, name) for name in names)]
        view = self._view
        self._above.selected = view.name
        if self._editor is None:
            self._above.lines, self._below.lines = tuple(lines), ()
        else:
            at = lines.index(view)
            self._above.lines, self._below.lines = tuple(lines[:at]), tuple(lines[at + 1 :])
            self._editor.show(view)
        self.query_one("#explanation", Static).update(explanation(view))

    # --- choosing a field ---------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:  # noqa: ARG002
        """Allow only `leave` while a field is being edited, and all other actions otherwise."""
        return (action == "leave") == (self._editor is not None)

    def action_move(self, rows: int) -> None:
        self._select(self._at + rows)

    def action_page(self, pages: int) -> None:
        self._select(self._at + pages * max(1, self._scroll.size.height - 1))

    def action_first(self) -> None:
        self._select(0)

    def action_last(self) -> None:
        self._select(len(_NAMES) - 1)

    def on_field_pressed(self, message: FieldPressed) -> None:
        """Choose a field on the first click, edit it on the next."""
        if message.name != self._view.name:
            self._select(_NAMES.index(message.name))
        elif self._editor is None and choices(message.name):
            self.action_choose(1)
        elif self._editor is None:
            self.action_open()

    def _select(self, at: int) -> None:
        self._close()
        self._at = max(0, min(at, len(_NAMES) - 1))
        self._draw()
        self._show_row()
        self.call_after_refresh(self._show_row)  # the height of the explanation may change

    def _show_row(self) -> None:
        """Scroll until the chosen row is in view."""
        if self._at == 0:
            self._scroll.scroll_home(animate=False)  # shows the heading, too
        elif self._editor is None:
            row = Region(0, self._above.lines.index(self._view), 1, 1)
            self._scroll.scroll_to_region(row, animate=False)

    @property
    def _scroll(self) -> Rows:
        return self.query_one(Rows)

    # --- editing it ---------------------------------------------------------------------

    def action_open(self) -> None:
        """Edit the chosen field in its row, if it can be edited now."""
        if not self._view.refusal:
            self._edit(exact(self._view.wanted))

    def _edit(self, text: str) -> FieldEditor:
        self._editor = FieldEditor(self._view, text)
        self._scroll.mount(self._editor, after=self._above)
        self._editor.open()
        self._draw()
        return self._editor

    def action_choose(self, direction: int) -> None:
        """Apply the next choice; if it is invalid, open the field and explain why."""
        view, options = self._view, choices(self._view.name)
        if view.refusal or not options:
            return
        text = turned(options, view.wanted, direction)
        if problem := self._apply(text):
            self._edit(text).explain(problem)

    def on_input_changed(self, event: Input.Changed) -> None:
        if self._editor is not None and event.input is self._editor.input:
            self._editor.explain(self._checked(event.value)[1])

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if self._editor is None or event.input is not self._editor.input:
            return  # enter was pressed twice
        if problem := self._apply(event.value):
            self._editor.explain(problem)
        else:
            self._close()

    def action_leave(self) -> None:
        self._close()

    def on_descendant_blur(self, event: DescendantBlur) -> None:
        """End the edit if another widget got the focus, but not if another window did."""
        if (
            self._editor is not None
            and event.widget is self._editor.input
            and self.app.app_focus
            and not event.widget.has_focus
        ):
            self._end_edit(self._editor)

    def _apply(self, text: str) -> str:
        """Request a changed value; returns what is wrong with it, empty if nothing is."""
        value, problem = self._checked(text)
        if not problem and value != self._view.wanted:
            self.post_message(FieldEdited(self._view.name, value))
        return problem

    def _checked(self, text: str) -> tuple[Any, str]:
        """Parse the chosen field's text; returns the value and what is wrong with it."""
        try:
            return checked(self._shown, self._view.name, text), ""
        except ConfigError as error:
            return None, str(error)

    def _close(self) -> None:
        """Close the input, if one is open."""
        if self._editor is not None:
            self.screen.set_focus(self)
            self._end_edit(self._editor)

    def _end_edit(self, editor: FieldEditor) -> None:
        self._editor = None
        editor.remove()
        self._draw()


def _form(state: SessionState) -> tuple[object, ...]:
    """The parts of a state that the form depends on."""
    return state.config, state.pending, state.planned, state.ended

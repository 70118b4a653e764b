"""The help: what one is looking at, what grokking is, and every key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import Label, Static

from grok_tui.tui.keys.keymap import Entry
from grok_tui.tui.panes.layout import PANES
from grok_tui.tui.panes.pane import Pane

if TYPE_CHECKING:
    from grok_tui.tui.app import SessionApp

# In braces: the keys of these actions.
STORY = """\
A small transformer learns arithmetic modulo p. It is trained on some of all pairs (a, b) and\
 their answers: train says how well it does on these, test how well on the pairs it never sees.

At first it memorises: the train loss falls, the test loss rises. Weight decay pulls every\
 weight towards zero all the while, and memories need large weights. Slowly a rule that needs\
 smaller ones grows; when the test loss falls too, long after the other, the network has\
 grokked: it computes the answers instead of remembering them."""
TRY_LIVE = """\
Press {wd-up} a few times and see: with more weight decay the test loss falls sooner, with far\
 too much nothing is learned at all. {wd-down} turns it back, {undo} takes the last edit back,\
 {lr-down} and {lr-up} turn the learning rate. {pause} pauses, and then {step} takes one step.\
 An edit never starts the run anew, and every edit is marked on the charts."""
TRY_REPLAY = """\
This is a recorded run, shown as it was: {pause} plays and pauses, {faster} and {slower} change\
 how fast, {back} and {step} go one step back or on. {next-phase} goes to the next change of\
 phase and {jump} to any step. {branch} makes a live run of a checkpoint that can be edited."""
_KEY_COLUMNS = 11
_MORE = (
    Entry(None, "Move inside the pane", "arrows", ""),
    Entry(None, "Command palette: find all of this by words", "ctrl+p", ""),
)


class Help(ModalScreen[None]):
    """Scrolls; begins with the pane that the user came from."""

    DEFAULT_CSS = """
    Help { align: center middle; }
    Help VerticalScroll {
        width: 84; max-width: 96%; height: 96%; padding: 0 2;
        background: $panel; border: round $primary; border-title-color: $foreground;
    }
    Help Label { width: 1fr; margin-top: 1; color: $accent; text-style: bold; }
    Help .first { margin-top: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close"),
        Binding("question_mark", "dismiss", "Close", id="help"),
    ]

    def __init__(self, pane: Pane, run: Screen[None], to_try: str) -> None:
        """pane: the current one. to_try: a text with keys' actions in braces."""
        super().__init__()
        self._pane, self._run, self._to_try = pane, run, to_try

    def compose(self) -> ComposeResult:
        app, current = cast("SessionApp", self.app), self._pane
        rows = app.entries([*self._run.BINDINGS, *app.BINDINGS])
        keys = {row.id or "": row.keys for row in rows}
        with VerticalScroll() as page:
            page.border_title = "Help"
            page.border_subtitle = "arrows scroll, esc closes"
            yield Label(f"You are looking at: {current.TITLE}", classes="first")
            yield Static(current.ABOUT, markup=False)
            if current.MORE:
                yield Static(current.MORE, markup=False)
            yield Label("What is going on")
            yield Static(STORY, markup=False)
            yield Label("What to try")
            yield Static(self._to_try.format_map(keys), markup=False)
            if own := app.entries(current.BINDINGS):
                yield Label(f"Keys in {current.TITLE}")
                yield KeyTable(own)
            yield Label("Keys everywhere")
            yield KeyTable([*(row for row in rows if row.pane is None), *_MORE])
            for number, pane in enumerate(PANES, 1):
                if not isinstance(current, pane):
                    yield Label(f"{keys.get(f'pane-{number}', '')}  {pane.TITLE}")
                    yield Static(pane.ABOUT, markup=False)
                    yield KeyTable(app.entries(pane.BINDINGS))


class KeyTable(Static):
    """Keys on the left, what they do on the right."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-table--key"}
    DEFAULT_CSS = "KeyTable > .key-table--key { color: $accent; text-style: bold; }"

    def __init__(self, rows: Sequence[Entry]) -> None:
        super().__init__()
        self._rows = rows

    def render(self) -> Table:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(min_width=_KEY_COLUMNS, no_wrap=True)
        table.add_column()
        key = self.get_component_rich_style("key-table--key", partial=True)
        for entry in self._rows:
            table.add_row(Text(entry.keys, key), Text(entry.what))
        return table

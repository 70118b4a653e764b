"""The help: what is on the screen, what grokking is, and every key."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from grok_tui.tui.keys.keymap import Entry, Keys
from grok_tui.tui.panes.pane import Pane

# In braces: the keys of these actions.
STORY = """\
A small transformer learns arithmetic modulo p. It is trained on some of all pairs (a, b) and\
 their answers: train says how well it does on these, test how well on the pairs it never sees.

At first it memorizes: the train loss falls, the test loss rises. Weight decay pulls every\
 weight towards zero all the while, and memorizing needs large weights. Slowly a rule that needs\
 smaller ones grows. When the test loss falls too, long after the train loss, the network has\
 grokked: it computes the answers instead of remembering them."""
TRY_LIVE = """\
Press {wd-up} a few times and watch: with more weight decay the test loss falls sooner, with far\
 too much nothing is learned at all. {wd-down} turns it down again, {undo} undoes the last edit,\
 {lr-down} and {lr-up} turn the learning rate. {pause} pauses, and then {step} takes one step.\
 An edit never restarts the run, and every edit is marked on the charts."""
TRY_REPLAY = """\
This is a recorded run: {pause} plays and pauses, {faster} and {slower} change the speed,\
 {back} and {step} go one step back or forward. {next-phase} goes to the next change of phase and\
 {jump} to any step. {branch} starts a live run from a checkpoint, which can be edited."""
_KEY_COLUMNS = 11
_MORE = (
    Entry(None, "Move inside the pane", "arrows", ""),
    Entry(None, "Command palette: find all of this by words", "ctrl+p", ""),
)


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, paragraphs, and keys with what they do."""

    title: str
    texts: Sequence[str] = ()
    keys: Sequence[Entry] = ()


def sections(
    current: Pane,
    panes: Sequence[type[Pane]],
    bindings: Iterable[BindingType],
    keys: Keys,
    to_try: str,
) -> list[Section]:
    """The help on a screen, beginning with the current pane.

    bindings: of the screen and the application. to_try: a text with keys' actions in braces.
    """
    rows = keys.entries(bindings)
    by_action = {row.id or "": row.keys for row in rows}
    about = [text for text in (current.ABOUT, current.MORE) if text]
    found = [
        Section(f"You are looking at: {current.TITLE}", about),
        Section("What is going on", [STORY]),
        Section("What to try", [to_try.format_map(by_action)]),
    ]
    if own := keys.entries(current.BINDINGS):
        found.append(Section(f"Keys in {current.TITLE}", (), own))
    everywhere = [*(row for row in rows if row.pane is None), *_MORE]
    found.append(Section("Keys everywhere", (), everywhere))
    for number, pane in enumerate(panes, 1):
        if not isinstance(current, pane):
            title = f"{by_action.get(f'pane-{number}', '')}  {pane.TITLE}"
            found.append(Section(title, [pane.ABOUT], keys.entries(pane.BINDINGS)))
    return found


class Help(ModalScreen[None]):
    """Sections on a page that scrolls."""

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

    def __init__(self, sections: Sequence[Section]) -> None:
        super().__init__()
        self._sections = sections

    def compose(self) -> ComposeResult:
        with VerticalScroll() as page:
            page.border_title = "Help"
            page.border_subtitle = "arrows scroll, esc closes"
            for number, section in enumerate(self._sections):
                yield Label(section.title, classes="" if number else "first", markup=False)
                for text in section.texts:
                    yield Static(text, markup=False)
                if section.keys:
                    yield KeyTable(section.keys)


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

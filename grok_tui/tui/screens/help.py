"""The help screen: what is on screen, what grokking is, and every key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widget import Widget

from grok_tui.tui.keys.keymap import Entry, Keys
from grok_tui.tui.panes.pane import Pane
from grok_tui.tui.screens.dialogs import DismissedOnce

# `{id}` stands for the keys of an action.
STORY = """\
A small transformer learns arithmetic modulo p. It is trained on some of all pairs (a, b) and\
 their answers: train says how well it does on these, test how well on pairs it never sees.

At first it memorizes: the train loss falls, the test loss rises. All the while weight decay\
 pulls every weight toward zero, and memorizing needs large weights. Slowly a rule grows that\
 needs smaller ones. When the test loss falls too, long after the train loss, the network has\
 grokked: it computes the answers instead of remembering them."""
TRY_LIVE = """\
Press {weight_decay-up} a few times and watch: with more weight_decay the test loss falls\
 sooner, with far too much nothing is learned at all. {weight_decay-down} turns it down again,\
 {undo} undoes the last edit, {lr-down} and {lr-up} change lr. {pause} pauses, and then {step}\
 takes one step. An edit never restarts the run, and every edit is marked on the charts."""
TRY_REPLAY = """\
This is a recorded run: {pause} plays and pauses, {faster} and {slower} change the speed,\
 {back} and {step} go one step back or forward. {next-phase} goes to the next change of phase\
 and {jump} to any step. {branch} starts a live run from a checkpoint, which can be edited."""
_KEY_COLUMNS = 11
_MORE = (
    Entry(None, "Move inside the pane", "arrows", ""),
    Entry(None, "Command palette: find any of this by name", "ctrl+p", ""),
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the help: a heading, paragraphs, and keys."""

    title: str
    paragraphs: Sequence[str] = ()
    keys: Sequence[Entry] = ()


def sections(
    current: Pane,
    panes: Sequence[type[Pane]],
    bindings: Iterable[BindingType],
    keys: Keys,
    to_try: str,
) -> list[Section]:
    """The sections of the help for a screen, starting with its current pane.

    bindings: of the screen and the application. to_try: text with action ids in braces.
    """
    rows = keys.entries(bindings)
    by_action = {row.id or "": row.keys for row in rows}
    about = [text for text in (current.ABOUT, current.MORE) if text]
    listed = [
        Section(f"You are looking at: {current.TITLE}", about),
        Section("What is going on", [STORY]),
        Section("What to try", [to_try.format_map(by_action)]),
    ]
    if pane_keys := keys.entries(current.BINDINGS):
        listed.append(Section(f"Keys in {current.TITLE}", (), pane_keys))
    everywhere = [*(row for row in rows if row.pane is None), *_MORE]
    listed.append(Section("Keys everywhere", (), everywhere))
    for number, pane in enumerate(panes, 1):
        if not isinstance(current, pane):
            title = f"{by_action.get(f'pane-{number}', '')}  {pane.TITLE}"
            listed.append(Section(title, [pane.ABOUT], keys.entries(pane.BINDINGS)))
    return listed


def help_text(sections: Iterable[Section], width: int) -> Content:
    """The text of the help; only the descriptions of keys are wrapped to `width` columns."""
    return Content("\n\n").join(
        Content("\n").join(
            [
                Content.styled(section.title, "bold $accent"),
                *section.paragraphs,
                *_key_lines(section.keys, width),
            ]
        )
        for section in sections
    )


def _key_lines(keys: Sequence[Entry], width: int) -> Iterator[Content]:
    column = max([_KEY_COLUMNS, *(cell_len(entry.keys) for entry in keys)])
    for entry in keys:
        first, *more = Content(entry.what).wrap(max(1, width - column - 2))
        name = Content.styled(entry.keys, "bold $accent")
        yield name.pad_right(column + 2 - cell_len(entry.keys)) + first
        yield from (line.pad_left(column + 2) for line in more)


class Help(ModalScreen[None], DismissedOnce[None]):
    """The help sections on a scrolling page."""

    DEFAULT_CSS = """
    Help { align: center middle; }
    Help VerticalScroll {
        width: 84; max-width: 96%; height: 96%; padding: 0 2;
        background: $panel; border: round $primary; border-title-color: $foreground;
    }
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
            yield HelpText(self._sections)


class HelpText(Widget):
    """The text of the help sections."""

    DEFAULT_CSS = "HelpText { height: auto; }"

    def __init__(self, sections: Sequence[Section]) -> None:
        super().__init__()
        self._sections = sections

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        return len(help_text(self._sections, width).wrap(max(1, width)))

    def render(self) -> RenderResult:
        return help_text(self._sections, self.content_size.width)

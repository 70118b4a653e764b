"""The dialogs, each a question with a few answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, TypeVar

from textual.app import App, ComposeResult
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Input, Label, OptionList

from grok_tui.runs.checkpoints import step_of
from grok_tui.text import one_line, whole_number
from grok_tui.view.event_text import value_text
from grok_tui.view.state import Mark, SessionState

Choice = TypeVar("Choice")
QuitChoice = Literal["save", "now"]


class Options(OptionList):
    """Textual's list, fixed for page keys that arrive before it has any height."""

    def action_page_up(self) -> None:
        if self.scrollable_content_region:
            super().action_page_up()  # type: ignore[no-untyped-call]

    def action_page_down(self) -> None:
        if self.scrollable_content_region:
            super().action_page_down()  # type: ignore[no-untyped-call]


class DismissedOnce(Screen[Choice | None]):
    """A screen that only closes itself: Textual would close whatever is on top instead.

    Keys may arrive while it is already closing or covered by another dialog.
    """

    def dismiss(self, result: Choice | None = None) -> AwaitComplete:
        return super().dismiss(result) if self.app.screen is self else AwaitComplete()


def close_dialogs(app: App[Any]) -> None:
    """Close every dialog that is open, as if it had been canceled."""
    while isinstance(app.screen, ModalScreen):
        app.screen.dismiss(None)


class Question(ModalScreen[Choice | None], DismissedOnce[Choice], Generic[Choice]):
    """A question; dismissed with the value of the chosen answer, None if canceled.

    answers: texts with their values.
    """

    DEFAULT_CSS = """
    Question { align: center middle; }
    Question > Vertical {
        width: 64; max-width: 96%; height: auto; max-height: 96%; padding: 1 2;
        background: $panel; border: round $primary;
    }
    Question Label { width: 1fr; padding-bottom: 1; }
    Question OptionList {
        height: auto; max-height: 1fr; min-width: 20; padding: 0; background: $panel;
    }
    Question OptionList, Question OptionList:focus { border: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "cancel", "Cancel")]

    def __init__(self, question: str, answers: Sequence[tuple[str, Choice | None]]) -> None:
        super().__init__()
        self._question, self._answers = question, answers

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label(self._question, markup=False)
            yield from self.answers()

    def answers(self) -> ComposeResult:
        """The widgets to answer with."""
        yield Options(*(text for text, _ in self._answers), markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._answers[event.option_index][1])

    def action_cancel(self) -> None:
        self.dismiss(None)


class QuitDialog(Question[QuitChoice]):
    """Stop and save, quit now, or cancel."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "save", show=False),  # the user pressed it twice
    ]

    def __init__(self) -> None:
        answers: list[tuple[str, QuitChoice | None]] = [
            ("Stop and save", "save"),
            ("Quit now, without a last checkpoint", "now"),
            ("Cancel", None),
        ]
        super().__init__("End this run?", answers)

    def action_save(self) -> None:
        self.dismiss("save")


def restart_question(state: SessionState) -> Question[bool]:
    """The question whether to start a new run, with its changes."""
    changes = [
        f"{name} {value_text(state.known(name))} → {value_text(value)}"
        for name, value in state.planned.items()
    ]
    what = "\n".join(changes) or "With the settings of this one."
    question = f"Start a new run from step 0?\n\n{what}\n\nThis run is saved first."
    return Question(question, [("Start it", True), ("Cancel", None)])


def checkpoint_question(checkpoints: Sequence[Path], *, live: bool) -> Question[Path]:
    """The question which checkpoint to branch from; checkpoints: newest first."""
    answers = [(f"step {step_of(path)}", path) for path in checkpoints]
    saved = " This run is saved first." if live else ""
    return Question(
        "Branch from which checkpoint? The branch is a new run that waits there for an edit."
        f"{saved}",
        answers,
    )


def continue_question(reason: str, checkpoint: Path) -> Question[bool]:
    """The question whether to continue a failed run; reason: why it failed."""
    answers = [(f"Continue from step {step_of(checkpoint)}", True), ("Leave it as it is", None)]
    return Question(f"The run has failed: {reason}", answers)


def ghost_question(folders: Sequence[Path]) -> Question[Path]:
    """The question which recorded run to show as a ghost."""
    return Question(
        "Which run do you want to show as a ghost?",
        [(one_line(folder.name), folder) for folder in folders],
    )


class JumpDialog(Question[int]):
    """The question which step to jump to: a typed one, or that of a change of phase."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("down", "choose", show=False)]

    def __init__(self, phases: Sequence[Mark], last: int) -> None:
        answers: list[tuple[str, int | None]] = [("step 0: the start", 0)]
        answers += [
            (f"step {mark.step}: {mark.text}", mark.step) for mark in phases if mark.step
        ]
        answers.append((f"step {last}: the end", last))
        super().__init__("Jump to which step? Choose one, or type a number.", answers)
        self._last = last

    def answers(self) -> ComposeResult:
        # Textual's own type for integers takes forever at a letter after thirty digits.
        yield Input(placeholder="a step", restrict=r"\d*", compact=True)
        yield from super().answers()

    def action_choose(self) -> None:
        """Move from the input down to the list."""
        answers = self.query_one(Options)
        answers.highlighted = 0
        answers.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        step = whole_number(event.value)
        if step is not None and 0 <= step <= self._last:
            self.dismiss(step)
        else:
            self.query_one(Label).update(f"Please type a step from 0 to {self._last}.")

"""The Ask pane: the network's answer to a pair, its probability and the runners-up."""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Static

from grok_tui.protocol import commands
from grok_tui.protocol.events import Answered
from grok_tui.tasks.task import Task
from grok_tui.text import UserError, percent, whole_number
from grok_tui.tui.messages import CommandRequested
from grok_tui.tui.panes.pane import Pane
from grok_tui.view.state import SessionState

_HINT = "enter asks for a pair; then the arrow keys change a and b"
# Columns of a line besides its bar: the residue, its probability and the word `right`.
_BESIDE_BAR = 24


class Ask(Pane):
    """One question at a time, asked again after each evaluation while the pane is shown."""

    TITLE = "Ask"
    KEY = "0"
    ABOUT = (
        "What the network answers for one pair, and the probability it gives each residue. A"
        " train pair is right once it is memorized; a test pair becomes right when the network"
        " groks."
    )
    DEFAULT_CSS = """
    Ask Input { padding: 0 1; display: none; }
    Ask.asking Input { display: block; }
    Ask Static { padding: 0 1; height: 1fr; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "type", "Ask for a pair", id="ask-type", show=False),
        Binding("left", "move(0, -1)", "b down", id="ask-b-down", show=False),
        Binding("right", "move(0, 1)", "b up", id="ask-b-up", show=False),
        Binding("up", "move(1, 0)", "a up", id="ask-a-up", show=False),
        Binding("down", "move(-1, 0)", "a down", id="ask-a-down", show=False),
        Binding("escape", "leave", "Leave the question", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="ask")
        self._state: SessionState | None = None
        self._question: tuple[int, int] | None = None
        self._problem = ""  # with the text that was typed last
        self._asked_at: object = None  # the newest metrics when it was last asked

    def compose(self) -> ComposeResult:
        yield Input(placeholder="two numbers, such as 12 30", compact=True)
        yield Static()

    def on_mount(self) -> None:
        self.border_title = self.TITLE

    def show(self, state: SessionState) -> None:
        self._state = state
        if self._question and not state.ended and state.metrics is not self._asked_at:
            self._ask(*self._question)
        self._draw()

    def _draw(self) -> None:
        if self._state:
            self.query_one(Static).update(self._content(self._state), layout=False)

    def action_type(self) -> None:
        self.add_class("asking")
        self.query_one(Input).focus()

    def action_leave(self) -> None:
        """Close the input, so that the session's keys work again."""
        self._problem = ""
        self.remove_class("asking")
        self.focus()
        self._draw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            pair = self._pair(event.value)
        except UserError as error:
            self._problem = str(error)
            self._draw()
            return
        event.input.clear()
        self.action_leave()
        self._ask(*pair)

    def _pair(self, text: str) -> tuple[int, int]:
        """The pair that the user typed. Raises UserError if it is not one of the task's."""
        if self._state is None or self._state.task is None:
            raise UserError("the task is not known yet; enter asks again")
        match [whole_number(word) for word in re.split(r"[\s,]+", text.strip())]:
            case [int(a), int(b)]:
                self._state.task.index(a, b)
                return a, b
        raise UserError("type two whole numbers, a and b, such as 12 30")

    def action_move(self, a: int, b: int) -> None:
        """Ask for a neighbor of the pair, wrapping around at the edges of the table."""
        if self._question is None or self._state is None or self._state.task is None:
            return
        self._ask(*self._state.task.neighbor(self._question, a, b))

    def _ask(self, a: int, b: int) -> None:
        self._question, self._problem = (a, b), ""
        self._asked_at = self._state.metrics if self._state else None
        self.post_message(CommandRequested(commands.Ask(a, b)))

    def _content(self, state: SessionState) -> Content:
        if self._problem:
            return Content(self._problem).stylize("$error")
        if state.answer is None or state.task is None:
            return Content(_HINT).stylize("$foreground 70%")
        width, height = self.query_one(Static).content_size
        lines = _verdict(state.answer, state.task)
        shown = max(1, height - len(lines) - 1)
        lines += ["", *_bars(state.answer, _right(state.answer, state.task), width, shown)]
        return Content("\n").join(Content(x) if isinstance(x, str) else x for x in lines)


def _right(answer: Answered, task: Task) -> int:
    return int(task.answer[task.index(answer.a, answer.b)])


def _verdict(answer: Answered, task: Task) -> list[Content | str]:
    given, right = int(answer.probabilities.argmax()), _right(answer, task)
    question = f"{task.text(answer.a, answer.b)} = "
    half = "trained on" if task.train_mask[task.index(answer.a, answer.b)] else "held out"
    word = ("right", "bold $success") if given == right else (f"not {right}", "bold $error")
    return [
        Content.assemble(question, (str(given), "bold"), f" {task.ring}  ", word),
        Content(f"step {answer.step}; this pair is {half}").stylize("$foreground 70%"),
    ]


def _bars(answer: Answered, right: int, width: int, count: int) -> list[Content | str]:
    """A line with a bar for each of the `count` most probable residues."""
    longest = max(1, width - _BESIDE_BAR)
    best = np.argsort(-answer.probabilities, kind="stable")[:count]
    return [
        Content.assemble(
            (f"{residue:4} ", "bold"),
            f"{percent(float(answer.probabilities[residue])):>7} ",
            (
                "█" * round(longest * float(answer.probabilities[residue])),
                "$success" if residue == right else "$series-train",
            ),
            (" right" if residue == right else "", "$success"),
        )
        for residue in best.tolist()
    ]

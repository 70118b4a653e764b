"""The Residues pane: the accuracy for each right answer, and the mistakes for one of them."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from grok_tui.analysis.predictions import Mistakes, Tally, mistakes, tally
from grok_tui.protocol.results import Pairs
from grok_tui.tasks.task import Task
from grok_tui.tui.messages import ResidueChosen
from grok_tui.tui.panes.pane import Pane
from grok_tui.tui.widgets.residue_bars import ResidueBars
from grok_tui.view.pair_values import probability_text
from grok_tui.view.state import SessionState


class Residues(Pane):
    """A train and a test bar for each residue, and the wrong pairs of the chosen one."""

    TITLE = "Residues"
    KEY = "3"
    SHORT = "Res"
    ABOUT = (
        "For each residue: the share of the pairs with that answer which the network gets"
        " right, train above and test below. Beneath: what it gets wrong for the chosen"
        " residue, the least likely right answers first. The train bars fill early, by"
        " memorizing; when the network groks, the test bars follow."
    )
    DEFAULT_CSS = """
    Residues > Static { height: 1; padding: 0 1; }
    Residues VerticalScroll { height: 1fr; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "choose(-1)", "Previous residue", id="residue-before", show=False),
        Binding("right", "choose(1)", "Next residue", id="residue-next", show=False),
        Binding("up", "strip(-1)", "Previous strip", id="residue-up", show=False),
        Binding("down", "strip(1)", "Next strip", id="residue-down", show=False),
        Binding("home", "first", "First residue", id="residue-first", show=False),
        Binding("end", "last", "Last residue", id="residue-last", show=False),
        Binding("w", "worst", "Worst residue on test", id="residue-worst", show=False),
        Binding("pageup", "page(-1)", "Scroll up", id="residue-page-up", show=False),
        Binding(
            "pagedown",
            "page(1)",
            "Scroll down",
            id="residue-page-down",
            show=False,
        ),
    ]

    def __init__(self) -> None:
        super().__init__(id="residues")
        self._found: tuple[Task, Pairs] | None = None
        self._chosen = 0

    def compose(self) -> ComposeResult:
        yield Static(Content("waiting for the first evaluation"), id="residues-legend")
        yield ResidueBars()
        yield Static(id="residue")
        with VerticalScroll(can_focus=False):
            yield Static(id="residue-mistakes")

    def on_mount(self) -> None:
        self.border_title = self.TITLE

    def show(self, state: SessionState) -> None:
        if state.task is None or state.pairs is None:
            return
        if self._found is None or state.pairs is not self._found[1]:
            self._found = state.task, state.pairs
            legend = _legend(state.pairs_step)
            self.query_one("#residues-legend", Static).update(legend, layout=False)
            self._draw(self._found)

    # --- what keys and mouse do ---------------------------------------------------------

    def action_choose(self, step: int) -> None:
        """Move along the residues, wrapping around."""
        if self._found is not None:
            self._choose((self._chosen + step) % self._found[0].n_answers)

    def action_strip(self, strips: int) -> None:
        self._choose(self._chosen + strips * self.query_one(ResidueBars).per_strip)

    def action_first(self) -> None:
        self._choose(0)

    def action_last(self) -> None:
        if self._found is not None:
            self._choose(self._found[0].n_answers - 1)

    def action_worst(self) -> None:
        if self._found is not None:
            task, pairs = self._found
            self._choose(tally(task, pairs, ~task.train_mask).worst)

    def action_page(self, pages: int) -> None:
        scroll = self.query_one(VerticalScroll)
        scroll.scroll_relative(y=pages * scroll.size.height, animate=False)

    def on_residue_chosen(self, message: ResidueChosen) -> None:
        self._choose(message.residue)

    def _choose(self, residue: int) -> None:
        """Show a residue; ignored if there is no such residue."""
        if self._found is not None and 0 <= residue < self._found[0].n_answers:
            self._chosen = residue
            self._draw(self._found)
            self.query_one(VerticalScroll).scroll_home(animate=False)

    # --- what is shown ------------------------------------------------------------------

    def _draw(self, found: tuple[Task, Pairs]) -> None:
        task, pairs = found
        train, test = (tally(task, pairs, half) for half in (task.train_mask, ~task.train_mask))
        wrong = mistakes(task, pairs, self._chosen)
        self.query_one(ResidueBars).show(train.accuracy, test.accuracy, self._chosen)
        counts = _counts(self._chosen, train, test)
        self.query_one("#residue", Static).update(counts, layout=False)
        self.query_one("#residue-mistakes", Static).update(_list(self._chosen, wrong))


def _legend(step: int) -> Content:
    return Content.assemble(
        ("train", "bold $series-train"),
        " over ",
        ("test", "bold $series-test"),
        f": right answers by residue, step {step}",
    )


def _counts(residue: int, train: Tally, test: Tally) -> Content:
    halves = (
        f"{name} {half.right[residue]} of {half.total[residue]}" if half.total[residue]
        else f"{name} none"
        for name, half in (("train", train), ("test", test))
    )  # fmt: skip
    return Content(f"residue {residue}: {', '.join(halves)}").stylize("bold")


def _list(residue: int, wrong: Mistakes) -> Content:
    """One line per wrong pair."""
    columns = (wrong.a, wrong.b, wrong.answered, wrong.distance, wrong.probability, wrong.train)
    lines = [
        f"{a:3}, {b:3} → {answered:3} instead of {residue}  {off:3} off"
        f"  p {probability_text(likely):6} {'train' if train else 'test'}"
        for a, b, answered, off, likely, train in zip(*columns, strict=True)
    ]
    return Content("\n".join(lines) or "no wrong answers")

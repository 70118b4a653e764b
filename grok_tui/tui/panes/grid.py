"""The Grid pane: a map of all pairs, with a cursor that reads out one of them."""

from __future__ import annotations

from typing import ClassVar, get_args

import numpy as np
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from grok_tui.analysis.predictions import probability
from grok_tui.protocol.results import Pairs
from grok_tui.tasks.task import Task
from grok_tui.tui.messages import MapScaled, PairChosen
from grok_tui.tui.panes.pane import Pane
from grok_tui.tui.widgets.half_blocks import Painter, legend, painter_of
from grok_tui.tui.widgets.pair_map import PairMap
from grok_tui.view.pair_values import (
    BoolArray,
    Quantity,
    pair_values,
    probability_text,
    shown_table,
)
from grok_tui.view.state import SessionState

_QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
_HALVES = ("all pairs", "train only", "test only")
_JUMP = 10


class Grid(Pane):
    """The map of all pairs, with its legend above and the cursor's pair below."""

    TITLE = "Grid"
    KEY = "4"
    ABOUT = (
        "Every pair (a, b), with a running down and b to the right: whether it is answered"
        " right, how likely the right answer is, or how far off the answer is. Memorized train"
        " pairs come first, as a random speckle; when the network groks, the others follow."
    )
    DEFAULT_CSS = "Grid Static { height: 1; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1, 0)", "a - 1", id="grid-up", show=False),
        Binding("down", "move(1, 0)", "a + 1", id="grid-down", show=False),
        Binding("left", "move(0, -1)", "b - 1", id="grid-left", show=False),
        Binding("right", "move(0, 1)", "b + 1", id="grid-right", show=False),
        Binding("shift+up", f"move(-{_JUMP}, 0)", "a - 10", id="grid-up-10", show=False),
        Binding("shift+down", f"move({_JUMP}, 0)", "a + 10", id="grid-down-10", show=False),
        Binding("shift+left", f"move(0, -{_JUMP})", "b - 10", id="grid-left-10", show=False),
        Binding("shift+right", f"move(0, {_JUMP})", "b + 10", id="grid-right-10", show=False),
        Binding("o", "next_quantity", "Show another quantity", id="grid-measure", show=False),
        Binding("k", "next_half", "Train or test pairs only", id="grid-half", show=False),
        Binding("plus,equals_sign", "zoom(1)", "Zoom in", id="grid-zoom-in", show=False),
        Binding("minus", "zoom(-1)", "Zoom out", id="grid-zoom-out", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="grid")
        self._found: tuple[Task, Pairs] | None = None
        self._step = 0
        self._quantity: Quantity = _QUANTITIES[0]
        self._half = 0
        self._row, self._column = 0, 0

    def compose(self) -> ComposeResult:
        yield Static(Content("waiting for the first evaluation"), id="grid-legend")
        yield PairMap()
        yield Static(id="grid-pair")

    def on_mount(self) -> None:
        self.border_title = self.TITLE
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())

    def show(self, state: SessionState) -> None:
        if state.task is None or state.pairs is None:
            return
        if self._found is None or state.pairs is not self._found[1]:
            self._found, self._step = (state.task, state.pairs), state.pairs_step
            self._draw()

    # --- what keys and mouse do ---------------------------------------------------------

    def action_move(self, rows: int, columns: int) -> None:
        self._move_to(self._row + rows, self._column + columns)

    def on_pair_chosen(self, message: PairChosen) -> None:
        self._move_to(message.row, message.column)

    def on_map_scaled(self, message: MapScaled) -> None:
        pool = message.pool
        self.border_subtitle = f"{pool} x {pool} pairs to a cell" if pool > 1 else ""

    def action_next_quantity(self) -> None:
        at = _QUANTITIES.index(self._quantity)
        self._quantity = _QUANTITIES[(at + 1) % len(_QUANTITIES)]
        self._draw()

    def action_next_half(self) -> None:
        self._half = (self._half + 1) % len(_HALVES)
        self._draw()

    def action_zoom(self, direction: int) -> None:
        self.query_one(PairMap).zoom(direction)

    def _move_to(self, row: int, column: int) -> None:
        if self._found is None:
            return
        task, _ = self._found
        self._row = min(max(0, row), len(task.rows) - 1)
        self._column = min(max(0, column), len(task.columns) - 1)
        self.query_one(PairMap).move_to(self._row, self._column)
        self._read_out()

    # --- what is shown ------------------------------------------------------------------

    def _draw(self) -> None:
        if self._found is None:
            return
        task, pairs = self._found
        painter = painter_of(self.app, self._quantity)
        values = shown_table(task, pair_values(task, pairs, self._quantity), self._shown(task))
        self.query_one(PairMap).draw(values, task.rows, task.columns, painter)
        legend = self._legend(painter, task)
        self.query_one("#grid-legend", Static).update(legend, layout=False)
        self._read_out()

    def _shown(self, task: Task) -> BoolArray:
        """(n_pairs,): True for pairs on the map."""
        every = np.ones_like(task.train_mask)
        return (every, task.train_mask, ~task.train_mask)[self._half]

    def _legend(self, painter: Painter, task: Task) -> Content:
        ends = {
            "correctness": ("right", "wrong"),
            "confidence": ("0", "1"),
            "error distance": ("0", str(task.n_answers // 2)),
        }
        first, last = ends[self._quantity]
        return Content.assemble(
            (self._quantity, "bold"), f"  {first} ", legend(painter), f" {last}",
            f"  {_HALVES[self._half]}  step {self._step}",
        )  # fmt: skip

    def _read_out(self) -> None:
        """Show the cursor's pair below the map."""
        if self._found is None:
            return
        task, pairs = self._found
        a, b = task.rows[self._row], task.columns[self._column]
        at = task.index(int(a), int(b))
        answered, right = int(pairs.answers[at]), int(task.answer[at])
        likely = float(probability(pairs)[at])
        half = "train" if task.train_mask[at] else "test"
        verdict = "(right)" if answered == right else f"(right: {right})"
        text = f"a {a}  b {b}  → {answered} {verdict}  p {probability_text(likely)}  {half}"
        self.query_one("#grid-pair", Static).update(Content(text), layout=False)

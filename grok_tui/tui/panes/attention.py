"""The Attention pane: how much `=` attends to each token, by head."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

from grok_tui.protocol.results import AnalysisArrays
from grok_tui.tui.messages import ResidueChosen
from grok_tui.tui.panes.analysis_pane import WAITING, AnalysisPane, line
from grok_tui.tui.widgets.residue_bars import ResidueBars

FloatArray = NDArray[np.float32]


class Attention(AnalysisPane):
    """For one head, the attention from `=` to a and to b, for every token."""

    TITLE = "Attention"
    KEY = "8"
    SHORT = "Attn"
    ABOUT = "How much each head attends from = to a (above) and to b (below), for every token."
    MORE = (
        "Each bar is the attention paid to one token, averaged over all tokens in the other"
        " position; a full bar is 1. The rest goes to the other position and to = itself. In a"
        " head that has learned something, attention rises and falls over the tokens at one of"
        " the key frequencies, and what a gains, b loses. The first line shows the means of"
        " every head. Up and down change the head, left and right the token. With several"
        " layers, this is the first layer's attention."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "token(-1)", "Previous token", id="attention-left", show=False),
        Binding("right", "token(1)", "Next token", id="attention-right", show=False),
        Binding("up", "head(-1)", "Previous head", id="attention-up", show=False),
        Binding("down", "head(1)", "Next head", id="attention-down", show=False),
        Binding("home", "first", "First token", id="attention-first", show=False),
        Binding("end", "last", "Last token", id="attention-last", show=False),
    ]

    def __init__(self) -> None:
        super().__init__("attention")
        self._head, self._token = 0, 0
        self._of: tuple[AnalysisArrays, FloatArray] | None = (
            None  # arrays, and their mean attention
        )

    def body(self) -> Iterable[Widget]:
        return line("attention-heads", WAITING), ResidueBars(), line("attention-token")

    def action_token(self, step: int) -> None:
        if len(scores := self._scores):
            self._token = (self._token + step) % scores.shape[2]
            self.redraw()

    def action_first(self) -> None:
        self._token = 0
        self.redraw()

    def action_last(self) -> None:
        if len(scores := self._scores):
            self._token = scores.shape[2] - 1
            self.redraw()

    def action_head(self, step: int) -> None:
        if len(scores := self._scores):
            self._head = (self._head + step) % len(scores)
            self.redraw()

    def on_residue_chosen(self, message: ResidueChosen) -> None:
        self._token = message.residue
        self.redraw()

    @property
    def _scores(self) -> FloatArray:
        """Those of the newest analysis; no heads before the first one."""
        arrays = self.analyses.arrays
        return np.zeros((0, 3, 0), dtype=np.float32) if arrays is None else arrays.attention

    def draw(self, arrays: AnalysisArrays) -> None:
        if not len(arrays.attention):
            self.say("attention-heads", "This network has no attention.")
            return
        if self._of is None or self._of[0] is not arrays:
            self._of = arrays, mean_attention(arrays.attention)
        shares = self._of[1]
        self._head = min(self._head, len(shares) - 1)
        self._token = min(self._token, shares.shape[2] - 1)
        to_a, to_b = shares[self._head]
        self.query_one(ResidueBars).show(to_a, to_b, self._token)
        self.say("attention-heads", _heads(shares, self._head))
        text = (
            f"head {self._head}, token {self._token}: to a {to_a[self._token]:.3f},"
            f" to b {to_b[self._token]:.3f}"
        )
        self.say("attention-token", Content(text).stylize("bold"))


def mean_attention(scores: FloatArray) -> FloatArray:
    """Attention from `=` to each token as a, and as b, averaged over the other operand.

    scores: (n_heads, 3, p), as `AnalysisArrays.attention`. Returns (n_heads, 2, p), in 0..1.
    """
    to_a, to_b, itself = scores[:, 0, :, None], scores[:, 1, None, :], scores[:, 2, :1, None]
    highest = np.maximum(np.maximum(to_a, to_b), itself)
    a, b, rest = (np.exp(x - highest) for x in (to_a, to_b, itself))
    total = a + b + rest  # (n_heads, p, p)
    shares: FloatArray = np.stack([(a / total).mean(axis=2), (b / total).mean(axis=1)], axis=1)
    return shares


def _heads(shares: FloatArray, chosen: int) -> Content:
    """Each head's attention to a and to b, averaged over the tokens; marks the chosen head."""
    parts = [Content("head: a b")]
    for head, means in enumerate(shares.mean(axis=2)):
        to_a, to_b = (f"{mean:.2f}".removeprefix("0") for mean in means)
        text = Content(f"{head}: {to_a} {to_b}")
        parts.append(text.stylize("bold $background on $accent") if head == chosen else text)
    return Content("  ").join(parts)

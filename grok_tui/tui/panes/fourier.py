"""The Fourier pane: the spectra of the weights, now and over training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from grok_tui.protocol.results import AnalysisArrays, Measures
from grok_tui.text import number
from grok_tui.tui.panes.analysis_pane import WAITING, AnalysisPane, line
from grok_tui.tui.widgets.dot_canvas import Area, DotCanvas
from grok_tui.tui.widgets.half_blocks import CURSOR, Levels, levels, painter_of
from grok_tui.tui.widgets.residue_bars import bars
from grok_tui.view.histories import Spectra

FloatArray = NDArray[np.float32]
Weight = Literal["W_E", "W_L"]

# The views: bars of both weights (None), or a waterfall of one.
_VIEWS: tuple[Weight | None, ...] = (None, "W_E", "W_L")
# Columns for the waterfall's step numbers, if there is room.
_MARGIN = 8
# The widest bar, in columns.
_WIDEST = 4


class Fourier(AnalysisPane):
    """Bars of both spectra, or one of them as a waterfall over training."""

    TITLE = "Fourier"
    KEY = "5"
    SHORT = "Four"
    ABOUT = (
        "How strong each frequency k is in the embedding W_E and in W_L, from neurons to"
        " logits."
    )
    MORE = (
        "A network that has grokked adds by rotation: it computes cos and sin of 2 pi k a / n"
        " for a few frequencies k. Each bar is the joint norm of the cosine and sine"
        " components of one k. The key frequencies, at least a quarter as strong in W_L as the"
        " strongest, are colored and named below. At first all are alike; as the circuit forms"
        " a few grow, and in the cleanup the rest decay. The Gini coefficient says how uneven"
        " a spectrum is. A waterfall has one line for every analysis, the newest at the"
        " bottom, scaled to the strongest frequency of its line. Products are shown in the"
        " order of their discrete logarithms, with n = p - 1."
    )
    DEFAULT_CSS = """
    Fourier #fourier-bars { height: 1fr; padding: 0 1; }
    Fourier DotCanvas { display: none; }
    Fourier.waterfall #fourier-bars { display: none; }
    Fourier.waterfall DotCanvas { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "k - 1", id="fourier-left", show=False),
        Binding("right", "move(1)", "k + 1", id="fourier-right", show=False),
        Binding("up", "next_key(-1)", "Previous key frequency", id="fourier-up", show=False),
        Binding("down", "next_key(1)", "Next key frequency", id="fourier-down", show=False),
        Binding("o", "next_view", "Bars or a waterfall", id="fourier-view", show=False),
    ]

    def __init__(self) -> None:
        super().__init__("fourier")
        self._k, self._view = 1, 0

    def body(self) -> Iterable[Widget]:
        return (
            line("fourier-legend", WAITING),
            Area(id="fourier-bars"),
            DotCanvas(),
            line("fourier-axis"),
            line("fourier-keys"),
            line("fourier-k"),
        )

    # --- what keys do -------------------------------------------------------------------

    def action_move(self, step: int) -> None:
        if self.analyses.arrays is not None:
            count = len(self.analyses.arrays.spectrum_W_L)
            self._k = (self._k - 1 + step) % count + 1
            self.redraw()

    def action_next_key(self, direction: int) -> None:
        """Go to the next key frequency above (1) or below (-1), wrapping around."""
        keys = self.analyses.newest.key_frequencies if self.analyses.newest else ()
        if keys:
            beyond = [k for k in keys[::direction] if (k - self._k) * direction > 0]
            self._k = beyond[0] if beyond else keys[::direction][0]
            self.redraw()

    def action_next_view(self) -> None:
        self._view = (self._view + 1) % len(_VIEWS)
        self.set_class(self._view > 0, "waterfall")
        self.call_after_refresh(self.redraw)

    # --- what is shown ------------------------------------------------------------------

    def draw(self, arrays: AnalysisArrays) -> None:
        measures = self.analyses.newest
        assert measures is not None
        self._k = min(self._k, len(arrays.spectrum_W_L))
        self.say("fourier-legend", self._legend(measures))
        keys = measures.key_frequencies
        shown = f"{len(keys)} key: {' '.join(map(str, keys))}"
        self.say("fourier-keys", Content(shown).stylize("$accent"))
        self.say("fourier-k", _readout(self._k, arrays, keys))
        if weight := _VIEWS[self._view]:
            self._draw_waterfall(weight, keys)
        else:
            self._draw_bars(arrays, keys)

    def _legend(self, measures: Measures) -> str:
        if (weight := _VIEWS[self._view]) is None:
            return f"Gini W_E {measures.gini_W_E:.3f}  W_L {measures.gini_W_L:.3f}"
        gini = measures.gini_W_E if weight == "W_E" else measures.gini_W_L
        spectra = self.analyses.spectra
        return f"{weight}, steps {spectra[0].step} to {spectra[-1].step}  Gini {gini:.3f}"

    def _draw_bars(self, arrays: AnalysisArrays, keys: tuple[int, ...]) -> None:
        area = self.query_one("#fourier-bars", Static).content_size
        height = (area.height - 1) // 2
        if height < 1 or area.width < 2:
            return
        both = (arrays.spectrum_W_E, arrays.spectrum_W_L)
        columns = _Columns(len(both[0]), area.width, keys, self._k)
        lines = [
            columns.line(text)
            for spectrum in both
            for text in bars(columns.pooled(spectrum / max(spectrum.max(), 1e-30)), height)
        ]
        middle = Content("W_E above, W_L below").stylize("$foreground 60%")
        lines.insert(height, middle)
        self.say("fourier-bars", Content("\n").join(lines))
        self.say("fourier-axis", columns.axis())

    def _draw_waterfall(self, weight: Weight, keys: tuple[int, ...]) -> None:
        canvas = self.query_one(DotCanvas)
        painter = painter_of(self.app, "confidence")
        count = len(self.analyses.spectra[0].W_E)
        margin = _MARGIN if canvas.size.width >= count + _MARGIN else 0
        rows, width = canvas.room(painter, margin)
        if rows < 1 or width < 2:
            return
        spectra = _thinned(self.analyses.spectra, rows)
        columns = _Columns(count, width, keys, self._k)
        picture = columns.picture(np.array([getattr(s, weight) for s in spectra]))
        labels = {at: str(spectra[at].step) for at in (0, len(spectra) // 2, len(spectra) - 1)}
        canvas.draw(picture, painter, labels, margin)
        self.say("fourier-axis", Content(" " * margin) + columns.axis())


class _Columns:
    """Lays out the frequencies 1..count: several per column, or several columns for each.

    width: columns available. keys: the key frequencies. chosen: the chosen frequency.
    """

    def __init__(self, count: int, width: int, keys: tuple[int, ...], chosen: int) -> None:
        self._count, self._pool = count, -(-count // width)
        self._width = min(_WIDEST, max(1, width * self._pool // count))
        self._keys = {(k - 1) // self._pool for k in keys}
        self._chosen = (chosen - 1) // self._pool
        self._names = [*keys, chosen]

    def pooled(self, values: FloatArray) -> FloatArray:
        """The largest value of each column, (..., columns). values: (..., count)."""
        unfilled = -self._count % self._pool
        padded = np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, unfilled)])
        pooled: FloatArray = padded.reshape(*values.shape[:-1], -1, self._pool).max(axis=-1)
        return pooled

    def line(self, text: str) -> Content:
        """One line of bars with the key frequencies colored; text: a character per column."""
        gap = " " if self._width > 1 else ""
        wide = "".join(character * (self._width - len(gap)) + gap for character in text)
        content = Content(wide).stylize("$foreground 60%")
        for column in self._keys:
            content = content.stylize("$accent", *self._span(column))
        return content.stylize("bold $foreground on $panel", *self._span(self._chosen))

    def _span(self, column: int) -> tuple[int, int]:
        return column * self._width, (column + 1) * self._width

    def picture(self, spectra: FloatArray) -> Levels:
        """Levels of the spectra, (rows, count), each row relative to its largest value."""
        pooled = self.pooled(spectra)
        shares = pooled / np.maximum(pooled.max(axis=1, keepdims=True), 1e-30)
        picture = levels(shares)
        picture[-1, self._chosen] += CURSOR
        return picture.repeat(self._width, axis=1)

    def axis(self) -> Content:
        """The numbers of the chosen frequency and of the key ones that fit."""
        columns = -(-self._count // self._pool) * self._width
        text = [" "] * max(columns, 3)
        for name in reversed(self._names):
            label = str(name)
            start = min((name - 1) // self._pool * self._width, len(text) - len(label))
            around = text[max(0, start - 1) : start + len(label) + 1]
            if all(character == " " for character in around):
                text[start : start + len(label)] = label
        return Content("".join(text)).stylize("$accent")


def _thinned(spectra: tuple[Spectra, ...], rows: int) -> list[Spectra]:
    """At most `rows` spectra, evenly spaced, including the oldest and the newest."""
    if len(spectra) <= rows:
        return list(spectra)
    places = np.linspace(0, len(spectra) - 1, rows).round().astype(int)
    return [spectra[at] for at in places]


def _readout(k: int, arrays: AnalysisArrays, keys: tuple[int, ...]) -> Content:
    both = {"W_E": arrays.spectrum_W_E, "W_L": arrays.spectrum_W_L}
    strengths = "  ".join(
        f"{name} {number(float(norms[k - 1]))} ({norms[k - 1] / max(norms.max(), 1e-30):.0%})"
        for name, norms in both.items()
    )
    return Content(f"k {k}  {strengths}{'  key' if k in keys else ''}").stylize("bold")

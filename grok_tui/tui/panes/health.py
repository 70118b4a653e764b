"""The Health pane: rounding in float32, the size of updates, and jumps of the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.content import Content

from grok_tui.analysis import health
from grok_tui.protocol.results import Health, Metrics
from grok_tui.text import number, percent
from grok_tui.tui.panes.pane import Pane
from grok_tui.tui.widgets.dot_canvas import Area
from grok_tui.tui.widgets.residue_bars import bars
from grok_tui.view.histories import HealthHistory
from grok_tui.view.series import Series
from grok_tui.view.state import SessionState

FloatArray = NDArray[np.float64]

_NAME_WIDTH, _VALUE_WIDTH = 14, 9
# Smaller numbers are drawn as this on a logarithmic axis.
_FAINTEST = 1e-12
_NOT_MEASURED = "not measured when this run was recorded"


def _logs(values: FloatArray) -> FloatArray:
    """The logarithms of values, (n,), scaled to 0..1 between the smallest and the largest."""
    return _spread(np.log10(np.maximum(values, _FAINTEST)))


def _spread(values: FloatArray) -> FloatArray:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.full_like(values, 0.5)


def _whole(values: FloatArray) -> FloatArray:
    return values


def _from_zero(values: FloatArray) -> FloatArray:
    return values / max(1.0, float(values.max()))


@dataclass(frozen=True, slots=True)
class _Row:
    """How to show a number. heights: scales values, (n,), to 0..1. ill: whether to warn."""

    name: str
    means: str
    words: Callable[[float], str]
    heights: Callable[[FloatArray], FloatArray]
    ill: Callable[[Health], bool]


_ROWS = {
    "gradient_norm": _Row(
        "gradient norm", "of the last step, log", number, _logs,
        lambda h: h.gradient_norm == 0,
    ),
    "update_ratio": _Row(
        "update ratio", "change of the weights, log", number, _logs,
        lambda h: h.update_ratio > health.UPDATE_WARNED,
    ),
    "zero_loss_share": _Row(
        "zero loss", "train pairs at exactly 0", percent, _whole,
        lambda h: h.zero_loss_share > health.ZERO_LOSS_WARNED,
    ),
    "largest_logit": _Row(
        "largest logit", "of all pairs", number, _spread, lambda _: False,
    ),
    "spikes": _Row(
        "spikes", "of the train loss so far", number, _from_zero,
        lambda h: h.spikes > 0,
    ),
}  # fmt: skip


class HealthPane(Pane):
    """Each number of the health, with bars of its history."""

    TITLE = "Health"
    KEY = "h"
    ABOUT = "Whether float32 and the step size are still good enough for this run."
    MORE = (
        "A loss that float32 rounds to exactly 0 gives no gradient. With the usual"
        " log_softmax that happens below 6e-8 and is called softmax collapse; the loss used"
        " here keeps its digits down to 1e-30. Logits that keep growing lead there. The update"
        " ratio is the norm of the last step's change, decay included, over the norm of all"
        " weights: healthy runs stay near 0.01 or below. A spike is a jump of the train loss"
        " from near zero; a few do no harm, many mean that the learning rate is too high. Bars"
        " show the largest value in each column, scaled between the run's smallest and"
        " largest."
    )
    DEFAULT_CSS = "HealthPane #health-rows { height: 1fr; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__(id="health")
        self._metrics: Metrics | None = None
        self._history = HealthHistory()

    def compose(self) -> ComposeResult:
        yield Area("waiting for the first evaluation", id="health-rows", markup=False)

    def on_mount(self) -> None:
        self.border_title = self.TITLE

    def on_area_resized(self) -> None:
        self._redraw()

    def show(self, state: SessionState) -> None:
        if state.metrics is not self._metrics:
            self._metrics, self._history = state.metrics, state.health
            self._redraw()

    def _redraw(self) -> None:
        if self._metrics is None:
            return
        known = self._history.newest is not None
        text = Content("\n").join(self._lines()) if known else Content(_NOT_MEASURED)
        self.query_one("#health-rows", Area).update(text, layout=False)

    def _lines(self) -> Iterator[Content]:
        width, height = self.query_one("#health-rows", Area).content_size
        for name, row in _ROWS.items():
            series = self._history.series[name]
            yield self._head(row, series)
            tall = height // len(_ROWS) - 1
            if tall > 0 and width > 0:
                shares = row.heights(_columns(series.values, width)).astype(np.float32)
                yield from (Content(line).stylize("$accent") for line in bars(shares, tall))

    def _head(self, row: _Row, series: Series) -> Content:
        newest = self._history.newest
        style = "bold $warning" if newest and row.ill(newest) else "bold"
        value = row.words(float(series.values[-1]))
        return Content.assemble(
            f"{row.name:<{_NAME_WIDTH}}",
            (f"{value:>{_VALUE_WIDTH}}", style),
            (f"  {row.means}", "$foreground 60%"),
        )


def _columns(values: FloatArray, width: int) -> FloatArray:
    """The largest value in each of `width` columns; all values, (n,), if there are fewer."""
    if len(values) <= width:
        return values
    edges = np.linspace(0, len(values), width, endpoint=False).astype(int)
    largest: FloatArray = np.maximum.reduceat(values, edges)
    return largest

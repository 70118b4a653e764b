"""The kinds of charts: their series, and how values become heights with ticks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grok_tui.view.charts import ticks
from grok_tui.view.series import Series
from grok_tui.view.state import SessionState

FloatArray = NDArray[np.float64]

# Losses below this are drawn at it on a logarithmic axis; lower float32 losses mean little.
LOSS_FLOOR = 1e-12
# The same for accuracies, in percent; guessing scores about 1.
PERCENT_FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class Scale:
    """A vertical axis.

    heights(values): heights of the same shape. limits(lowest, highest): the limits of an axis
    for heights in this range. ticks(low, high, rows): heights of the ticks between limits.
    label(height): the text of a tick.
    """

    heights: Callable[[FloatArray], FloatArray]
    limits: Callable[[float, float], tuple[float, float]]
    ticks: Callable[[float, float, int], list[float]]
    label: Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of chart.

    of: its series by name, front last. words: the text of a value at the crosshair.
    """

    of: Mapping[str, Callable[[SessionState], Series]]
    linear: Scale
    log: Scale
    words: Callable[[float], str]

    def series(self, state: SessionState) -> dict[str, Series]:
        """The series of a run by name."""
        return {name: find(state) for name, find in self.of.items()}


LOSS = Kind(
    of={"train": lambda state: state.train_loss, "test": lambda state: state.test_loss},
    linear=Scale(
        heights=lambda losses: losses,
        limits=lambda low, high: (0.0, ticks.round_above(max(high, LOSS_FLOOR))),  # noqa: ARG005
        ticks=lambda low, high, rows: ticks.linear_ticks(high, rows),  # noqa: ARG005
        label=ticks.number_label,
    ),
    log=Scale(
        heights=lambda losses: np.log10(np.maximum(losses, LOSS_FLOOR)),
        limits=ticks.round_logs,
        ticks=ticks.log_ticks,
        label=ticks.log_label,
    ),
    words=lambda loss: f"{loss:.3g}".replace("e-0", "e-"),
)
PROGRESS = replace(
    LOSS,
    of={
        **LOSS.of,
        "excluded": lambda state: state.analyses.excluded_loss,
        "restricted": lambda state: state.analyses.restricted_loss,
    },
)
ACCURACY = Kind(
    of={"train": lambda state: state.train_acc, "test": lambda state: state.test_acc},
    linear=Scale(
        heights=lambda shares: 100 * shares,
        limits=lambda low, high: (0.0, 100.0),  # noqa: ARG005
        ticks=lambda low, high, rows: ticks.percent_ticks(rows),  # noqa: ARG005
        label=lambda percent: f"{percent:g}%",
    ),
    log=Scale(
        heights=lambda shares: np.log10(np.maximum(100 * shares, PERCENT_FLOOR)),
        limits=lambda low, high: ticks.round_logs(min(low, 1.0), 2.0),  # noqa: ARG005
        ticks=ticks.log_ticks,
        label=lambda log: f"{ticks.log_label(log)}%",
    ),
    words=lambda share: f"{100 * share:.1f}%",
)

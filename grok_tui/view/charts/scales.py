"""What the charts are of, and how their values become heights with honest ticks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grok_tui.view.charts import ticks
from grok_tui.view.series import Series
from grok_tui.view.state import SessionState

FloatArray = NDArray[np.float64]

# Losses below this are drawn at it; float32 losses of interest end near 1e-12.
LOSS_FLOOR = 1e-12
# The same for accuracies in percent on a logarithmic axis; guessing gets about 1.
PERCENT_FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class Scale:
    """A vertical axis.

    heights: values, any shape, to heights. limits: the lowest and the highest height, to
    those of the axis. ticks: of an axis with these limits and so many rows, their heights.
    label: what a tick at a height says.
    """

    heights: Callable[[FloatArray], FloatArray]
    limits: Callable[[float, float], tuple[float, float]]
    ticks: Callable[[float, float, int], list[float]]
    label: Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a chart is of.

    of: its series by name, those in front last. words: a value as the crosshair says it.
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

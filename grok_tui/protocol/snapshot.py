"""What a checkpoint holds, and where checkpoints go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from grok_tui.protocol.events import FloatArray


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that an exact resume needs, after `step` updates.

    weights, first_moment, second_moment: one float32 array per weight, same names.
    beta_products: product of every beta1, and of every beta2, used so far.
    train_mask: (n_pairs,), True where the pair is trained on.
    config: the config as a plain mapping, live edits included.
    milestones: what the evaluations have shown so far (`core.phases`), as plain data.
    seconds: time spent so far by name: `wall`, `compile`, `eval`, `analysis`.
    initial_norm: that of all weights together at step 0, None in older checkpoints.
    health: what is remembered of the run's health (`core.health`), as plain data.
    gradient_mean: one float32 array per weight, none unless `grad_filter` is grokfast.
    """

    step: int
    weights: Mapping[str, FloatArray]
    first_moment: Mapping[str, FloatArray]
    second_moment: Mapping[str, FloatArray]
    beta_products: tuple[float, float]
    train_mask: NDArray[np.bool_]
    config: Mapping[str, Any]
    milestones: Mapping[str, Any]
    seconds: Mapping[str, float]
    initial_norm: float | None = None
    health: Mapping[str, Any] = field(default_factory=dict)
    gradient_mean: Mapping[str, FloatArray] = field(default_factory=dict)


class CheckpointStore(Protocol):
    """Where a trainer puts its snapshots."""

    def save(self, snapshot: Snapshot) -> str:
        """Write the snapshot durably and return where it lies; raises OSError."""

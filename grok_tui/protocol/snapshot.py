"""The content of a checkpoint, and where checkpoints are saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from grok_tui.protocol.results import FloatArray, Metrics

Arrays = Mapping[str, FloatArray]
# The kinds of arrays in a snapshot. Of each kind there is one float32 array per weight, under
# the weight's name, or there are none.
ARRAY_KINDS = ("weights", "first_moment", "second_moment", "gradient_mean")


def array_kinds(grad_filter: str) -> tuple[str, ...]:
    """The kinds used with a setting of `grad_filter`: only grokfast keeps a gradient mean."""
    return ARRAY_KINDS if grad_filter == "grokfast" else ARRAY_KINDS[:-1]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that an exact resume after `step` updates needs.

    weights, first_moment, second_moment, gradient_mean: see `ARRAY_KINDS`.
    beta_products: product of every beta1, and of every beta2, used so far.
    train_mask: (n_pairs,), True for train pairs.
    config: the config as a plain mapping, live edits included.
    milestones: the `Milestones` so far (`analysis.phases`), as plain data.
    seconds: time spent so far, by name: `wall`, `compile`, `eval`, `analysis`, `save`.
    initial_norm: norm of all weights together at step 0, None in older checkpoints.
    health: the `HealthWatch` so far (`analysis.health`), as plain data.
    metrics: those of the last evaluation, None before the first and in older checkpoints.
    """

    step: int
    weights: Arrays
    first_moment: Arrays
    second_moment: Arrays
    beta_products: tuple[float, float]
    train_mask: NDArray[np.bool_]
    config: Mapping[str, Any]
    milestones: Mapping[str, Any]
    seconds: Mapping[str, float]
    initial_norm: float | None = None
    health: Mapping[str, Any] = field(default_factory=dict)
    gradient_mean: Arrays = field(default_factory=dict)
    metrics: Metrics | None = None

    def arrays(self) -> Iterator[tuple[str, str, FloatArray]]:
        """Every array, with its kind and the name of its weight."""
        for kind in ARRAY_KINDS:
            for name, array in getattr(self, kind).items():
                yield kind, name, array


class CheckpointStore(Protocol):
    """Where a trainer saves its snapshots."""

    def save(self, snapshot: Snapshot) -> str:
        """Write the snapshot durably and return its path. Raises OSError."""

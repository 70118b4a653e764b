"""What a checkpoint holds, and where checkpoints go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from grok_tui.protocol.results import FloatArray

Arrays = Mapping[str, FloatArray]
# The kinds of arrays that a snapshot holds: of each kind one float32 array per weight, named
# like it, or none.
ARRAY_KINDS = ("weights", "first_moment", "second_moment", "gradient_mean")


def array_kinds(grad_filter: str) -> tuple[str, ...]:
    """The kinds that are there with a setting of `grad_filter`: only grokfast keeps a mean."""
    return ARRAY_KINDS if grad_filter == "grokfast" else ARRAY_KINDS[:-1]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that an exact resume needs, after `step` updates.

    weights, first_moment, second_moment, gradient_mean: see `ARRAY_KINDS`.
    beta_products: product of every beta1, and of every beta2, used so far.
    train_mask: (n_pairs,), True where the pair is trained on.
    config: the config as a plain mapping, live edits included.
    milestones: what the evaluations have shown so far (`analysis.phases`), as plain data.
    seconds: time spent so far by name: `wall`, `compile`, `eval`, `analysis`.
    initial_norm: that of all weights together at step 0, None in older checkpoints.
    health: what is remembered of the run's health (`analysis.health`), as plain data.
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

    def arrays(self) -> Iterator[tuple[str, str, FloatArray]]:
        """Every array, with its kind and the name of its weight."""
        for kind in ARRAY_KINDS:
            for name, array in getattr(self, kind).items():
                yield kind, name, array


class CheckpointStore(Protocol):
    """Where a trainer puts its snapshots."""

    def save(self, snapshot: Snapshot) -> str:
        """Write the snapshot durably and return where it lies; raises OSError."""

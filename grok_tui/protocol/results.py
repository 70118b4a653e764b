"""The results of evaluations, analyses and runs: plain numbers and NumPy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
ShortArray = NDArray[np.int16]

# --- an evaluation --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Metrics:
    """The metrics of one evaluation of all pairs; losses in nats, accuracies in 0..1.

    weight_norm: square root of the sum of all squared weights.
    lr, weight_decay: those of the previous step, warm-up included.
    """

    train_loss: float
    test_loss: float
    train_acc: float
    test_acc: float
    weight_norm: float
    lr: float
    weight_decay: float

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Pairs:
    """The results of an evaluation for every pair, in the task's order.

    answers: (n_pairs,), the most likely answer. loss: (n_pairs,), -log of the probability of
    the correct answer, in nats.
    """

    answers: ShortArray
    loss: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Health:
    """The numerical health of a run at an evaluation.

    zero_loss_share: share of the train pairs whose loss is exactly 0, in 0..1.
    largest_logit: over all pairs and answers.
    gradient_norm: root of the sum of squares of the last step's gradient, in nats.
    update_ratio: norm of the last step's weight change, decay included, over the weights' norm.
    spikes: number of jumps of the train loss so far.
    """

    zero_loss_share: float
    largest_logit: float
    gradient_norm: float
    update_ratio: float
    spikes: int

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


HEALTH_NAMES = tuple(field.name for field in fields(Health))

# --- an analysis ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measures:
    """The progress measures of one snapshot; losses in nats, None if undefined.

    gini_W_E, gini_W_L: Gini coefficients of the spectra, 0 (all frequencies equal) to 1.
    key_frequencies: those with a W_L norm of at least a quarter of the largest, ascending.
    restricted_loss: on the test pairs, with only the key frequencies of the neurons.
    excluded_loss: on the train pairs, without the key frequencies of the neurons.
    logit_fve: share of the logits' variance that cosines of the key frequencies explain.
    gradient_symmetricity, distance_irrelevance: near 1 and near 0 for a pizza, lower and
    higher for a clock.
    sum_of_squares: of each weight, by name.
    """

    gini_W_E: float
    gini_W_L: float
    key_frequencies: tuple[int, ...]
    sum_of_squares: Mapping[str, float]
    restricted_loss: float | None = None
    excluded_loss: float | None = None
    logit_fve: float | None = None
    gradient_symmetricity: float | None = None
    distance_irrelevance: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "key_frequencies": list(self.key_frequencies)}


@dataclass(frozen=True, slots=True, eq=False)
class AnalysisArrays:
    """What the panes show of one snapshot. n: number of group elements; K = n // 2.

    elements: (n,), the residues in the order of the group: 0, 1, ... for sums, the powers of
    a primitive root for products.
    spectrum_W_E, spectrum_W_L: (K,); entry k - 1 is the norm of frequency k.
    circle: (K, n, 2), each element's embedding in the plane of cos_k and sin_k.
    attention: (n_heads, 3, p), scores of the first layer before the softmax, from `=` to a, to
    b and (entry 0 of row 2) to itself; (0, 3, 0) for a model without attention.
    neuron_frequency, neuron_share: (n_neurons,), for each neuron of the last layer, the
    frequency that explains most of its variance, and the share explained, 0..1; empty without
    a circuit.
    """

    elements: ShortArray
    spectrum_W_E: FloatArray
    spectrum_W_L: FloatArray
    circle: FloatArray
    attention: FloatArray
    neuron_frequency: ShortArray
    neuron_share: FloatArray

    @property
    def n(self) -> int:
        return len(self.elements)

    @property
    def logarithmic(self) -> bool:
        """Whether the elements are ordered by their discrete logarithms."""
        return self.n > 1 and int(self.elements[0]) == 1


# --- a run ----------------------------------------------------------------------------

# Why a run failed: its numbers, its recording, or its trainer.
FailureKind = Literal["diverged", "recording", "trainer"]
# The exits of runs that did everything that was asked of them.
COMPLETE = ("completed", "grokked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The outcome of a run: the content of `summary.json` (docs/run-directory.md).

    steps: done. memorized_step, grok_step: None if never reached. final: the metrics of
    the last evaluation, None before the first and after a divergence. steps_per_second: while
    training, without evaluations, in the last sitting. Seconds are totals over all sittings of
    the run; the first version did not measure those of analyses. exit: `completed`,
    `grokked`, `diverged`, or why the run was stopped.
    """

    steps: int
    grokked: bool
    grok_step: int | None
    memorized_step: int | None
    final: Metrics | None
    steps_per_second: float
    eval_seconds: float
    analysis_seconds: float = 0.0
    compile_seconds: float
    wall_seconds: float
    device: str
    exit: str

    @property
    def complete(self) -> bool:
        """Whether the run did everything that was asked of it."""
        return self.exit in COMPLETE

    @property
    def diverged(self) -> bool:
        return self.exit == "diverged"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

"""The contract between models and the rest of the program.

A model is described without a device, so reading a checkpoint, drawing a pane or examining a
config does not load tinygrad; only `batch` and `logits` do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from grok_tui.config.schema import Config
from grok_tui.protocol.results import FloatArray

if TYPE_CHECKING:
    from tinygrad import Tensor

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
Shape = tuple[int, int]
# Weights on the host, of any float type, by name.
HostWeights = Mapping[str, NDArray[np.floating[Any]]]
# What another tool loads: arrays by its names, and its config as data for JSON.
Exported = tuple[dict[str, FloatArray], dict[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What the analyses can see of some weights, in float64; None for what a model lacks.

    W_E: (n_tokens, d_model), the embedding of every value of a and b.
    W_L: (n_neurons, n_answers), how the last layer's neurons move the logits.
    neurons: maps pairs a, b, (batch,) each, to the logits without the neurons' part,
    (batch, n_answers), and the neurons, (batch, n_neurons); the full logits are the first plus
    the second times W_L.
    attention: (n_heads, 3, n_tokens), scores of the first layer before the softmax, from `=`
    to a (row 0), to b (row 1) and to itself (row 2, entry 0; the rest is 0).
    embedding_gradients: maps triples a, b, c, (batch,) each, to the gradients of logit c with
    respect to the embeddings of a and of b, (batch, d_model) each.
    """

    W_E: Array
    W_L: Array
    neurons: Callable[[IntArray, IntArray], tuple[Array, Array]]
    attention: Array | None = None
    embedding_gradients: (
        Callable[[IntArray, IntArray, IntArray], tuple[Array, Array]] | None
    ) = None


class Model(ABC):
    """One architecture at one size. n_tokens: number of values of a and b.

    EXPORTS: by format, functions from model and weights to another tool's conventions.
    """

    EXPORTS: ClassVar[Mapping[str, Callable[[Any, HostWeights], Exported]]] = {}

    def __init__(self, config: Config, n_tokens: int, n_answers: int) -> None:
        self.config, self.n_tokens, self.n_answers = config, n_tokens, n_answers

    # --- parameters -----------------------------------------------------------------------

    @property
    @abstractmethod
    def shapes(self) -> dict[str, Shape]:
        """Name and shape of every weight, all matrices, in the order used everywhere."""

    @property
    @abstractmethod
    def hidden(self) -> frozenset[str]:
        """The weights between embedding and unembedding, which Muon updates."""

    @property
    @abstractmethod
    def n_neurons(self) -> int:
        """Neurons of the last layer."""

    @abstractmethod
    def initial_weights(self) -> dict[str, FloatArray]:
        """Weights drawn from the config's `seed`, the same on every device, float32."""

    @property
    @abstractmethod
    def expected_norm(self) -> float:
        """Root of the expected sum of squares of all initial weights."""

    @property
    @abstractmethod
    def sane_norm(self) -> float:
        """The expected norm for the initialization that is known to train well."""

    # --- cost -----------------------------------------------------------------------------

    @abstractmethod
    def n_bytes(self, n_pairs: int, n_train: int) -> int:
        """Approximate memory in bytes for training one replica."""

    @abstractmethod
    def step_products(self, n_train: int) -> Sequence[tuple[int, int, int]] | None:
        """Rows, inner size and columns of the products that take most of a step's time.

        None if they do not determine it.
        """

    # --- on the device --------------------------------------------------------------------

    @abstractmethod
    def batch(self, a: IntArray, b: IntArray) -> Any:
        """The pairs a, b, (..., batch) each, in buffers on the device, as `logits` takes them.

        A leading axis is over replicas.
        """

    @abstractmethod
    def logits(self, weights: Mapping[str, Tensor], batch: Any) -> Tensor:
        """The logits of every answer, (..., batch, n_answers).

        weights: (..., rows, columns) each, with the same leading axis as the batch.
        """

    # --- on the host ----------------------------------------------------------------------

    @abstractmethod
    def host_logits(self, weights: HostWeights, a: IntArray, b: IntArray) -> Array:
        """The logits in NumPy and float64: (batch, n_answers). a, b: (batch,)."""

    @abstractmethod
    def neuron(self, weights: HostWeights, a: IntArray, b: IntArray, index: int) -> FloatArray:
        """The activations of a neuron of the last layer: (batch,). a, b: (batch,)."""

    @abstractmethod
    def observe(self, weights: HostWeights) -> Observed:
        """What the analyses can see of some weights."""


def softmax(logits: Array) -> Array:
    """Softmax over the last axis."""
    exps = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(exps / exps.sum(-1, keepdims=True))

"""The transformer of Nanda et al. 2023 as a model: its parameters and its cost.

It reads `a b =` and answers at `=`; there are no biases and no normalization.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from grok_tui.models.base import (
    Array,
    HostWeights,
    IntArray,
    Model,
    Observed,
    Shape,
)
from grok_tui.models.transformer import export, host
from grok_tui.protocol.results import FloatArray

if TYPE_CHECKING:
    from tinygrad import Tensor


class Transformer(Model):
    """One to three layers of causal attention and a ReLU MLP.

    Its weights, with p values of a and b, and `=` as token p:
    W_E (p + 1, d_model), W_pos (3, d_model); in each layer `blocks.L.W_Q`, `W_K`, `W_V`, `W_O`
    (d_model, d_model), whose head axis is (head, d_head), `W_in` (d_model, d_mlp) and `W_out`
    (d_mlp, d_model); W_U (d_model, n_answers).
    """

    EXPORTS: ClassVar = {"transformerlens": export.transformerlens}

    @property
    def shapes(self) -> dict[str, Shape]:
        config = self.config
        d, m = config.d_model, config.d_mlp
        shapes = {"W_E": (self.n_tokens + 1, d), "W_pos": (3, d)}
        for layer in range(config.n_layers):
            block = f"blocks.{layer}"
            shapes |= {f"{block}.{name}": (d, d) for name in ("W_Q", "W_K", "W_V", "W_O")}
            shapes |= {f"{block}.W_in": (d, m), f"{block}.W_out": (m, d)}
        return shapes | {"W_U": (d, self.n_answers)}

    @property
    def hidden(self) -> frozenset[str]:
        return frozenset(name for name in self.shapes if name.startswith("blocks."))

    @property
    def n_neurons(self) -> int:
        return self.config.d_mlp

    # --- initial weights ------------------------------------------------------------------

    def initial_weights(self) -> dict[str, FloatArray]:
        """Weights drawn by the config's `init`.

        `nanda`: N(0, 1) / sqrt(d_model), for W_U N(0, 1) / sqrt(n_answers). `transformerlens`:
        N(0, 0.8^2 / d_model). `scaled-uniform`: U(-1, 1) / sqrt(rows * columns), which is far
        too small. `normal`: N(0, 1), which is far too large.
        """
        config = self.config
        rng = np.random.default_rng(config.seed)
        weights = {}
        for name, (rows, columns) in self.shapes.items():
            if config.init == "scaled-uniform":
                weight = rng.uniform(-1, 1, (rows, columns)) / np.sqrt(rows * columns)
            else:
                weight = rng.standard_normal((rows, columns)) * self._std(config.init, name)
            weights[name] = (config.init_scale * weight).astype(np.float32)
        return weights

    @property
    def expected_norm(self) -> float:
        return self.config.init_scale * self._norm(self.config.init)

    @property
    def sane_norm(self) -> float:
        return self._norm("nanda")

    def _norm(self, init: str) -> float:
        squares = (
            rows * columns * self._std(init, name) ** 2
            for name, (rows, columns) in self.shapes.items()
        )
        return math.sqrt(sum(squares))

    def _std(self, init: str, name: str) -> float:
        """The standard deviation that a weight is drawn with, without `init_scale`."""
        rows, columns = self.shapes[name]
        match init:
            case "normal":
                return 1.0
            case "scaled-uniform":
                return 1 / math.sqrt(3 * rows * columns)
            case "transformerlens":
                return 0.8 / math.sqrt(self.config.d_model)
            case _:
                return 1 / math.sqrt(self.n_answers if name == "W_U" else self.config.d_model)

    # --- cost -----------------------------------------------------------------------------

    def n_bytes(self, n_pairs: int, n_train: int) -> int:
        """Eight copies of the weights, and what the pairs need.

        Measured on a CPU, at p from 31 to 113 with one and two layers: 0.8 to 1.1 times this.
        """
        d, d_mlp, n_layers = self.config.d_model, self.config.d_mlp, self.config.n_layers
        weights = sum(rows * columns for rows, columns in self.shapes.values())
        later_layers = (n_layers - 1) * (2 * d_mlp + 5 * d)
        per_pair = d_mlp + 2 * self.n_answers + later_layers
        return 4 * (8 * weights + (n_pairs + 3 * n_train) * per_pair)

    def step_products(self, n_train: int) -> list[tuple[int, int, int]] | None:
        """Those of one layer as the CPU computes it; several layers have other products."""
        config = self.config
        if config.n_layers > 1:
            return None
        table_rows = 2 * self.n_tokens * config.n_heads + 1
        return [
            (n_train, config.d_mlp, self.n_answers),
            (table_rows, config.d_model, config.d_mlp),
        ]

    # --- on the device --------------------------------------------------------------------

    def batch(self, a: IntArray, b: IntArray) -> Any:
        from grok_tui.models.transformer import network

        return network.batch_of(a, b, self.n_tokens)

    def logits(self, weights: Mapping[str, Tensor], batch: Any) -> Tensor:
        from grok_tui.models.transformer import network

        return network.logits(weights, batch, self.config.n_heads, self.config.n_layers)

    # --- on the host ----------------------------------------------------------------------

    def host_logits(self, weights: HostWeights, a: IntArray, b: IntArray) -> Array:
        return host.logits(weights, a, b, self.config.n_heads)

    def neuron(self, weights: HostWeights, a: IntArray, b: IntArray, index: int) -> FloatArray:
        return host.neuron(weights, a, b, self.config.n_heads, index)

    def observe(self, weights: HostWeights) -> Observed:
        return host.observe(weights, self.config.n_heads)

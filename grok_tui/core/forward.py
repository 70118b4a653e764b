"""The model on the host, in NumPy and float64: for a few pairs, and for analysis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def logits(
    weights: Mapping[str, NDArray[np.floating[Any]]],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    n_heads: int,
) -> NDArray[np.float64]:
    """The logits (batch, p) at the `=` position for the pairs a, b, each (batch,).

    weights: by name as `core.model.weight_shapes` gives them, any number of layers.
    """
    exact = {name: weight.astype(np.float64) for name, weight in weights.items()}
    equals = len(exact["W_E"]) - 1
    tokens = np.stack([a, b, np.full_like(a, equals)], axis=1)
    x: NDArray[np.float64] = exact["W_E"][tokens] + exact["W_pos"]  # (batch, 3, d)
    n_layers = sum(name.endswith(".W_Q") for name in exact)
    for layer in range(n_layers):
        x = _block({name: exact[f"blocks.{layer}.{name}"] for name in _BLOCK}, x, n_heads)
    return np.asarray(x[:, -1] @ exact["W_U"])


def probabilities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over the last axis."""
    exps = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(exps / exps.sum(-1, keepdims=True))


_BLOCK = ("W_Q", "W_K", "W_V", "W_O", "W_in", "W_out")


def _block(block: Mapping[str, Array], x: Array, n_heads: int) -> Array:
    """One layer on the residual stream (batch, 3, d)."""
    batch, positions, d = x.shape

    def heads(name: str) -> Array:
        return (x @ block[name]).reshape(batch, positions, n_heads, -1).swapaxes(1, 2)

    q, k, v = heads("W_Q"), heads("W_K"), heads("W_V")  # (batch, head, 3, d_head)
    scores = q @ k.swapaxes(2, 3) / np.sqrt(d // n_heads)
    causal = np.tril(np.ones((positions, positions), dtype=np.bool_))
    pattern = probabilities(np.where(causal, scores, -np.inf))
    z = (pattern @ v).swapaxes(1, 2).reshape(batch, positions, d)
    resid_mid = x + z @ block["W_O"]
    return resid_mid + np.maximum(resid_mid @ block["W_in"], 0) @ block["W_out"]

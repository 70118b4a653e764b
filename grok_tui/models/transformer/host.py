"""The model on the host, in NumPy and float64: for a few pairs, and for analysis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok_tui.config.schema import Loss

Array = NDArray[np.float64]
Weights = Mapping[str, NDArray[np.floating[Any]]]

_CAUSAL = np.tril(np.ones((3, 3), dtype=np.bool_))


def logits(
    weights: Weights, a: NDArray[np.int64], b: NDArray[np.int64], n_heads: int
) -> NDArray[np.float64]:
    """The logits (batch, p) at the `=` position for the pairs a, b, each (batch,).

    weights: by name as `core.shapes.weight_shapes` gives them, any number of layers.
    """
    resid_mid, neurons = activations(weights, a, b, n_heads)
    W_out = weights[f"blocks.{n_layers(weights) - 1}.W_out"].astype(np.float64)
    W_U = weights["W_U"].astype(np.float64)
    return np.asarray((resid_mid + neurons @ W_out) @ W_U)


def exponents(logits: Array, loss: Loss) -> Array:
    """What the softmax is taken of: the logits, or log s of them (`core.loss.log_s`)."""
    return np.copysign(np.log1p(np.abs(logits)), logits) if loss == "stablemax" else logits


def probabilities(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over the last axis."""
    exps = np.exp(logits - logits.max(-1, keepdims=True))
    return np.asarray(exps / exps.sum(-1, keepdims=True))


def neuron(
    weights: Weights, a: NDArray[np.int64], b: NDArray[np.int64], n_heads: int, index: int
) -> NDArray[np.float32]:
    """What one neuron of the last layer does at `=` after the ReLU: (batch,)."""
    W_in = f"blocks.{n_layers(weights) - 1}.W_in"
    alone = {**weights, W_in: weights[W_in][:, index : index + 1]}
    return activations(alone, a, b, n_heads)[1][:, 0].astype(np.float32)


def activations(
    weights: Weights, a: NDArray[np.int64], b: NDArray[np.int64], n_heads: int
) -> tuple[Array, Array]:
    """The last layer at `=`: its residual stream before the MLP, and its neurons.

    a, b: (batch,). Returns resid_mid (batch, d_model) and the activations after the ReLU
    (batch, d_mlp). In the first layer, where a position knows its own token only, products are
    ones over the p + 1 tokens.
    """
    exact = {name: np.asarray(weight, dtype=np.float64) for name, weight in weights.items()}
    layers = n_layers(weights)
    W_E, W_pos = exact["W_E"], exact["W_pos"]
    tokens = (a, b, np.full_like(a, len(W_E) - 1))

    def embedded(W: Array | None = None) -> Array:
        rows = (W_E + position for position in W_pos)
        tables = (x if W is None else x @ W for x in rows)
        places = zip(tables, tokens, strict=True)
        return np.stack([table[token] for table, token in places], axis=1)

    if layers == 1:
        resid_mid = _only_equals(exact, tokens, n_heads)
        neurons = resid_mid @ exact["blocks.0.W_in"]
        return resid_mid, np.maximum(neurons, 0, out=neurons)
    x: Array | None = None  # (batch, 3, d), after the layer before
    for layer in range(layers):
        block = {name: exact[f"blocks.{layer}.{name}"] for name in _BLOCK}
        first = 2 if layer == layers - 1 else 0  # of the last layer only `=` is read
        if x is None:
            stream = embedded()
            q, k, v = (embedded(block[name]) for name in ("W_Q", "W_K", "W_V"))
        else:
            stream, q = x[:, first:], _product(x[:, first:], block["W_Q"])
            k, v = _product(x, block["W_K"]), _product(x, block["W_V"])
        z = _attention(q, k, v, n_heads, _CAUSAL[first:])
        resid_mid = stream + _product(z, block["W_O"])
        neurons = _product(resid_mid, block["W_in"])
        np.maximum(neurons, 0, out=neurons)
        if layer < layers - 1:
            x = resid_mid + _product(neurons, block["W_out"])
    return resid_mid[:, -1], neurons[:, -1]


def _only_equals(
    exact: Mapping[str, Array], tokens: tuple[NDArray[np.int64], ...], n_heads: int
) -> Array:
    """resid_mid at `=` of the first layer, (batch, d), from tables over the tokens alone."""
    block = {name: exact[f"blocks.0.{name}"] for name in _BLOCK}
    equals = exact["W_E"][-1] + exact["W_pos"][2]

    def heads(x: Array) -> Array:
        return x.reshape(-1, n_heads, len(equals) // n_heads)

    q = heads(equals @ block["W_Q"])[0]  # (H, E)
    scores, values = [], []
    for position, token in zip(exact["W_pos"], tokens, strict=True):
        table = exact["W_E"] + position
        scores.append(np.einsum("he,phe->ph", q, heads(table @ block["W_K"]))[token])
        values.append(heads(table @ block["W_V"]))  # (p + 1, H, E)
    pattern = probabilities(np.stack(scores, axis=2) / np.sqrt(q.shape[1]))  # (batch, H, 3)
    a, b, itself = (pattern[:, :, at, None] for at in range(3))
    z = a * values[0][tokens[0]] + b * values[1][tokens[1]] + itself * values[2][-1]
    return np.asarray(equals + z.reshape(len(z), -1) @ block["W_O"])


_BLOCK = ("W_Q", "W_K", "W_V", "W_O", "W_in", "W_out")


def _product(x: Array, W: Array) -> Array:
    """x @ W as a single product, which for (batch, 1, d) NumPy would do row by row."""
    product: Array = x.reshape(-1, len(W)) @ W
    return product.reshape(*x.shape[:-1], W.shape[1])


def n_layers(weights: Weights) -> int:
    """How many layers some weights have."""
    return sum(name.endswith(".W_Q") for name in weights)


def _attention(q: Array, k: Array, v: Array, n_heads: int, sees: NDArray[np.bool_]) -> Array:
    """What the heads mix, side by side: (batch, queries, d). sees: (queries, 3)."""
    batch, queries, d = q.shape

    def heads(x: Array) -> Array:
        return x.reshape(batch, -1, n_heads, d // n_heads)

    scores = np.einsum("bqhe,bkhe->bhqk", heads(q), heads(k)) / np.sqrt(d // n_heads)
    pattern = probabilities(np.where(sees, scores, -np.inf))
    z: Array = np.einsum("bhqk,bkhe->bqhe", pattern, heads(v))
    return z.reshape(batch, queries, d)

"""The transformer on the host, in NumPy and float64: for a few pairs, and for the analyses."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from grok_tui.models.base import Array, HostWeights, IntArray, Observed, softmax
from grok_tui.protocol.results import FloatArray

_BLOCK = ("W_Q", "W_K", "W_V", "W_O", "W_in", "W_out")
_CAUSAL = np.tril(np.ones((3, 3), dtype=np.bool_))


def logits(weights: HostWeights, a: IntArray, b: IntArray, n_heads: int) -> Array:
    """The logits (batch, n_answers) at `=` for the pairs a, b, (batch,) each.

    weights: by name, as in `spec.Transformer.shapes`, of any number of layers.
    """
    resid_mid, neurons = activations(weights, a, b, n_heads)
    W_out = weights[f"blocks.{n_layers(weights) - 1}.W_out"].astype(np.float64)
    W_U = weights["W_U"].astype(np.float64)
    return np.asarray((resid_mid + neurons @ W_out) @ W_U)


def neuron(
    weights: HostWeights, a: IntArray, b: IntArray, n_heads: int, index: int
) -> FloatArray:
    """The activations of a neuron of the last layer at `=`, after the ReLU: (batch,)."""
    W_in = f"blocks.{n_layers(weights) - 1}.W_in"
    alone = {**weights, W_in: weights[W_in][:, index : index + 1]}
    return activations(alone, a, b, n_heads)[1][:, 0].astype(np.float32)


def activations(
    weights: HostWeights, a: IntArray, b: IntArray, n_heads: int
) -> tuple[Array, Array]:
    """The last layer at `=`: its residual stream before the MLP, and its neurons.

    a, b: (batch,). Returns resid_mid (batch, d_model) and the activations after the ReLU
    (batch, d_mlp). In the first layer a position depends on its own token only, so products
    are computed per token, for p + 1 tokens.
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
    x: Array | None = None  # (batch, 3, d), after the previous layer
    for layer in range(layers):
        block = {name: exact[f"blocks.{layer}.{name}"] for name in _BLOCK}
        first = 2 if layer == layers - 1 else 0  # in the last layer only `=` is read
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
    exact: Mapping[str, Array], tokens: tuple[IntArray, ...], n_heads: int
) -> Array:
    """resid_mid at `=` of a single layer, (batch, d), from lookup tables over the tokens."""
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
    pattern = softmax(np.stack(scores, axis=2) / np.sqrt(q.shape[1]))  # (batch, H, 3)
    a, b, itself = (pattern[:, :, at, None] for at in range(3))
    z = a * values[0][tokens[0]] + b * values[1][tokens[1]] + itself * values[2][-1]
    return np.asarray(equals + z.reshape(len(z), -1) @ block["W_O"])


def _product(x: Array, W: Array) -> Array:
    """x @ W as a single product; NumPy would compute (batch, 1, d) @ W row by row."""
    product: Array = x.reshape(-1, len(W)) @ W
    return product.reshape(*x.shape[:-1], W.shape[1])


def n_layers(weights: HostWeights) -> int:
    """The number of layers that some weights have."""
    return sum(name.endswith(".W_Q") for name in weights)


def _attention(q: Array, k: Array, v: Array, n_heads: int, sees: NDArray[np.bool_]) -> Array:
    """The heads' outputs side by side: (batch, queries, d). sees: (queries, 3), the mask."""
    batch, queries, d = q.shape

    def heads(x: Array) -> Array:
        return x.reshape(batch, -1, n_heads, d // n_heads)

    scores = np.einsum("bqhe,bkhe->bhqk", heads(q), heads(k)) / np.sqrt(d // n_heads)
    pattern = softmax(np.where(sees, scores, -np.inf))
    z: Array = np.einsum("bhqk,bkhe->bqhe", pattern, heads(v))
    return z.reshape(batch, queries, d)


# --- what the analyses see ------------------------------------------------------------


def observe(weights: HostWeights, n_heads: int) -> Observed:
    """What the analyses can see of a transformer with any number of layers."""
    exact = {name: weight.astype(np.float64) for name, weight in weights.items()}
    layers = n_layers(exact)

    def neurons(a: IntArray, b: IntArray) -> tuple[Array, Array]:
        resid_mid, activated = activations(exact, a, b, n_heads)
        return resid_mid @ exact["W_U"], activated

    def gradients(a: IntArray, b: IntArray, c: IntArray) -> tuple[Array, Array]:
        return embedding_gradients(exact, a, b, c, n_heads)

    return Observed(
        W_E=exact["W_E"][:-1],
        W_L=exact[f"blocks.{layers - 1}.W_out"] @ exact["W_U"],
        neurons=neurons,
        attention=attention_scores(exact, n_heads),
        embedding_gradients=gradients if layers == 1 else None,
    )


def attention_scores(weights: Mapping[str, Array], n_heads: int) -> Array:
    """Scores of the first layer before the softmax, from `=`: (n_heads, 3, p).

    Row 0: to every token as a. Row 1: to every token as b. Row 2: entry 0 is the score of `=`
    to itself, the rest 0. Source: Nanda et al. 2023, section 4.1.
    """
    W_E, W_pos = weights["W_E"], weights["W_pos"]
    p, d = len(W_E) - 1, W_E.shape[1]

    def heads(x: Array, name: str) -> Array:
        return (x @ weights[f"blocks.0.{name}"]).reshape(len(x), n_heads, -1)

    equals = W_E[p:] + W_pos[2]
    q = heads(equals, "W_Q")[0]  # (H, E)
    scores = np.zeros((n_heads, 3, p))
    for position in (0, 1):
        keys = heads(W_E[:p] + W_pos[position], "W_K")
        scores[:, position] = np.einsum("he,phe->hp", q, keys)
    scores[:, 2, 0] = np.einsum("he,he->h", q, heads(equals, "W_K")[0])
    return np.asarray(scores / np.sqrt(d // n_heads))


def embedding_gradients(
    weights: Mapping[str, Array],
    a: IntArray,
    b: IntArray,
    c: IntArray,
    n_heads: int,
) -> tuple[Array, Array]:
    """Gradients of logit c at `=` with respect to the embeddings at a's and b's positions.

    weights: of a one-layer model. a, b, c: (B,). Returns (B, d_model) twice.
    """
    block = {name: weights[f"blocks.0.{name}"] for name in ("W_Q", "W_K", "W_V", "W_O")}
    W_in, W_out = weights["blocks.0.W_in"], weights["blocks.0.W_out"]
    equals = np.full_like(a, len(weights["W_E"]) - 1)
    x = weights["W_E"][np.stack([a, b, equals], axis=1)] + weights["W_pos"]  # (B, 3, d)
    batch, _, d = x.shape

    def heads(values: Array) -> Array:
        return values.reshape(*values.shape[:-1], n_heads, d // n_heads)

    scale = np.sqrt(d // n_heads)
    q = heads(x[:, 2] @ block["W_Q"])  # (B, H, E)
    k, v = heads(x @ block["W_K"]), heads(x @ block["W_V"])  # (B, 3, H, E)
    pattern = softmax(np.einsum("bhe,bthe->bht", q, k) / scale)
    z = np.einsum("bht,bthe->bhe", pattern, v).reshape(batch, d)
    resid_mid = x[:, 2] + z @ block["W_O"]
    active = resid_mid @ W_in > 0
    unembed = weights["W_U"].T[c]  # (B, d)
    d_mid = unembed + (active * (unembed @ W_out.T)) @ W_in.T
    d_z = heads(d_mid @ block["W_O"].T)  # (B, H, E)
    d_pattern = np.einsum("bhe,bthe->bht", d_z, v)
    mean = np.einsum("bht,bht->bh", pattern, d_pattern)[..., None]
    d_score = pattern * (d_pattern - mean) / scale

    def at(position: int) -> Array:
        d_v = pattern[:, :, position, None] * d_z
        d_k = d_score[:, :, position, None] * q
        through_values = d_v.reshape(batch, d) @ block["W_V"].T
        return np.asarray(through_values + d_k.reshape(batch, d) @ block["W_K"].T)

    return at(0), at(1)

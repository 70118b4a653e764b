"""Clock or pizza: which of two known algorithms a one-layer network uses.

Source: Zhong et al. 2023, "The clock and the pizza", section 4 (arXiv:2306.17844).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from grok_tui.models.transformer.host import probabilities
from grok_tui.tasks.groups import Group

Array = NDArray[np.float64]

_TRIPLES = 256


def distance_irrelevance(correct: Array, group: Group) -> float:
    """How much of the right answer's logit does not depend on the distance of a and b.

    correct: (n, n), the logit of the right answer by i and j. The mean over distances of the
    standard deviation at one distance, over that of all. Near 0 for a pizza, towards 1 for a
    clock; 0 where all are equal.
    """
    spread = correct.std()
    if spread == 0:
        return 0.0
    by_distance = np.zeros_like(correct)
    by_distance[group.other, np.arange(group.n)[:, None]] = correct
    return float(by_distance.std(axis=1).mean() / spread)


def gradient_symmetricity(weights: Mapping[str, Array], group: Group, n_heads: int) -> float:
    """Mean cosine between a logit's gradients with respect to the embeddings of a and of b.

    weights: those of one layer. Over 256 triples (a, b, c) from a fixed seed. Near 1 for a
    pizza, clearly lower for a clock. Triples without a gradient count as 0.
    """
    rng = np.random.default_rng(0)
    a, b, c = group.elements[rng.integers(group.n, size=(3, _TRIPLES))]
    of_a, of_b = embedding_gradients(weights, a, b, c, n_heads)
    lengths = np.linalg.norm(of_a, axis=1) * np.linalg.norm(of_b, axis=1)
    products = np.einsum("nd,nd->n", of_a, of_b)
    zeros = np.zeros_like(products)
    return float(np.divide(products, lengths, out=zeros, where=lengths > 0).mean())


def embedding_gradients(
    weights: Mapping[str, Array],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    c: NDArray[np.int64],
    n_heads: int,
) -> tuple[Array, Array]:
    """Gradients of logit c at `=` with respect to the embeddings at a's and b's position.

    a, b, c: (B,). Returns (B, d_model) twice. weights: those of one layer.
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
    pattern = probabilities(np.einsum("bhe,bthe->bht", q, k) / scale)
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

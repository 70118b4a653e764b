"""A plain NumPy model, loss, gradient and optimizer, to check the fast ones against.

Unlike the model in use, it passes all three tokens through every layer. Everything is
computed in the dtype of the weights, float64 for a reference. In shapes, B is the batch,
T = 3 the position, H the head, D = d_model, E = d_head, M = d_mlp and P the modulus.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Weights = dict[str, Array]


@dataclass(frozen=True)
class LayerCache:
    """The values of a layer's forward pass that its backward pass needs."""

    x: Array  # (B, T, D) residual stream into the layer
    q: Array  # (B, T, H, E)
    k: Array  # (B, T, H, E)
    v: Array  # (B, T, H, E)
    pattern: Array  # (B, H, T, T) attention from the first T to the second
    z: Array  # (B, T, D) outputs of the heads, side by side
    resid_mid: Array  # (B, T, D)
    neurons: Array  # (B, T, M) after the ReLU


def random_weights(p: int, d_model: int, d_mlp: int, n_layers: int, seed: int = 0) -> Weights:
    """Weights from N(0, 1) / sqrt(d_model), float64 but exactly representable in float32."""
    rng = np.random.default_rng(seed)
    shapes = {"W_E": (p + 1, d_model), "W_pos": (3, d_model), "W_U": (d_model, p)}
    for layer in range(n_layers):
        for name in ("W_Q", "W_K", "W_V", "W_O"):
            shapes[f"blocks.{layer}.{name}"] = (d_model, d_model)
        shapes[f"blocks.{layer}.W_in"] = (d_model, d_mlp)
        shapes[f"blocks.{layer}.W_out"] = (d_mlp, d_model)
    draw = {name: rng.standard_normal(s) / np.sqrt(d_model) for name, s in shapes.items()}
    return {name: w.astype(np.float32).astype(np.float64) for name, w in draw.items()}


def logits(weights: Weights, a: NDArray[np.int64], b: NDArray[np.int64], n_heads: int) -> Array:
    """The logits, (B, P), of the answers to pairs a, b, (B,) each."""
    return _forward(weights, _tokens(weights, a, b), n_heads)[0]


def cross_entropy(logits: Array, answer: NDArray[np.int64]) -> float:
    """Mean cross-entropy in nats of logits (B, P) and answers (B,)."""
    largest = logits.max(-1)
    log_sum = largest + np.log(np.exp(logits - largest[:, None]).sum(-1))
    return float((log_sum - logits[np.arange(len(answer)), answer]).mean())


def stablemax(logits: Array, answer: NDArray[np.int64]) -> float:
    """Mean StableMax loss in nats of logits (B, P) and answers (B,)."""
    s = _s(logits)
    return float(-np.log(s[np.arange(len(answer)), answer] / s.sum(-1)).mean())


def _s(x: Array) -> Array:
    return np.where(x >= 0, x + 1, 1 / (1 - np.minimum(x, 0)))


def loss_and_gradients(
    weights: Weights,
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    answer: NDArray[np.int64],
    n_heads: int,
    *,
    loss: str = "cross-entropy",
) -> tuple[float, Weights]:
    """The mean loss over the pairs, and its gradient for every weight."""
    tokens = _tokens(weights, a, b)
    logits, x, caches = _forward(weights, tokens, n_heads)
    rows = np.arange(len(answer))

    if loss == "stablemax":  # log of the sum of all s, minus log of the right one
        slope = np.where(logits >= 0, 1, _s(logits) ** 2)
        d_logits = slope / _s(logits).sum(-1, keepdims=True)  # (B, P)
        d_logits[rows, answer] -= (slope / _s(logits))[rows, answer]
    else:
        exps = np.exp(logits - logits.max(-1, keepdims=True))
        d_logits = exps / exps.sum(-1, keepdims=True)  # (B, P)
        d_logits[rows, answer] -= 1
    d_logits /= len(answer)

    gradients = {"W_U": x[:, -1].T @ d_logits}
    d_x = np.zeros_like(x)  # (B, T, D)
    d_x[:, -1] = d_logits @ weights["W_U"].T
    for layer in reversed(range(len(caches))):
        d_x, block_gradients = _block_backward(_block(weights, layer), caches[layer], d_x)
        gradients |= {f"blocks.{layer}.{k}": g for k, g in block_gradients.items()}
    gradients["W_E"] = np.zeros_like(weights["W_E"])
    np.add.at(gradients["W_E"], tokens, d_x)
    gradients["W_pos"] = d_x.sum(0)
    value = (stablemax if loss == "stablemax" else cross_entropy)(logits, answer)
    return value, gradients


def _tokens(weights: Weights, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """`a b =` for every pair: (B, T)."""
    equals = len(weights["W_E"]) - 1
    return np.stack([a, b, np.full_like(a, equals)], axis=1)


def _forward(
    weights: Weights, tokens: NDArray[np.int64], n_heads: int
) -> tuple[Array, Array, list[LayerCache]]:
    """Logits at the last position, the last residual stream, and the cache of each layer."""
    x = weights["W_E"][tokens] + weights["W_pos"]  # (B, T, D)
    caches = []
    for layer in range(sum(name.endswith(".W_Q") for name in weights)):
        x, cache = _block_forward(_block(weights, layer), x, n_heads)
        caches.append(cache)
    return x[:, -1] @ weights["W_U"], x, caches


def _block(weights: Weights, layer: int) -> Weights:
    prefix = f"blocks.{layer}."
    return {k.removeprefix(prefix): w for k, w in weights.items() if k.startswith(prefix)}


def _block_forward(block: Weights, x: Array, n_heads: int) -> tuple[Array, LayerCache]:
    heads = (*x.shape[:2], n_heads, x.shape[2] // n_heads)  # B, T, H, E
    q, k, v = ((x @ block[name]).reshape(heads) for name in ("W_Q", "W_K", "W_V"))

    scores = np.einsum("bthe,bshe->bhts", q, k) / heads[3] ** 0.5  # (B, H, T, T)
    scores[..., np.triu(np.ones((3, 3), dtype=bool), 1)] = -np.inf  # causal
    exps = np.exp(scores - scores.max(-1, keepdims=True))
    pattern = exps / exps.sum(-1, keepdims=True)

    z = np.einsum("bhts,bshe->bthe", pattern, v).reshape(x.shape)
    resid_mid = x + z @ block["W_O"]
    neurons = np.maximum(resid_mid @ block["W_in"], 0)  # (B, T, M)
    resid_post = resid_mid + neurons @ block["W_out"]
    return resid_post, LayerCache(x, q, k, v, pattern, z, resid_mid, neurons)


def _block_backward(block: Weights, cache: LayerCache, d_post: Array) -> tuple[Array, Weights]:
    """The gradients of a layer's input, (B, T, D), and weights; d_post: of its output."""
    gradients = {"W_out": _outer(cache.neurons, d_post)}
    d_pre = (d_post @ block["W_out"].T) * (cache.neurons > 0)  # (B, T, M)
    gradients["W_in"] = _outer(cache.resid_mid, d_pre)
    d_mid = d_post + d_pre @ block["W_in"].T  # (B, T, D)

    gradients["W_O"] = _outer(cache.z, d_mid)
    d_z = (d_mid @ block["W_O"].T).reshape(cache.q.shape)  # (B, T, H, E)
    d_pattern = np.einsum("bthe,bshe->bhts", d_z, cache.v)  # (B, H, T, T)
    mean = (d_pattern * cache.pattern).sum(-1, keepdims=True)  # (B, H, T, 1)
    d_scores = cache.pattern * (d_pattern - mean) / cache.q.shape[3] ** 0.5

    d_x = d_mid.copy()
    for name, d_heads in (
        ("W_Q", np.einsum("bhts,bshe->bthe", d_scores, cache.k)),
        ("W_K", np.einsum("bhts,bthe->bshe", d_scores, cache.q)),
        ("W_V", np.einsum("bhts,bthe->bshe", cache.pattern, d_z)),
    ):
        d_projection = d_heads.reshape(cache.x.shape)  # (B, T, D)
        gradients[name] = _outer(cache.x, d_projection)
        d_x += d_projection @ block[name].T
    return d_x, gradients


def _outer(x: Array, d_y: Array) -> Array:
    """The gradient of W in y = x W: (B, T, n) and (B, T, m) -> (n, m)."""
    return x.reshape(-1, x.shape[-1]).T @ d_y.reshape(-1, d_y.shape[-1])


@dataclass
class AdamW:
    """AdamW on a dictionary of weights, with hyperparameters that may change at every step.

    left1, left2: the products of the betas so far; 1 minus them corrects the bias.
    """

    m: Weights = field(default_factory=dict)
    v: Weights = field(default_factory=dict)
    left1: float = 1.0
    left2: float = 1.0

    def update(
        self,
        weights: Weights,
        gradients: Weights,
        *,
        lr: float,
        weight_decay: float,
        beta1: float,
        beta2: float,
        eps: float,
        coupled: bool = False,
    ) -> Weights:
        """The weights after one step; coupled: add the decay to the gradient (L2)."""
        self.left1 *= beta1
        self.left2 *= beta2
        updated = {}
        for name, theta in weights.items():
            g = gradients[name] + (weight_decay * theta if coupled else 0)
            self.m[name] = beta1 * self.m.get(name, np.zeros_like(g)) + (1 - beta1) * g
            self.v[name] = beta2 * self.v.get(name, np.zeros_like(g)) + (1 - beta2) * g * g
            m_hat = self.m[name] / (1 - self.left1)
            v_hat = self.v[name] / (1 - self.left2)
            decay = 0 if coupled else weight_decay * theta
            updated[name] = theta - lr * (m_hat / (np.sqrt(v_hat) + eps) + decay)
        return updated

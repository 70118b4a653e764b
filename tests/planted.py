"""Networks and activations built from known cosines, which the analysis should find."""

from __future__ import annotations

import numpy as np
import reference
from numpy.typing import NDArray

from grok_tui.tasks.groups import Group

Array = NDArray[np.float64]


def neurons(group: Group, keys: tuple[int, ...], phases: int = 8) -> tuple[Array, Array]:
    """Activations 1 + cos(2 pi k s / n - phase), and a matching W_L.

    Returns (n, n, len(keys) * phases) and (len(keys) * phases, n); the logits are a sum of
    cos(2 pi k (s - c) / n), and without the key frequencies they are all zero.
    """
    n = group.n
    phase = 2 * np.pi * np.arange(phases) / phases
    s = 2 * np.pi * group.answer / n
    c = 2 * np.pi * np.arange(n) / n
    activations = [1 + np.cos(k * s[..., None] - phase) for k in keys]
    W_L = [np.cos(k * c[None, :] - phase[:, None]) * 2 for k in keys]
    return np.concatenate(activations, axis=2), np.concatenate(W_L)


def pizza(p: int, keys: tuple[int, ...], phases: int = 16) -> reference.Weights:
    """Weights of one layer with one head that adds modulo p with some frequencies, as a pizza.

    Attention is uniform, so the stream is a sum of both embeddings; a neuron is a ReLU of
    cos(k a - phase) + cos(k b - phase), which W_L reads at twice the phase.
    """
    d, m = 2 * len(keys), phases * len(keys)
    x = np.arange(p)
    W_E = np.zeros((p + 1, d))
    W_in, W_L = np.zeros((d, m)), np.zeros((m, p))
    phase = 2 * np.pi * np.arange(phases) / phases
    for i, k in enumerate(keys):
        angle = 2 * np.pi * k * x / p
        W_E[:p, 2 * i], W_E[:p, 2 * i + 1] = np.cos(angle), np.sin(angle)
        rows = slice(i * phases, (i + 1) * phases)
        W_in[2 * i, rows], W_in[2 * i + 1, rows] = np.cos(phase), np.sin(phase)
        W_L[rows] = 10 * np.cos(2 * phase[:, None] - angle[None, :])
    # W_out W_U = W_L needs d >= the rank of W_L, which is two per frequency.
    left, values, right = np.linalg.svd(W_L, full_matrices=False)
    return {
        "W_E": W_E,
        "W_pos": np.zeros((3, d)),
        "blocks.0.W_Q": np.zeros((d, d)),
        "blocks.0.W_K": np.zeros((d, d)),
        "blocks.0.W_V": np.eye(d),
        "blocks.0.W_O": np.eye(d),
        "blocks.0.W_in": W_in,
        "blocks.0.W_out": left[:, :d] * values[:d],
        "W_U": right[:d],
    }

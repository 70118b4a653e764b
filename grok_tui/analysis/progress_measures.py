"""Progress measures: how much of the answers the key frequencies alone explain.

The neurons are projected onto C_k and S_k, the unit vectors of cos and sin(2 pi k s / n) over
all pairs, where s is the index of the answer. Both depend on s alone, so a projection is the
Fourier component k of the neurons' means over the pairs with the same s.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from grok_tui.analysis.fourier import basis, rows_of
from grok_tui.analysis.predictions import loss_logits
from grok_tui.config.schema import Loss
from grok_tui.tasks.groups import Group

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


def means_by_answer(values: Array, group: Group) -> Array:
    """Means over the pairs with the same answer: (n, m). values: (n, n, m) by i and j."""
    total = np.zeros((group.n, values.shape[2]))
    add_by_answer(total, values, group, 0)
    return total / group.n


def add_by_answer(total: Array, values: Array, group: Group, first: int) -> None:
    """Add the values of some rows of pairs to the totals of their answers, in place.

    total: (n, m). values: (rows, n, m), of the pairs with i = first, ..., first + rows - 1.
    """
    for answer, of_row in zip(group.answer[first:], values, strict=False):
        total[answer] += of_row  # a row has each answer exactly once


def key_part(by_answer: Array, keys: tuple[int, ...]) -> Array:
    """The part of `by_answer`, (n, m), at the key frequencies: (n, m)."""
    rows = rows_of(keys, len(by_answer))
    return rows.T @ (rows @ by_answer)


def restricted_loss(
    by_answer: Array,
    W_L: Array,
    keys: tuple[int, ...],
    *,
    mean_logits: Array,
    elements: NDArray[np.int64],
    test_counts: NDArray[np.int64],
    loss: Loss = "cross-entropy",
) -> float:
    """Loss on the test pairs with only the key frequencies of the neurons, in nats.

    by_answer: (n, d_mlp), from `means_by_answer`. W_L: (d_mlp, p). mean_logits: (p,), mean of
    the full logits over all pairs, to which the restricted ones are shifted. elements: (n,),
    the group's. test_counts: (n,), test pairs of each answer.
    Source: Nanda et al. 2023, section 5.
    """
    kept = key_part(by_answer, keys) @ W_L
    logits = loss_logits(kept - kept.mean(axis=0) + mean_logits, loss)
    return float(cross_entropy(logits, elements) @ test_counts / test_counts.sum())


def excluded_loss(
    by_answer: Array,
    W_L: Array,
    keys: tuple[int, ...],
    *,
    logits: Array,
    group: Group,
    train: BoolArray,
    loss: Loss = "cross-entropy",
) -> float:
    """Loss on the train pairs without the key frequencies of the neurons, in nats.

    logits: (n, n, p), the full ones. train: (n, n), True for train pairs. The rest is as in
    `restricted_loss`. Source: Nanda et al. 2023, section 5.
    """
    answer = group.answer[train]
    left = logits[train] - (key_part(by_answer, keys) @ W_L)[answer]
    return float(cross_entropy(loss_logits(left, loss), group.elements[answer]).mean())


def logit_fve(logits: Array, keys: tuple[int, ...], group: Group) -> float:
    """Share of the logits' variance that the cos(2 pi k (s - c) / n), k key, explain, in 0..1.

    logits: (n, n, p). Only those of the group's n elements count, centered for each pair.
    Source: Nanda et al. 2023, section 4.
    """
    n = group.n
    shown = logits if logits.shape[2] == n else logits[:, :, group.elements]
    means = shown.mean(axis=2)
    energy = np.vdot(shown, shown)
    total = float(energy - n * np.vdot(means, means))
    if total <= 1e-12 * energy:
        return 0.0
    by_answer = means_by_answer(shown, group)  # (s, c)
    by_answer -= by_answer.mean(axis=1, keepdims=True)
    s = np.arange(n)[:, None]
    by_difference = by_answer[s, (s - np.arange(n)) % n].mean(axis=0)  # (s - c,)
    cosines = _cosines(keys, n)
    explained = np.square(cosines @ by_difference).sum() * n**2
    return float(explained / total)


def _cosines(keys: tuple[int, ...], n: int) -> Array:
    """The unit vectors cos_k of Z_n for each key k: (len(keys), n)."""
    cosines: Array = basis(n)[[2 * k - 1 for k in keys]]
    return cosines


def cross_entropy(logits: Array, answer: NDArray[np.int64]) -> Array:
    """Cross-entropy of each row of logits, (n, p), with its answer, (n,), in nats: (n,)."""
    largest = logits.max(axis=1)
    log_sum = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1))
    return np.asarray(log_sum - logits[np.arange(len(answer)), answer])

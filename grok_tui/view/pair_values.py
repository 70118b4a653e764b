"""The values that the map of pairs shows: one per pair, pooled if there is little room."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from grok_tui.analysis.predictions import distance, probability
from grok_tui.protocol.results import Pairs
from grok_tui.tasks.task import Task

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]

Quantity = Literal["correctness", "confidence", "error distance"]


def probability_text(share: float) -> str:
    """A probability in at most six characters."""
    return f"{share:.3f}" if share >= 0.001 else f"{share:.0e}"


def pair_values(task: Task, pairs: Pairs, quantity: Quantity) -> FloatArray:
    """A quantity of each pair, (n_pairs,), in 0..1.

    correctness: 0 if right, 1 if wrong. confidence: the probability of the right answer.
    error distance: as a share of the largest possible.
    """
    if quantity == "correctness":
        return np.not_equal(pairs.answers, task.answer).astype(np.float32)
    if quantity == "confidence":
        return probability(pairs)
    return (distance(task, pairs) / (task.n_answers // 2)).astype(np.float32)


def shown_table(task: Task, values: FloatArray, shown: BoolArray) -> FloatArray:
    """Reshape (n_pairs,) values to the task's (rows, columns); NaN for pairs not shown.

    shown: (n_pairs,), True for the pairs to show.
    """
    return task.table(np.where(shown, values, np.float32(np.nan)))


def pooled(values: FloatArray, side: int) -> FloatArray:
    """The means over blocks of `side` x `side` entries, ignoring NaN.

    values: (rows, columns). Returns (ceil(rows / side), ceil(columns / side)); NaN for blocks
    of only NaN.
    """
    if side == 1:
        return values
    rows, columns = values.shape
    tall, wide = -(-rows // side), -(-columns // side)
    padded = np.full((tall * side, wide * side), np.nan, dtype=np.float32)
    padded[:rows, :columns] = values
    blocks = padded.reshape(tall, side, wide, side)
    known = ~np.isnan(blocks)
    sums = np.where(known, blocks, np.float32(0)).sum(axis=(1, 3))
    means = np.full((tall, wide), np.nan, dtype=np.float32)
    np.divide(sums, known.sum(axis=(1, 3)), out=means, where=known.any(axis=(1, 3)))
    return means

"""What the map of all pairs shows: pure calculations."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from grok_tui.analysis.predictions import distance, probability
from grok_tui.protocol.events import Pairs
from grok_tui.tasks.task import Task

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]

Measure = Literal["correctness", "confidence", "error distance"]


def chance_text(chance: float) -> str:
    """A probability in at most six characters."""
    return f"{chance:.3f}" if chance >= 0.001 else f"{chance:.0e}"


def measured(task: Task, pairs: Pairs, measure: Measure) -> FloatArray:
    """(n_pairs,), in 0..1.

    correctness: 0 where right, 1 where wrong. confidence: the probability of the right answer.
    error distance: as a share of the largest that there is.
    """
    if measure == "correctness":
        return np.not_equal(pairs.answers, task.answer).astype(np.float32)
    if measure == "confidence":
        return probability(pairs)
    return (distance(task, pairs) / (task.modulus // 2)).astype(np.float32)


def square(task: Task, values: FloatArray, shown: BoolArray) -> FloatArray:
    """(n_pairs,) values as (p, p - first_b): row a, column b - first_b; NaN if not shown."""
    return np.where(shown, values, np.float32(np.nan)).reshape(task.modulus, -1)


def pooled(values: FloatArray, side: int) -> FloatArray:
    """The means over blocks of `side` x `side` entries, those of NaN left out.

    values: (rows, columns). Returns (ceil(rows / side), ceil(columns / side)); NaN for a
    block of nothing but NaN.
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
    nothing = np.full((tall, wide), np.nan, dtype=np.float32)
    np.divide(sums, known.sum(axis=(1, 3)), out=nothing, where=known.any(axis=(1, 3)))
    return nothing

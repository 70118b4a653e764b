"""What an evaluation says about each residue and each pair: pure calculations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from grok_tui.core.events import Pairs
from grok_tui.core.tasks import IntArray, Task

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]

Measure = Literal["correctness", "confidence", "error distance"]

# --- residues -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """The pairs of one half by their right answer.

    right: (p,), how many were answered right. total: (p,), how many there are.
    """

    right: IntArray
    total: IntArray

    @property
    def accuracy(self) -> FloatArray:
        """(p,), in 0..1; NaN for a residue that is no pair's answer."""
        unknown = np.full(len(self.total), np.nan, dtype=np.float32)
        return np.divide(self.right, self.total, out=unknown, where=self.total > 0)

    @property
    def worst(self) -> int:
        """The residue with the lowest accuracy, the first of several."""
        return int(np.nan_to_num(self.accuracy, nan=np.inf).argmin())


def tally(task: Task, pairs: Pairs, half: BoolArray) -> Tally:
    """Count one half by residue. half: (n_pairs,), True where a pair belongs to it."""
    right = half & (pairs.answers == task.answer)
    return Tally(
        right=np.bincount(task.answer[right], minlength=task.modulus),
        total=np.bincount(task.answer[half], minlength=task.modulus),
    )


@dataclass(frozen=True, slots=True)
class Mistakes:
    """Wrongly answered pairs, those whose right answer seemed least likely first.

    All (n,). answered: the residue given instead. distance: how far that is from the right
    one, around the circle. probability: that of the right one. train: the half.
    """

    a: IntArray
    b: IntArray
    answered: IntArray
    distance: IntArray
    probability: FloatArray
    train: BoolArray


def mistakes(task: Task, pairs: Pairs, residue: int) -> Mistakes:
    """The pairs whose right answer is `residue` and whose given answer is another."""
    wrong = np.flatnonzero((task.answer == residue) & (pairs.answers != residue))
    likely = probability(pairs)[wrong]
    order = np.argsort(likely, kind="stable")
    wrong = wrong[order]
    return Mistakes(
        a=task.a[wrong],
        b=task.b[wrong],
        answered=pairs.answers[wrong].astype(np.int64),
        distance=distance(task, pairs)[wrong],
        probability=likely[order],
        train=task.train_mask[wrong],
    )


# --- pairs --------------------------------------------------------------------------


def distance(task: Task, pairs: Pairs) -> IntArray:
    """(n_pairs,), steps between the given and the right answer on the circle of residues."""
    apart = (pairs.answers - task.answer) % task.modulus
    nearest: IntArray = np.minimum(apart, task.modulus - apart)
    return nearest


def probability(pairs: Pairs) -> FloatArray:
    """(n_pairs,), that of the right answer; 0 where the network computes no number."""
    return np.nan_to_num(np.exp(-pairs.loss, dtype=np.float32))


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

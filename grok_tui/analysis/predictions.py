"""What a network predicts: for one pair, for each residue, for all pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grok_tui.config.schema import Loss
from grok_tui.models.base import Array, HostWeights, Model, softmax
from grok_tui.protocol.results import FloatArray, Pairs
from grok_tui.tasks.task import BoolArray, IntArray, Task

# --- one pair -----------------------------------------------------------------------


def loss_logits(logits: Array, loss: Loss) -> Array:
    """The logits whose softmax gives a loss's probabilities.

    Of StableMax log s(l), of the other losses the logits themselves. Source: Prieto et al.
    2025, section 4.1.
    """
    return np.copysign(np.log1p(np.abs(logits)), logits) if loss == "stablemax" else logits


def answer_probabilities(
    model: Model, weights: HostWeights, pair: tuple[int, int], loss: Loss
) -> Array:
    """(n_answers,): how likely a network finds each answer to a pair."""
    a, b = (np.array([operand]) for operand in pair)
    return np.asarray(softmax(loss_logits(model.host_logits(weights, a, b), loss))[0])


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
        right=np.bincount(task.answer[right], minlength=task.n_answers),
        total=np.bincount(task.answer[half], minlength=task.n_answers),
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
    apart = (pairs.answers - task.answer) % task.n_answers
    nearest: IntArray = np.minimum(apart, task.n_answers - apart)
    return nearest


def probability(pairs: Pairs) -> FloatArray:
    """(n_pairs,), that of the right answer; 0 where the network computes no number."""
    return np.nan_to_num(np.exp(-pairs.loss, dtype=np.float32))

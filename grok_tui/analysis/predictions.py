"""What a network predicts: for one pair, by residue, and for all pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grok_tui.config.schema import Loss
from grok_tui.models.base import Array, HostWeights, Model, softmax
from grok_tui.protocol.results import FloatArray, Pairs
from grok_tui.tasks.task import BoolArray, IntArray, Task

# --- one pair -----------------------------------------------------------------------


def loss_logits(logits: Array, loss: Loss) -> Array:
    """The logits whose softmax gives the probabilities that a loss uses.

    For StableMax log s(l), for the other losses the logits themselves. Source: Prieto et al.
    2025, section 4.1.
    """
    return np.copysign(np.log1p(np.abs(logits)), logits) if loss == "stablemax" else logits


def answer_probabilities(
    model: Model, weights: HostWeights, pair: tuple[int, int], loss: Loss
) -> Array:
    """The probability that a network gives each answer to a pair: (n_answers,)."""
    a, b = (np.array([operand]) for operand in pair)
    return np.asarray(softmax(loss_logits(model.host_logits(weights, a, b), loss))[0])


# --- residues -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of train or test pairs by their correct answer.

    right: (p,), pairs answered correctly. total: (p,), all pairs.
    """

    right: IntArray
    total: IntArray

    @property
    def accuracy(self) -> FloatArray:
        """(p,), in 0..1; NaN for a residue that is not the answer to any pair."""
        unknown = np.full(len(self.total), np.nan, dtype=np.float32)
        return np.divide(self.right, self.total, out=unknown, where=self.total > 0)

    @property
    def worst(self) -> int:
        """The residue with the lowest accuracy, the first if several have it."""
        return int(np.nan_to_num(self.accuracy, nan=np.inf).argmin())


def tally(task: Task, pairs: Pairs, half: BoolArray) -> Tally:
    """Count train or test pairs by residue. half: (n_pairs,), True for the pairs to count."""
    right = half & (pairs.answers == task.answer)
    return Tally(
        right=np.bincount(task.answer[right], minlength=task.n_answers),
        total=np.bincount(task.answer[half], minlength=task.n_answers),
    )


@dataclass(frozen=True, slots=True)
class Mistakes:
    """Wrongly answered pairs, by ascending probability of their correct answer.

    All (n,). answered: the answer given. distance: steps from it to the correct answer around
    the circle of residues. probability: of the correct answer. train: True for train pairs.
    """

    a: IntArray
    b: IntArray
    answered: IntArray
    distance: IntArray
    probability: FloatArray
    train: BoolArray


def mistakes(task: Task, pairs: Pairs, residue: int) -> Mistakes:
    """The pairs whose correct answer is `residue`, but that were answered differently."""
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
    """Steps between given and correct answer around the circle of residues: (n_pairs,)."""
    apart = (pairs.answers - task.answer) % task.n_answers
    nearest: IntArray = np.minimum(apart, task.n_answers - apart)
    return nearest


def probability(pairs: Pairs) -> FloatArray:
    """Probability of each correct answer: (n_pairs,); 0 where the loss is NaN."""
    return np.nan_to_num(np.exp(-pairs.loss, dtype=np.float32))

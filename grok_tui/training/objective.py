"""The loss that replicas of a network are trained on, and their evaluation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tinygrad import Device, Tensor, dtypes

from grok_tui.config.schema import Loss
from grok_tui.device.matmul import rows_for
from grok_tui.models.base import Model
from grok_tui.protocol.results import FloatArray, Pairs
from grok_tui.tasks.task import IntArray, Task
from grok_tui.training.losses import mean, pair_losses

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation of all pairs, in the task's order.

    pair_loss: (n_pairs,) in nats; answers: (n_pairs,), the most likely answer.
    weight_norm: square root of the sum of all squared weights.
    largest_logit: over all pairs and answers.
    """

    pair_loss: FloatArray
    answers: NDArray[np.int16]
    weight_norm: float
    largest_logit: float

    def pairs(self) -> Pairs:
        """The answers and the losses, in float16, for a screen."""
        largest = float(np.finfo(np.float16).max)
        return Pairs(self.answers, np.minimum(self.pair_loss, largest).astype(np.float16))


def mean_losses(
    model: Model, tasks: Sequence[Task], weights: Weights, loss: Loss
) -> Callable[[], Tensor]:
    """A function that computes the mean loss over the train pairs of each task, (replicas,).

    All tasks must have the same number of train pairs.
    """
    train = [np.flatnonzero(task.train_mask) for task in tasks]
    n_train = len(train[0])
    more = rows_for(n_train, Device.DEFAULT) - n_train
    # Padded with copies of pair 0, whose losses are cut off below.
    chosen = [np.pad(pairs, (0, more)) for pairs in train]
    a, b, answers = (
        np.stack([getattr(task, kind)[i] for task, i in zip(tasks, chosen, strict=True)])
        for kind in ("a", "b", "answer")
    )
    batch, answer = model.batch(a, b), _answers(answers)

    def losses() -> Tensor:
        logits = model.logits(weights, batch)
        return mean(pair_losses(logits, answer, loss)[:, :n_train])

    return losses


def evaluation(
    model: Model, tasks: Sequence[Task], weights: Weights, loss: Loss
) -> Callable[[], tuple[Tensor, ...]]:
    """A function that evaluates all pairs.

    It returns loss, answer and largest logit, (replicas, n_pairs) each, and the sum of squares
    of each row of the weights, (replicas, rows of all weights).
    """
    a, b, answers = (
        np.stack([getattr(t, kind) for t in tasks]) for kind in ("a", "b", "answer")
    )
    batch, answer = model.batch(a, b), _answers(answers)

    def evaluate() -> tuple[Tensor, ...]:
        logits = model.logits(weights, batch)
        rows = [w.square().sum(-1).contiguous() for w in weights.values()]
        squares = Tensor.cat(*rows, dim=-1)
        pair_loss = pair_losses(logits, answer, loss)
        predicted = logits.argmax(-1).cast(dtypes.int16)
        largest = logits.max(-1)
        Tensor.realize(pair_loss, predicted, largest, squares)
        return pair_loss, predicted, largest, squares

    return evaluate


def _answers(values: IntArray) -> Tensor:
    """Copy answers to an int32 buffer on the device."""
    return Tensor(values.astype(np.int32)).clone().realize()

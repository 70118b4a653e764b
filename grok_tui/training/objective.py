"""The loss that replicas of a network are trained on, and how they are evaluated."""

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
    """All pairs evaluated, in the task's order.

    pair_loss: (n_pairs,) in nats; answers: (n_pairs,), the most likely answer.
    weight_norm: square root of the sum of all squared weights.
    largest_logit: over all pairs and answers.
    """

    pair_loss: FloatArray
    answers: NDArray[np.int16]
    weight_norm: float
    largest_logit: float

    def pairs(self) -> Pairs:
        """What a screen shows of it, in half the bytes."""
        largest = float(np.finfo(np.float16).max)
        return Pairs(self.answers, np.minimum(self.pair_loss, largest).astype(np.float16))


def mean_losses(
    model: Model, tasks: Sequence[Task], weights: Weights, loss: Loss
) -> Callable[[], Tensor]:
    """The mean losses over the train pairs of each task, (replicas,), all equally many."""
    train = [np.flatnonzero(task.train_mask) for task in tasks]
    n_train = len(train[0])
    more = rows_for(n_train, Device.DEFAULT) - n_train
    # What is added is the first pair, again and again; its losses there are cut off.
    chosen = [np.pad(own, (0, more)) for own in train]
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
    """Loss, answer and largest logit of every pair, (replicas, n_pairs); the sum of squares of
    every row of a weight, (replicas, rows of all weights).
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
        found = logits.argmax(-1).cast(dtypes.int16)
        largest = logits.max(-1)
        Tensor.realize(pair_loss, found, largest, squares)
        return pair_loss, found, largest, squares

    return evaluate


def _answers(values: IntArray) -> Tensor:
    """Answers in an int32 buffer on the device."""
    return Tensor(values.astype(np.int32)).clone().realize()

"""What replicas of a network are trained to make small, and how they are evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tinygrad import Device, Tensor, dtypes

from grok_tui.config.schema import Config
from grok_tui.device.matmul import rows_for
from grok_tui.models.transformer.network import all_pairs, chosen_pairs, indices, logits
from grok_tui.protocol.events import FloatArray, Pairs
from grok_tui.tasks.task import Task
from grok_tui.training.losses import mean, pair_losses

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All pairs evaluated, in the task's order.

    pair_loss: (n_pairs,) in nats; answers: (n_pairs,), the most likely residue.
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
    config: Config, tasks: Sequence[Task], weights: Weights
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
    batch, answer = chosen_pairs(a, b, config.modulus), indices(answers)

    def losses() -> Tensor:
        output = logits(weights, batch, config.n_heads, config.n_layers)
        return mean(pair_losses(output, answer, config.loss)[:, :n_train])

    return losses


def evaluation(
    config: Config, tasks: Sequence[Task], weights: Weights
) -> Callable[[], tuple[Tensor, ...]]:
    """Loss, answer and largest logit of every pair, (replicas, n_pairs); the sum of squares of
    every row of a weight, (replicas, rows of all weights).
    """
    batch = all_pairs(config.modulus, tasks[0].first_b, (len(tasks),))
    answer = indices(np.stack([task.answer for task in tasks]))

    def evaluate() -> tuple[Tensor, ...]:
        output = logits(weights, batch, config.n_heads, config.n_layers)
        rows = [w.square().sum(-1).contiguous() for w in weights.values()]
        squares = Tensor.cat(*rows, dim=-1)
        pair_loss = pair_losses(output, answer, config.loss)
        answers = output.argmax(-1).cast(dtypes.int16)
        largest = output.max(-1)
        Tensor.realize(pair_loss, answers, largest, squares)
        return pair_loss, answers, largest, squares

    return evaluate

"""What an evaluation measured, and whether a run is still made of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from grok_tui.analysis.health import Health, Move
from grok_tui.config.schema import Config
from grok_tui.protocol.events import FloatArray, Metrics
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.tasks.task import Task
from grok_tui.training.objective import Evaluation
from grok_tui.training.optimizers import learning_rate


class DivergedError(Exception):
    """Something stopped being a number at `step`; the steps up to `good_steps` are sound."""

    def __init__(self, step: int, what: str, good_steps: int) -> None:
        super().__init__(f"diverged: {what} at step {step}")
        self.step, self.good_steps = step, good_steps


def measure(evaluation: Evaluation, task: Task, config: Config, step: int) -> Metrics:
    """The metrics of an evaluation after `step` updates, losses summed in float64.

    Raises DivergedError if a loss or the weights are not finite.
    """
    train, test = task.train_mask, ~task.train_mask
    right = evaluation.answers == task.answer
    metrics = Metrics(
        train_loss=_mean(evaluation.pair_loss[train]),
        test_loss=_mean(evaluation.pair_loss[test]),
        train_acc=float(right[train].mean()),
        test_acc=float(right[test].mean()),
        weight_norm=evaluation.weight_norm,
        lr=learning_rate(config, max(1, step)),
        weight_decay=config.weight_decay,
    )
    for name in ("train_loss", "test_loss", "weight_norm"):
        if not math.isfinite(value := getattr(metrics, name)):
            raise DivergedError(step, f"{name.replace('_', ' ')} became {value}", step)
    return metrics


def measure_health(
    evaluation: Evaluation, task: Task, move: Move, spikes: int, step: int
) -> Health:
    """The health of a run at an evaluation after `step` updates, the last of which was `move`.

    Raises DivergedError if the gradient is not finite: the moments then are not, for good.
    """
    zeros = evaluation.pair_loss[task.train_mask] == 0
    if not math.isfinite(move.gradient_norm):
        raise DivergedError(step, f"the gradient norm became {move.gradient_norm}", step - 1)
    return Health(float(zeros.mean()), evaluation.largest_logit, *move, spikes)


def check_snapshot(snapshot: Snapshot) -> None:
    """Raise DivergedError if some of it is not finite: nobody could go on from that."""
    for kind in ("weights", "first_moment", "second_moment", "gradient_mean"):
        check_weights(getattr(snapshot, kind), snapshot.step, kind.replace("_", " "))


def check_weights(weights: Mapping[str, FloatArray], step: int, kind: str = "weights") -> None:
    """Raise DivergedError if one of some arrays of a kind is not finite."""
    for name, array in weights.items():
        if not np.isfinite(array).all():
            what = f"{kind} of {name} became infinite or no number"
            raise DivergedError(step, what, step)


def _mean(values: FloatArray) -> float:
    return float(values.mean(dtype=np.float64))

"""Facts that follow from a case, before the rules judge it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok_tui.analysis.phases import SLOWEST_DECAY, Milestones, Phase
from grok_tui.config.schema import Config, ConfigError
from grok_tui.doctor import thresholds
from grok_tui.doctor.case import Case, Curve
from grok_tui.models.registry import known_model
from grok_tui.protocol.results import Metrics
from grok_tui.tasks.registry import known_task, n_train, operation_named
from grok_tui.tasks.task import Operation

Values = NDArray[np.float64]

# The newest part of a curve is this share of it.
_NEWEST = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Derived:
    """A case and the facts that follow from it; None for unknown ones.

    uniform_loss: ln p, the loss of a uniform guess, in nats. operation: the config's.
    n_train: number of train pairs. norm_ratio: the initial weight norm over that of the sane
    init. decay: lr * weight decay. waited: time since memorizing, or since a later edit, in
    units of 1 / decay steps.
    """

    case: Case
    uniform_loss: float
    operation: Operation | None
    n_train: int | None
    norm_ratio: float | None
    milestones: Milestones
    decay: float | None
    waited: float | None

    def known(self, name: str) -> Any:
        """A field of the config, None if unknown."""
        return self.case.config.get(name)

    @property
    def started(self) -> bool:
        return self.case.steps > 0

    @property
    def phase(self) -> Phase:
        return self.milestones.phase

    @property
    def memorized_step(self) -> int | None:
        return self.milestones.memorized_step

    @property
    def grok_step(self) -> int | None:
        return self.milestones.grok_step

    @property
    def memorized(self) -> bool:
        """Whether the train pairs are memorized now."""
        return self.milestones.memorized.holds

    @property
    def train_loss(self) -> float | None:
        return late(self.case.train_loss)

    @property
    def test_loss(self) -> float | None:
        return late(self.case.test_loss)

    @property
    def test_acc(self) -> float | None:
        return late(self.case.test_acc)

    @property
    def holds(self) -> bool:
        """Whether the run grokked and still answers the test pairs correctly."""
        return self.phase == "GROKKED"

    @property
    def decay_ratio(self) -> float:
        """Weight decay over the root of d_model, the size of a sane weight's inverse."""
        return float((self.known("weight_decay") or 0.0) / math.sqrt(self._width))

    @property
    def sane_decay(self) -> dict[str, float]:
        """A weight decay that is known to work, other than the present one."""
        sane = float(f"{thresholds.DECAY_RATIO * math.sqrt(self._width):.1g}")
        same = sane == self.known("weight_decay")
        return {"weight_decay": thresholds.DECAY_PLAIN if same else sane}

    @property
    def _width(self) -> int:
        return self.known("d_model") or 128

    @property
    def slow_decay(self) -> bool:
        """Whether weight decay is known to be too slow to act within 25,000 steps."""
        return self.decay is not None and self.decay < SLOWEST_DECAY

    @property
    def shrunk(self) -> float | None:
        """The last weight norm over the first, None if unknown."""
        norm = self.case.weight_norm
        if len(norm) < 2 or not norm.values[0]:
            return None
        return float(norm.values[-1] / norm.values[0])


def derive(case: Case) -> Derived:
    """Derive the facts that follow from a case."""
    uniform_loss, operation = _uniform_loss(case), _operation(case.config)
    milestones = case.milestones or _milestones(case, uniform_loss)
    memorized = milestones.memorized.since if milestones.memorized.holds else None
    lr, weight_decay = case.config.get("lr"), case.config.get("weight_decay")
    decay = None if lr is None or weight_decay is None else float(lr * weight_decay)
    waited = None
    if decay is not None and memorized is not None:
        waited = decay * (case.steps - max(memorized, case.edited))
    return Derived(
        case,
        uniform_loss,
        operation,
        _n_train(case.config, operation),
        norm_ratio(case),
        milestones,
        decay,
        waited,
    )


def late(curve: Curve) -> float | None:
    """The median of the newest part of a curve, None if it is empty."""
    if not len(curve):
        return None
    return float(np.median(curve.values[-max(1, min(50, round(_NEWEST * len(curve)))) :]))


def fall(curve: Curve, since: float) -> float | None:
    """The share by which a curve has fallen since a step, None if it has too few points."""
    part = curve.since(since)
    if len(part) < thresholds.FEW:
        return None
    third = max(1, len(part) // 3)
    before, now = np.median(part.values[:third]), np.median(part.values[-third:])
    return float(1 - now / before) if before > 0 else None


def norm_ratio(case: Case) -> float | None:
    """The initial weight norm over the sane one, None if unknown.

    From the config's init if that is known, otherwise as measured in the first steps.
    """
    # the norm depends on the modulus alone, of all that a task says
    task = known_task({**Config().model_dump(), "modulus": case.config.get("modulus")})
    model = None if task is None else known_model(case.config, task)
    if model is None:
        return None
    if all(case.config.get(name) is not None for name in ("init", "init_scale")):
        return model.expected_norm / model.sane_norm
    norm = case.weight_norm
    early = len(norm) > 0 and norm.steps[0] <= thresholds.EARLY_STEP
    return float(norm.values[0]) / model.sane_norm if early else None


def _uniform_loss(case: Case) -> float:
    """ln p; if p is unknown, the first train loss is the best guess, within bounds."""
    if (p := case.config.get("modulus")) is not None:
        return math.log(p)
    first = case.train_loss.first
    low, high = thresholds.UNIFORM_LOSS_BOUNDS
    return low if first is None else min(max(first, low), high)


def _operation(config: Mapping[str, Any]) -> Operation | None:
    """The operation of a config, None if unknown."""
    try:
        return operation_named(str(config["operation"])) if config.get("operation") else None
    except ConfigError:
        return None


def _n_train(config: Mapping[str, Any], operation: Operation | None) -> int | None:
    """The number of train pairs; an unknown operation is taken to have p * p pairs."""
    p, share = config.get("modulus"), config.get("train_fraction")
    if p is None or share is None:
        return None
    return n_train(share, operation.n_pairs(p) if operation else p * p)


def _milestones(case: Case, uniform_loss: float) -> Milestones:
    """The milestones that the curves of a case show; unknown accuracies are guessed."""
    n_answers = round(math.exp(uniform_loss))
    now = Milestones(n_answers=n_answers)
    losses, accuracies = case.test_loss, case.test_acc
    lr, weight_decay = case.config.get("lr"), case.config.get("weight_decay")
    steps = np.union1d(losses.steps, accuracies.steps) if len(losses) else case.train_loss.steps
    train_loss, train_acc = case.train_loss.at(steps), case.train_acc.at(steps)
    test_loss, test_acc = losses.at(steps), accuracies.at(steps)
    if not len(losses):
        test_loss = np.full(len(steps), uniform_loss)
    if not len(case.train_acc):
        train_acc = guessed_accuracy(train_loss / uniform_loss)
    if not len(accuracies):
        test_acc = guessed_accuracy(test_loss / uniform_loss)
    curves = {
        "train_loss": train_loss,
        "test_loss": test_loss,
        "train_acc": train_acc,
        "test_acc": test_acc,
    }
    setting = {"weight_norm": 0.0, "lr": lr or 0.0, "weight_decay": weight_decay or 0.0}
    for i, step in enumerate(steps):
        values = {name: float(curve[i]) for name, curve in curves.items()}
        now = now.after_loss(values["train_loss"]).after(
            int(step), Metrics(**values, **setting)
        )
    return now


def guessed_accuracy(loss: Values) -> Values:
    """The accuracy that usually goes with a loss, both (n,); loss: as a share of ln p."""
    return np.select([loss <= share for share, _ in thresholds.ACCURACIES],
                     [accuracy for _, accuracy in thresholds.ACCURACIES], 0.0)  # fmt: skip

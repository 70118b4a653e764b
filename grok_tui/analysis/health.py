"""A run's numerical health: losses that float32 rounds to 0, update sizes, loss spikes.

In the presets that grok, a step changes the weights by at most 0.025 of their norm, and no
train pair has a loss of exactly 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from grok_tui.protocol.results import Health

Array = NDArray[Any]
Arrays = Mapping[str, Array]

# A spike: the train loss, having been at or below CALM ln p, rises above SPIKE ln p.
CALM, SPIKE = 0.03, 0.1
# Warn of the first spike, the 10th, the 100th, and so on.
SPIKES_WARNED = 10
# Warn if more than this share of the train pairs has a loss of exactly 0.
ZERO_LOSS_WARNED = 0.5
# Warn if a step changes the weights by more than this share of their norm, except in the first
# steps, where that is normal.
UPDATE_WARNED, UPDATE_WARNED_FROM = 0.1, 100


class UpdateSize(NamedTuple):
    """The norm of a step's gradient, and of its weight change relative to the weights' norm."""

    gradient_norm: float
    update_ratio: float

    @staticmethod
    def of(gradients: Arrays, before: Arrays, after: Arrays) -> UpdateSize:
        """Measure a step by its gradients and the weights before and after it, by name."""
        weight_norm = norm(before.values())
        moved = norm(after[name] - w for name, w in before.items())
        return UpdateSize(norm(gradients.values()), moved / weight_norm if weight_norm else 0.0)


@dataclass(frozen=True, slots=True)
class HealthWatch:
    """The state behind a run's health metrics and warnings; a pure fold over its steps.

    spikes: number so far. calm: whether the train loss has been near zero since the last one.
    told: keys of the warnings already given.
    """

    spikes: int = 0
    calm: bool = False
    told: tuple[str, ...] = ()

    def after(self, losses: NDArray[Any], uniform_loss: float) -> HealthWatch:
        """The state after more train losses, (n,). uniform_loss: ln p."""
        spikes, calm = count_spikes(losses, uniform_loss, calm=self.calm)
        return replace(self, spikes=self.spikes + spikes, calm=calm)

    def warned(self, step: int, health: Health) -> tuple[HealthWatch, list[str]]:
        """The new state and the texts of the warnings that are due and not given yet."""
        new = {key: text for key, text in _warnings(step, health) if key not in self.told}
        return replace(self, told=(*self.told, *new)), list(new.values())

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(known: Mapping[str, Any]) -> HealthWatch:
        return HealthWatch(**{**known, "told": tuple(known.get("told", ()))})


def norm(arrays: Iterable[Array]) -> float:
    """Square root of the sum of squares of all elements."""
    return math.sqrt(sum(float(np.square(a, dtype=np.float64).sum()) for a in arrays))


def count_spikes(
    losses: NDArray[Any], uniform_loss: float, *, calm: bool = False
) -> tuple[int, bool]:
    """The number of spikes in train losses, (n,), and whether they end near zero.

    uniform_loss: ln p. calm: whether the losses before these were near zero.
    """
    low, high = losses <= CALM * uniform_loss, losses > SPIKE * uniform_loss
    turns = np.concatenate([[not calm], high[low | high]])
    return int(np.count_nonzero(turns[1:] & ~turns[:-1])), not turns[-1]


def _warnings(step: int, health: Health) -> Iterator[tuple[str, str]]:
    """The key and text of every warning that applies."""
    if health.zero_loss_share > ZERO_LOSS_WARNED:
        yield (
            "zero loss",
            f"float32 rounds the loss of {health.zero_loss_share:.0%} of the train pairs to"
            " exactly 0, so they have no gradient",
        )
    if health.gradient_norm == 0:
        yield "no gradient", "the gradient is exactly 0: only weight decay still acts"
    if health.update_ratio > UPDATE_WARNED and step >= UPDATE_WARNED_FROM:
        yield (
            "update",
            f"one step changes the weights by {health.update_ratio:.0%} of their norm:"
            " the learning rate may be too high",
        )
    number = 1
    while number <= health.spikes:
        yield (
            f"spike {number}",
            "the train loss has jumped from near zero"
            + (f", {number} times so far" if number > 1 else ""),
        )
        number *= SPIKES_WARNED

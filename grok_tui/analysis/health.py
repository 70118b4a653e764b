"""Whether a run's numbers are still good ones: what float32 rounds away, how far steps go.

In the presets that grok, a step changes the weights by 0.025 of their norm at most, and no
train pair has a loss of exactly 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = Mapping[str, Array]

# A spike: a train loss that was at or below CALM ln p rises above SPIKE ln p.
CALM, SPIKE = 0.03, 0.1
# The first spike is told, the tenth, the hundredth ...
SPIKES_TOLD = 10
# More pairs than this with a loss of exactly zero are told.
ZERO_LOSS_TOLD = 0.5
# A step that changes the weights by more than this share of their norm is told, once the
# weights have left where they began.
UPDATE_TOLD, UPDATE_TOLD_FROM = 0.1, 100


class Move(NamedTuple):
    """A training step: norm of its gradient, and norm of the weights' change over theirs."""

    gradient_norm: float
    update_ratio: float

    @staticmethod
    def of(gradients: Arrays, before: Arrays, after: Arrays) -> Move:
        """From the gradients of the loss and all weights, by name."""
        whole = norm(before.values())
        moved = norm(after[name] - w for name, w in before.items())
        return Move(norm(gradients.values()), moved / whole if whole else 0.0)


@dataclass(frozen=True, slots=True)
class Health:
    """The numbers at an evaluation.

    zero_loss_share: of the train pairs, those whose loss is exactly 0, in 0..1.
    largest_logit: over all pairs and answers.
    gradient_norm: root of the sum of squares of the gradient that the last step saw, in nats.
    update_ratio: norm of the last step's change of all weights, decay included, over theirs.
    spikes: how often the train loss has jumped so far.
    """

    zero_loss_share: float
    largest_logit: float
    gradient_norm: float
    update_ratio: float
    spikes: int

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


HEALTH_NAMES = tuple(field.name for field in fields(Health))


@dataclass(frozen=True, slots=True)
class HealthWatch:
    """What has to be remembered of a run's health; a pure fold over its steps.

    spikes: so far. calm: whether the train loss has been near zero since the last one.
    told: what a user has been told.
    """

    spikes: int = 0
    calm: bool = False
    told: tuple[str, ...] = ()

    def after(self, losses: NDArray[Any], chance: float) -> HealthWatch:
        """After more train losses, (n,); chance: ln p."""
        spikes, calm = count_spikes(losses, chance, calm=self.calm)
        return replace(self, spikes=self.spikes + spikes, calm=calm)

    def telling(self, step: int, health: Health) -> tuple[HealthWatch, list[str]]:
        """What to tell of the numbers at a step that was not told before."""
        news = {key: text for key, text in _warnings(step, health) if key not in self.told}
        return replace(self, told=(*self.told, *news)), list(news.values())

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(known: Mapping[str, Any]) -> HealthWatch:
        return HealthWatch(**{**known, "told": tuple(known.get("told", ()))})


def norm(arrays: Iterable[Array]) -> float:
    """The root of the sum of all squares."""
    return math.sqrt(sum(float(np.square(a, dtype=np.float64).sum()) for a in arrays))


def count_spikes(
    losses: NDArray[Any], chance: float, *, calm: bool = False
) -> tuple[int, bool]:
    """How often train losses, (n,), jump from near zero, and whether the last are near zero.

    chance: ln p. calm: whether those before were near zero.
    """
    low, high = losses <= CALM * chance, losses > SPIKE * chance
    turns = np.concatenate([[not calm], high[low | high]])
    return int(np.count_nonzero(turns[1:] & ~turns[:-1])), not turns[-1]


def _warnings(step: int, health: Health) -> Iterator[tuple[str, str]]:
    """Keys and texts of all that is not well."""
    if health.zero_loss_share > ZERO_LOSS_TOLD:
        yield (
            "zero loss",
            f"float32 rounds the loss of {health.zero_loss_share:.0%} of the train pairs to"
            " exactly 0: they have no gradient any more",
        )
    if health.gradient_norm == 0:
        yield "no gradient", "the gradient is exactly 0: nothing but weight decay is left"
    if health.update_ratio > UPDATE_TOLD and step >= UPDATE_TOLD_FROM:
        yield (
            "update",
            f"one step changes the weights by {health.update_ratio:.0%} of their norm:"
            " the learning rate may be too high",
        )
    told = 1
    while told <= health.spikes:
        yield (
            f"spike {told}",
            "the train loss has jumped up from near zero"
            + (f", {told} times so far" if told > 1 else ""),
        )
        told *= SPIKES_TOLD

"""What follows from a case alone, before anything is judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grok_tui.analysis.phases import GROKKED_IN_A_ROW, GROKKED_TEST_ACC, MEMORIZED_TRAIN_ACC
from grok_tui.config.schema import ConfigError, build
from grok_tui.doctor import thresholds
from grok_tui.doctor.case import Case, Curve
from grok_tui.models.transformer.spec import weight_shapes

# Share of a curve that is its newest part.
_NEWEST = 0.05
_SHAPE = ("modulus", "d_model", "n_heads", "d_mlp", "n_layers")


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """A case and what follows from it; None for what cannot be known.

    chance: ln p, the loss of an even guess. norm_ratio: the initial weight norm over that of
    the sane init. decay: lr * weight decay. waited: for how many times 1 / decay the train
    pairs have been known under the present settings. n_train: number of train pairs.
    test_peak: highest test loss since memorising.
    """

    case: Case
    chance: float
    n_train: int | None
    norm_ratio: float | None
    memorized_step: int | None
    grok_step: int | None
    decay: float | None
    waited: float | None
    test_peak: float | None

    def known(self, name: str) -> Any:
        """A field of the config, None if it is unknown."""
        return self.case.config.get(name)

    @property
    def started(self) -> bool:
        return self.case.steps > 0

    @property
    def memorized(self) -> bool:
        return self.memorized_step is not None

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
        """Whether it grokked, and still answers the test pairs."""
        accuracy = self.test_acc
        if self.grok_step is None:
            return False
        return self.generalizes if accuracy is None else accuracy >= thresholds.RELAPSED_ACC

    @property
    def slow_decay(self) -> bool:
        """Whether decay would take longer to act than anybody waits."""
        return (
            self.decay is not None
            and self.decay * thresholds.MOST_STEPS < thresholds.DECAY_TIMES
        )

    @property
    def shrunk(self) -> float | None:
        """The weight norm over its first value, None if it is unknown."""
        norm = self.case.weight_norm
        if len(norm) < 2 or not norm.values[0]:
            return None
        return float(norm.values[-1] / norm.values[0])

    @property
    def generalizes(self) -> bool:
        """Whether the train pairs are known, and by now most of the test pairs, too."""
        if not self.memorized:
            return False
        if (accuracy := self.test_acc) is not None:
            return accuracy >= thresholds.GENERALIZES_ACC
        return (
            self.test_loss is not None and self.test_loss < thresholds.GENERALIZES * self.chance
        )


def facts_of(case: Case) -> Facts:
    """What follows from a case."""
    chance = _chance(case)
    memorized = _reached(
        case.train_acc, case.train_loss, MEMORIZED_TRAIN_ACC, thresholds.KNOWN * chance, 1
    )
    grokked = _reached(
        case.test_acc,
        case.test_loss,
        GROKKED_TEST_ACC,
        thresholds.KNOWN * chance,
        GROKKED_IN_A_ROW,
    )
    lr, weight_decay = case.config.get("lr"), case.config.get("weight_decay")
    decay = None if lr is None or weight_decay is None else float(lr * weight_decay)
    waited = None
    if decay is not None and memorized is not None:
        waited = decay * (case.steps - max(memorized, case.edited))
    after = case.test_loss.since(memorized or 0)
    return Facts(
        case,
        chance,
        _n_train(case.config),
        norm_ratio(case),
        memorized,
        grokked,
        decay,
        waited,
        float(after.values.max()) if len(after) else None,
    )


def late(curve: Curve) -> float | None:
    """The median of the newest part of a curve, None if it is empty."""
    if not len(curve):
        return None
    return float(np.median(curve.values[-max(1, min(50, round(_NEWEST * len(curve)))) :]))


def fall(curve: Curve, since: float) -> float | None:
    """By which share a curve has fallen since a step; None where it has too few points."""
    part = curve.since(since)
    if len(part) < thresholds.FEW:
        return None
    third = max(1, len(part) // 3)
    before, now = np.median(part.values[:third]), np.median(part.values[-third:])
    return float(1 - now / before) if before > 0 else None


def norms(config: Mapping[str, Any]) -> tuple[float, float] | None:
    """The expected initial weight norm of a config, and that of the sane init.

    None where the shape or the init is unknown.
    """
    if any(config.get(name) is None for name in (*_SHAPE, "init", "init_scale")):
        return None
    sane = _sane_norm(config)
    if sane is None:
        return None
    shapes = weight_shapes(build({name: config[name] for name in _SHAPE})).values()
    match config["init"]:
        case "scaled-uniform":  # the squares of a weight add up to 1/3, whatever its size
            norm = math.sqrt(len(shapes) / 3)
        case "normal":
            norm = math.sqrt(sum(rows * columns for rows, columns in shapes))
        case "transformerlens":
            sizes = sum(rows * columns for rows, columns in shapes)
            norm = 0.8 * math.sqrt(sizes / config["d_model"])
        case _:
            norm = sane
    return config["init_scale"] * norm, sane


def norm_ratio(case: Case) -> float | None:
    """The initial weight norm over the sane one: as measured, or as the config has it."""
    if expected := norms(case.config):
        return expected[0] / expected[1]
    sane = _sane_norm(case.config)
    if sane is None or not len(case.weight_norm):
        return None
    early = case.weight_norm.steps[0] <= thresholds.EARLY_STEP
    return float(case.weight_norm.values[0]) / sane if early else None


def _sane_norm(config: Mapping[str, Any]) -> float | None:
    """sqrt of the sum over weights of size / d_model (W_U: / p)."""
    if any(config.get(name) is None for name in _SHAPE):
        return None
    try:
        shapes = weight_shapes(build({name: config[name] for name in _SHAPE}))
    except ConfigError:
        return None
    d, p = config["d_model"], config["modulus"]
    return math.sqrt(
        sum(r * c / (p if name == "W_U" else d) for name, (r, c) in shapes.items())
    )


def _chance(case: Case) -> float:
    """ln p; where p is unknown the first losses are the best guess, within bounds."""
    if (p := case.config.get("modulus")) is not None:
        return math.log(p)
    first = case.train_loss.first
    low, high = thresholds.CHANCE_BOUNDS
    return low if first is None else min(max(first, low), high)


def _n_train(config: Mapping[str, Any]) -> int | None:
    p, share = config.get("modulus"), config.get("train_fraction")
    if p is None or share is None:
        return None
    return int(share * p * (p - 1 if config.get("operation") == "divide" else p))


def _reached(
    accuracy: Curve, loss: Curve, least_accuracy: float, most_loss: float, in_a_row: int
) -> int | None:
    """The first of `in_a_row` points that are good enough, by accuracy where that is known."""
    curve = accuracy if len(accuracy) else loss
    good = curve.values >= least_accuracy if len(accuracy) else curve.values <= most_loss
    if len(good) < in_a_row:
        return None
    rows = np.lib.stride_tricks.sliding_window_view(good, in_a_row).all(axis=1)
    found = np.flatnonzero(rows)
    return int(curve.steps[found[0]]) if len(found) else None

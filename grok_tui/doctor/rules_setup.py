"""Rules about how a run was set up: initial weights, weight decay, learning rate, data."""

from __future__ import annotations

import math
from typing import Any

from grok_tui.doctor import thresholds
from grok_tui.doctor.case import Verdict
from grok_tui.doctor.derived import Facts
from grok_tui.doctor.signs import (
    collapsed,
    creeping,
    evidence,
    progress,
    restless,
    rough,
    spikes,
    stalled,
    waited_long,
)


def not_learnable(f: Facts) -> Verdict | None:
    if f.known("operation") != "random":
        return None
    return Verdict(
        "not-learnable",
        0.99,
        evidence(f, "train_acc", "test_acc", operation="random"),
        "The answers are random, so there is no rule to find: they can only be memorised.",
        {"operation": "add"},
    )


def coupled_decay(f: Facts) -> Verdict | None:
    if f.known("decay") != "coupled" or f.known("weight_decay") == 0 or f.holds:
        return None
    return Verdict(
        "coupled-decay",
        0.94,
        evidence(f, "weight_decay", "train_loss", "test_loss", decay="coupled"),
        "Weight decay is added to the gradient (L2), and Adam divides it by the gradient's"
        " own size: it is no longer a share of each weight per step.",
        {"decay": "decoupled"},
    )


def init_too_small(f: Facts) -> Verdict | None:
    ratio, found = f.norm_ratio, evidence(f, "train_loss", "test_loss", "chance")
    if f.generalizes or (ratio is None and (not stalled(f) or _loud(f))):
        return None
    if ratio is None:
        confidence = 0.75
    elif ratio < thresholds.NORM_TOO_SMALL:
        confidence = 0.6 if f.memorized else 0.95
        found |= {"norm_ratio": rough(ratio)}
    else:
        return None
    return Verdict(
        "init-too-small",
        confidence,
        found,
        "The initial weights are far smaller than 1/sqrt(d_model): train and test loss fall"
        " together, and stall before the train pairs are known.",
        _sane_init(f),
    )


def init_too_large(f: Facts) -> Verdict | None:
    ratio, first = f.norm_ratio, _first_loss(f)
    large = ratio is not None and ratio > thresholds.NORM_TOO_LARGE
    if f.holds or not (large or _loud(f)):
        return None
    found = evidence(f, "chance")
    found |= {"first_train_loss": rough(first)} if first is not None else {}
    found |= {"norm_ratio": rough(ratio)} if ratio is not None else {}
    return Verdict(
        "init-too-large",
        0.96 if large else 0.9,
        found,
        "The initial weights are far larger than 1/sqrt(d_model): the first losses are far"
        " above ln p, and weight decay has to undo them before anything else.",
        _sane_init(f),
    )


def weight_decay_too_low(f: Facts) -> Verdict | None:
    weight_decay = f.known("weight_decay")
    constrained = (
        f.known("norm_constraint") == "sphere" or f.known("grad_filter") == "orthograd"
    )
    if f.generalizes or constrained:
        return None
    if weight_decay is None:
        tiny, confidence = waited_long(f) and not progress(f), 0.6
    else:
        slow = (
            f.slow_decay if f.decay is not None else weight_decay < thresholds.DECAY_SANE / 10
        )
        tiny, confidence = weight_decay < thresholds.DECAY_SANE and slow, 0.92
    if not tiny:
        return None
    return Verdict(
        "weight-decay-too-low",
        confidence,
        evidence(
            f, "weight_decay", "lr_wd", "train_loss", "test_loss", "test_acc", "norm_change"
        ),
        "Nothing pulls the weights towards zero, so a memory costs nothing and no simpler rule"
        " takes its place.",
        {"weight_decay": _sane_decay(f)},
    )


def weight_decay_too_high(f: Facts) -> Verdict | None:
    weight_decay, lr = f.known("weight_decay"), f.known("lr")
    ratio = (
        None if weight_decay is None else weight_decay / math.sqrt(f.known("d_model") or 128)
    )
    if f.generalizes or (lr is not None and lr >= thresholds.LR_HIGH):
        return None
    if ratio is not None and ratio >= thresholds.DECAY_HIGH:
        confidence = 0.5 if f.memorized else 0.93
    elif collapsed(f):
        confidence = 0.6 if ratio is None else 0.7
    elif ratio is None and restless(f):
        confidence = 0.55
    else:
        return None
    return Verdict(
        "weight-decay-too-high",
        confidence,
        evidence(
            f, "weight_decay", "lr_wd", "train_loss", "chance", "train_acc", "norm_change"
        ),
        "Weight decay keeps the weights below the size that the train pairs need, so not even"
        " these are learned.",
        {"weight_decay": _sane_decay(f)},
    )


def lr_too_low(f: Facts) -> Verdict | None:
    lr = f.known("lr")
    if f.generalizes:
        return None
    if lr is None:
        low, confidence = creeping(f), 0.65
    else:
        weight_decay = f.known("weight_decay")
        slow = f.slow_decay and (weight_decay or 0.0) >= thresholds.DECAY_SANE
        low, confidence = (
            slow or lr < thresholds.LR_LOW,
            0.8 if f.memorized and not slow else 0.9,
        )
    if not low:
        return None
    return Verdict(
        "lr-too-low",
        confidence,
        evidence(f, "lr", "lr_wd", "steps", "train_loss", "chance", "train_acc"),
        "A step moves a weight by the learning rate at most: so few steps of this size lead"
        " nowhere near.",
        {"lr": thresholds.LR_SANE},
    )


def lr_too_high(f: Facts) -> Verdict | None:
    lr, count = f.known("lr"), spikes(f)
    relapsed = f.grok_step is not None and not f.holds
    if f.holds:
        return None
    if relapsed:
        confidence = 0.97
    elif lr is not None and lr >= thresholds.LR_HIGH:
        confidence = 0.93
    elif count >= thresholds.SPIKES:
        confidence = 0.8
    elif lr is None and restless(f):
        above = (f.train_loss or 0.0) > thresholds.ABOVE_CHANCE * f.chance
        confidence = 0.65 if above else 0.5
    else:
        return None
    reason = (
        "It grokked and lost it again: steps of this size jump out of what has been found."
        if relapsed
        else "Such steps jump over what they should find: the loss spikes or stands still."
    )
    found = evidence(f, "lr", "grok_step", "train_loss", "chance", "train_acc", spikes=count)
    lower = None if lr is None else max(thresholds.LR_SANE, rough(lr / 10, 1))
    advice = "" if lower else "divide the learning rate by ten"
    return Verdict(
        "lr-too-high", confidence, found, reason, {"lr": lower} if lower else {}, advice
    )


def train_fraction_too_small(f: Facts) -> Verdict | None:
    fraction = f.known("train_fraction")
    if (
        f.generalizes
        or progress(f)
        or (fraction is not None and fraction >= thresholds.FRACTION_HIGH)
    ):
        return None
    few = fraction is not None and fraction <= thresholds.FRACTION_LOW
    tried = f.waited is not None and f.waited >= thresholds.NO_PROGRESS_TIMES
    if few:
        confidence = 0.9 if f.memorized else 0.85
    elif tried:
        confidence = 0.7
    elif fraction is None and waited_long(f):
        confidence = 0.5
    else:
        return None
    more = 0.3 if fraction is None or fraction < 0.3 else round(fraction + 0.1, 2)
    return Verdict(
        "train-fraction-too-small",
        confidence,
        evidence(f, "train_fraction", "n_train", "train_acc", "test_acc", "decay_times"),
        "The train pairs are too few to tell a rule from a list: memorising them is the"
        " simplest thing that fits.",
        {"train_fraction": more},
    )


def no_delay_expected(f: Facts) -> Verdict | None:
    fraction = f.known("train_fraction")
    relapsed = f.grok_step is not None and not f.holds
    at_once = f.holds and (f.grok_step or 0) <= thresholds.AT_ONCE * (f.memorized_step or 0)
    much = at_once if fraction is None else fraction >= thresholds.FRACTION_HIGH
    if relapsed or not much:
        return None
    if f.holds:
        confidence = 0.6 if fraction is None else 0.98
    elif f.memorized:
        confidence = 0.9 if progress(f) else 0.6
    else:
        confidence = 0.85
    return Verdict(
        "no-delay-expected",
        confidence,
        evidence(f, "train_fraction", "memorized_step", "grok_step"),
        "With half of all pairs or more the rule is learned almost at once: there is nothing to"
        " wait for, and no delay to see.",
        {"train_fraction": 0.3},
    )


def _first_loss(f: Facts) -> float | None:
    curve = f.case.train_loss
    early = len(curve) and curve.steps[0] <= thresholds.EARLY_STEP
    return curve.first if early else None


def _loud(f: Facts) -> bool:
    """Whether the first loss is far above ln p."""
    first = _first_loss(f)
    return first is not None and first > thresholds.LOSS_TOO_LARGE * f.chance


def _sane_init(f: Facts) -> dict[str, Any]:
    wanted = {"init": "nanda", "init_scale": 1.0}
    changes = {name: value for name, value in wanted.items() if f.known(name) != value}
    return changes if f.known("init") is not None else {"init": "nanda"}


def _sane_decay(f: Facts) -> float:
    return rough(thresholds.DECAY_RATIO * math.sqrt(f.known("d_model") or 128), 1)

"""Rules about how a run was set up: initial weights, weight decay, learning rate, data."""

from __future__ import annotations

from typing import Any

from grok_tui.config.schema import FIELDS
from grok_tui.doctor import thresholds
from grok_tui.doctor.case import Verdict
from grok_tui.doctor.derived import Derived
from grok_tui.doctor.signs import (
    collapsed,
    creeping,
    evidence,
    restless,
    rough,
    spikes,
    stalled,
    waited_long,
)


def not_learnable(run: Derived) -> Verdict | None:
    operation = run.operation
    if operation is None or operation.learnable:
        return None
    return Verdict(
        "not-learnable",
        0.99,
        evidence(run, "train_acc", "test_acc", operation=operation.name),
        "The answers are random, so there is no rule to find: they can only be memorized.",
        {"operation": FIELDS["operation"].default},
    )


def coupled_decay(run: Derived) -> Verdict | None:
    if run.known("decay") != "coupled" or run.known("weight_decay") == 0:
        return None
    return Verdict(
        "coupled-decay",
        0.94,
        evidence(run, "weight_decay", "train_loss", "test_loss", decay="coupled"),
        "Weight decay is added to the gradient (L2), and Adam divides it by the gradient's own"
        " size: it no longer takes a fixed share of each weight per step.",
        {"decay": "decoupled"},
    )


def init_too_small(run: Derived) -> Verdict | None:
    ratio, details = run.norm_ratio, evidence(run, "train_loss", "test_loss", "uniform_loss")
    if ratio is None and (not stalled(run) or _loud(run)):
        return None
    if ratio is None:
        confidence = 0.75
    elif ratio < thresholds.NORM_TOO_SMALL:
        confidence = 0.6 if run.memorized else 0.95
        details |= {"norm_ratio": rough(ratio)}
    else:
        return None
    return Verdict(
        "init-too-small",
        confidence,
        details,
        "The initial weights are far smaller than 1/sqrt(d_model): train and test loss fall"
        " together, and stall before the train pairs are memorized.",
        _sane_init(run),
    )


def init_too_large(run: Derived) -> Verdict | None:
    ratio, first = run.norm_ratio, _first_loss(run)
    large = ratio is not None and ratio > thresholds.NORM_TOO_LARGE
    if not (large or _loud(run)):
        return None
    details = evidence(run, "uniform_loss")
    details |= {"first_train_loss": rough(first)} if first is not None else {}
    details |= {"norm_ratio": rough(ratio)} if ratio is not None else {}
    return Verdict(
        "init-too-large",
        0.96 if large else 0.9,
        details,
        "The initial weights are far larger than 1/sqrt(d_model): the first losses are far"
        " above ln p, and weight decay has to shrink the weights first.",
        _sane_init(run),
    )


def weight_decay_too_low(run: Derived) -> Verdict | None:
    weight_decay = run.known("weight_decay")
    constrained = (
        run.known("norm_constraint") == "sphere" or run.known("grad_filter") == "orthograd"
    )
    if constrained:
        return None
    if weight_decay is None:
        tiny, confidence = waited_long(run), 0.6
    else:
        slow = (
            run.slow_decay
            if run.decay is not None
            else weight_decay < thresholds.DECAY_SANE / 10
        )
        tiny, confidence = weight_decay < thresholds.DECAY_SANE and slow, 0.92
    if not tiny:
        return None
    return Verdict(
        "weight-decay-too-low",
        confidence,
        evidence(
            run, "weight_decay", "lr_wd", "train_loss", "test_loss", "test_acc", "norm_change"
        ),
        "Nothing pulls the weights toward zero, so memorizing costs nothing and no simpler"
        " rule replaces it.",
        run.sane_decay,
    )


def weight_decay_too_high(run: Derived) -> Verdict | None:
    lr = run.known("lr")
    ratio = None if run.known("weight_decay") is None else run.decay_ratio
    if lr is not None and lr >= thresholds.LR_HIGH:
        return None
    if ratio is not None and ratio >= thresholds.DECAY_HIGH:
        confidence = 0.5 if run.memorized else 0.93
    elif collapsed(run):
        confidence = 0.6
    elif ratio is None and restless(run):
        confidence = 0.55
    else:
        return None
    return Verdict(
        "weight-decay-too-high",
        confidence,
        evidence(
            run,
            "weight_decay",
            "lr_wd",
            "train_loss",
            "uniform_loss",
            "train_acc",
            "norm_change",
        ),
        "Weight decay keeps the weights too small to fit even the train pairs.",
        run.sane_decay,
    )


def lr_too_low(run: Derived) -> Verdict | None:
    lr = run.known("lr")
    if lr is None:
        low, confidence = creeping(run), 0.65
    else:
        weight_decay = run.known("weight_decay")
        slow = run.slow_decay and (weight_decay or 0.0) >= thresholds.DECAY_SANE
        low, confidence = (
            slow or lr < thresholds.LR_LOW,
            0.8 if run.memorized and not slow else 0.9,
        )
    if not low:
        return None
    return Verdict(
        "lr-too-low",
        confidence,
        evidence(run, "lr", "lr_wd", "steps", "train_loss", "uniform_loss", "train_acc"),
        "Each step moves a weight by about the learning rate: this many steps of that size do"
        " not get far enough.",
        {"lr": thresholds.LR_SANE},
    )


def lr_too_high(run: Derived) -> Verdict | None:
    lr, count = run.known("lr"), spikes(run)
    if lr is not None and lr >= thresholds.LR_HIGH:
        confidence = 0.93
    elif lr is None and count >= thresholds.SPIKES:
        confidence = 0.7
    elif lr is None and restless(run):
        above = (run.train_loss or 0.0) > thresholds.ABOVE_UNIFORM * run.uniform_loss
        confidence = 0.65 if above else 0.5
    else:
        return None
    fix = sane_lr(run)
    jumps = {"spikes": count} if run.started else {}
    return Verdict(
        "lr-too-high",
        confidence,
        evidence(run, "lr", "train_loss", "uniform_loss", "train_acc", **jumps),
        "Steps of this size overshoot: the loss spikes or does not fall.",
        fix,
        "" if fix else "divide the learning rate by ten",
    )


def train_fraction_too_small(run: Derived) -> Verdict | None:
    fraction, p = run.known("train_fraction"), run.known("modulus")
    waited = run.waited is not None and run.waited >= thresholds.NO_PROGRESS_TIMES
    if fraction is None:
        if not waited_long(run) or run.known("weight_decay") is None:
            return None
        confidence, more = 0.5, 0.3
    else:
        least, enough = thresholds.fractions(p or 113)
        more = min(0.9, max(enough, round(fraction + 0.1, 2)))
        if fraction <= least:
            confidence = 0.9
        elif waited and run.phase == "STUCK" and fraction < thresholds.no_delay_from(p or 113):
            confidence = 0.7
        else:
            return None
    tiny = p is not None and p <= thresholds.MODULUS_LOW
    return Verdict(
        "train-fraction-too-small",
        confidence,
        evidence(run, "train_fraction", "n_train", "train_acc", "test_acc", "decay_times"),
        "There are too few train pairs to prefer a rule: memorizing them is the simplest fit.",
        {} if tiny else {"train_fraction": more},
        "train on a larger modulus, which has more pairs" if tiny else "",
    )


def no_delay_expected(run: Derived) -> Verdict | None:
    """Before the curves show it."""
    fraction, p = run.known("train_fraction"), run.known("modulus")
    if run.started or fraction is None or p is None or fraction < thresholds.no_delay_from(p):
        return None
    return Verdict(
        "no-delay-expected",
        0.7,
        evidence(run, "train_fraction", "n_train"),
        "With this many train pairs the rule is learned almost at once: there is no delay to"
        " see.",
        {"train_fraction": thresholds.fractions(p)[1]},
    )


def sane_lr(run: Derived) -> dict[str, Any]:
    """The learning rate that is known to work, if the present one is above it."""
    lr = run.known("lr")
    return {"lr": thresholds.LR_SANE} if lr is not None and lr > thresholds.LR_SANE else {}


def _first_loss(run: Derived) -> float | None:
    curve = run.case.train_loss
    early = len(curve) and curve.steps[0] <= thresholds.EARLY_STEP
    return curve.first if early else None


def _loud(run: Derived) -> bool:
    """Whether the first loss is far above ln p."""
    first = _first_loss(run)
    return first is not None and first > thresholds.LOSS_TOO_LARGE * run.uniform_loss


def _sane_init(run: Derived) -> dict[str, Any]:
    sane = {"init": "nanda", "init_scale": 1.0}
    changes = {name: value for name, value in sane.items() if run.known(name) != value}
    return changes if run.known("init") is not None else {"init": "nanda"}

"""Rules about settings that prevent grokking beyond a measured limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grok_tui.config.schema import FIELDS
from grok_tui.doctor import thresholds
from grok_tui.doctor.case import Verdict
from grok_tui.doctor.derived import Derived
from grok_tui.doctor.signs import differing, evidence


def eps_too_large(run: Derived) -> Verdict | None:
    eps = run.known("eps")
    if eps is None or eps < thresholds.EPS_HIGH:
        return None
    return Verdict(
        "eps-too-large",
        0.95 if eps >= thresholds.EPS_SURE else 0.6,
        evidence(run, "train_loss", "uniform_loss", "train_acc", eps=eps),
        "Adam divides by the root of the second moment plus eps: with this eps a step is far"
        " smaller than the learning rate, and weight decay wins.",
        _defaults(run, "eps"),
    )


def beta1_too_large(run: Derived) -> Verdict | None:
    beta1 = run.known("beta1")
    if beta1 is None or beta1 < thresholds.BETA1_HIGH:
        return None
    return Verdict(
        "beta1-too-large",
        0.93 if beta1 >= thresholds.BETA1_SURE else 0.7,
        evidence(run, "train_loss", "train_acc", beta1=beta1),
        "The first moment averages so many steps that updates lag behind and overshoot.",
        _defaults(run, "beta1"),
    )


def beta2_too_small(run: Derived) -> Verdict | None:
    beta2 = run.known("beta2")
    if beta2 is None or beta2 > thresholds.BETA2_LOW:
        return None
    return Verdict(
        "beta2-too-small",
        0.95 if beta2 <= thresholds.BETA2_SURE else 0.7,
        evidence(run, "train_loss", "train_acc", beta2=beta2),
        "The second moment forgets too soon: single steps become far larger than the learning"
        " rate.",
        _defaults(run, "beta2"),
    )


def warmup_too_long(run: Derived) -> Verdict | None:
    """By the decay that acts up to the last step: its learning rates' sum * weight decay."""
    warmup, steps, lr = run.known("warmup_steps"), run.known("steps"), run.known("lr")
    fix = _defaults(run, "warmup_steps")
    if not warmup or not steps or lr is None or warmup <= fix.get("warmup_steps", warmup):
        return None
    reached = steps - warmup / 2 if warmup < steps else steps**2 / (2 * warmup)
    without = (run.decay or 0.0) * steps
    slow = without >= thresholds.DECAY_TIMES > (run.decay or 0.0) * reached
    low = lr >= thresholds.LR_LOW > lr * min(1.0, steps / warmup)
    if not (slow or low):
        return None
    return Verdict(
        "warmup-too-long",
        0.95,
        evidence(run, "lr", "train_acc", warmup_steps=warmup, planned_steps=steps),
        "The learning rate is still rising for most of the run, so hardly anything happens.",
        fix,
    )


def model_too_small(run: Derived) -> Verdict | None:
    widths = {name: run.known(name) for name in ("d_mlp", "d_model")}
    small = {n: w for n, w in widths.items() if w is not None and w <= thresholds.WIDTH_LOW}
    if not small:
        return None
    return Verdict(
        "model-too-small",
        0.93 if min(small.values()) <= thresholds.WIDTH_SURE else 0.75,
        evidence(run, "train_loss", "train_acc", "test_acc", **small),
        "The network is too narrow to hold the rule.",
        _defaults(run, *small, "n_heads"),
    )


def filter_too_strong(run: Derived) -> Verdict | None:
    alpha, strength = run.known("grokfast_alpha"), run.known("grokfast_lambda")
    if run.known("grad_filter") != "grokfast" or alpha is None or strength is None:
        return None
    if strength < thresholds.FILTER_HIGH and alpha < thresholds.FILTER_SLOW:
        return None
    return Verdict(
        "filter-too-strong",
        0.85,
        evidence(run, "train_acc", "test_acc", grokfast_alpha=alpha, grokfast_lambda=strength),
        "Grokfast adds so much of an old mean gradient that the steps follow the past.",
        _defaults(run, "grokfast_alpha", "grokfast_lambda"),
    )


def evaluated_too_rarely(run: Derived) -> Verdict | None:
    """Grokking is told from three evaluations in a row."""
    every, steps = run.known("eval_every"), run.known("steps")
    if every is None or steps is None or every * thresholds.LEAST_EVALUATIONS <= steps:
        return None
    return Verdict(
        "evaluated-too-rarely",
        0.9,
        evidence(run, "test_acc", eval_every=every, planned_steps=steps),
        "Grokking shows in three evaluations in a row, and there are too few to see it.",
        differing(run, {"eval_every": max(1, min(10, steps // 100))}),
    )


def _defaults(run: Derived, *names: str) -> Mapping[str, Any]:
    """The defaults of some fields, where they differ from the config's values."""
    return differing(run, {name: FIELDS[name].default for name in names})

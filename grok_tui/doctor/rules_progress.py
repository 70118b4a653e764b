"""Rules about where a run stands: broken, done, on its way, or too early to say."""

from __future__ import annotations

from typing import Any

import numpy as np

from grok_tui.doctor import thresholds
from grok_tui.doctor.case import Verdict
from grok_tui.doctor.derived import Facts
from grok_tui.doctor.rules_setup import weight_decay_too_low
from grok_tui.doctor.signs import evidence, progress, rough


def diverged(f: Facts) -> Verdict | None:
    if not f.case.diverged:
        return None
    lr = f.known("lr")
    lower = {"lr": rough(lr / 3, 1)} if lr else {}
    return Verdict(
        "diverged",
        1.0,
        evidence(f, "steps", "lr", "train_loss"),
        "A loss became infinite or no number: a step was far too large.",
        lower,
        "" if lower else "lower the learning rate",
    )


def grokked(f: Facts) -> Verdict | None:
    if not f.holds:
        return None
    found = evidence(f, "memorized_step", "grok_step", "test_loss", "test_acc")
    if f.case.measures and (keys := f.case.measures[-1][1].key_frequencies):
        found["key_frequencies"] = " ".join(map(str, keys))
    return Verdict(
        "grokked",
        0.97,
        found,
        f"It answers the test pairs since step {f.grok_step}.",
        advice="nothing is wrong; look at what it learned in the Fourier and Circle panes",
    )


def numerical_collapse(f: Facts) -> Verdict | None:
    loss, no_decay = f.known("loss"), weight_decay_too_low(f)
    confidence, found = _collapse(f)
    if not f.case.steps and loss == "naive" and no_decay:
        confidence = 0.93  # nothing will keep its losses from what float32 rounds to zero
    if not confidence:
        return None
    better: dict[str, Any] = {"loss": "cross-entropy"} if loss == "naive" else {}
    if better:
        found["loss"] = loss
    if better and no_decay:
        better |= no_decay.changes
    return Verdict(
        "numerical-collapse",
        confidence,
        evidence(f, "weight_decay", "train_loss", "test_loss", "test_acc", **found),
        "The train loss falls below what float32 can tell from zero: gradients vanish, and what"
        " is left of them makes the loss jump.",
        better,
        "" if better else "compute the loss in float64, or as log(1 + sum exp(l_j - l_y))",
    )


def _collapse(f: Facts) -> tuple[float, dict[str, Any]]:
    """How sure it is that losses have become zero, and what says so."""
    losses = f.case.train_loss.values
    if f.holds or not f.memorized or len(losses) < thresholds.FEW:
        return 0.0, {}
    newest = losses[-max(thresholds.FEW, len(losses) // 4) :]
    # Of the pairs at any time: the jump that follows gives them a loss again.
    zero = max(float(np.mean(newest == 0)), float(f.case.zero_loss.values.max(initial=0.0)))
    loss = f.known("loss")
    exact = loss is not None and loss != "naive"  # of ours, it keeps its digits
    if zero >= thresholds.ZERO_SHARE:
        return 0.96, {"zero_loss_share": rough(zero)}
    if exact or f.generalizes or progress(f):
        return 0.0, {}
    sure = 0.5 if np.median(newest) < thresholds.FLOAT32_FLOOR else 0.0
    return sure, {"zero_loss_share": rough(zero)}


def too_few_steps(f: Facts) -> Verdict | None:
    much = (f.known("train_fraction") or 0.0) >= thresholds.FRACTION_HIGH
    if f.holds or much or f.known("operation") == "random":
        return None
    earliest, latest = expected(f)
    planned = f.case.steps if f.case.ended else f.known("steps")
    if planned is None or earliest is None or latest is None:
        return None
    under_way = f.generalizes or progress(f)
    if f.case.ended:
        waiting = f.memorized and (f.waited or 0.0) < thresholds.NO_PROGRESS_TIMES
        early = not f.memorized and planned < earliest
        if not (under_way or waiting or early):
            return None
        sure = under_way or (f.memorized and planned < latest)
        confidence = 0.85 if sure else 0.6
    elif planned < earliest and not under_way:
        confidence = 0.8
    else:
        return None
    steps = min(max(latest, 2 * planned) if f.case.ended else latest, thresholds.MAX_STEPS)
    cut_off = (f.known("steps") or 0) >= steps
    return Verdict(
        "too-few-steps",
        confidence,
        evidence(f, "lr_wd", "memorized_step", "test_acc", planned_steps=planned,
                 expected_from=earliest, expected_to=latest),
        "It ends before weight decay can have done its work.",
        {} if cut_off else {"steps": int(rough(steps, 2))},
        "go on with it: --resume does" if cut_off else "",
    )  # fmt: skip


def on_track(f: Facts) -> Verdict | None:
    if f.holds or not (f.generalizes or progress(f)):
        return None
    found = evidence(f, "memorized_step", "train_loss", "test_loss", "test_acc", "lr_wd")
    if f.case.measures and (restricted := f.case.measures[-1][1].restricted_loss) is not None:
        found["restricted_loss"] = rough(restricted)
    return Verdict(
        "on-track",
        0.82,
        found | _when(f),
        "The train pairs are known, and the others get better: a rule takes over.",
        advice="wait",
    )


def too_early(f: Facts) -> Verdict:
    """What is so if nothing else is."""
    if not f.started:
        found = evidence(f, "lr_wd") | _when(f)
        return Verdict("on-track", 0.7, found, "Nothing speaks against it.", advice="train it")
    reason = (
        "The train pairs are known and the others are not: too early to say more."
        if f.memorized
        else "The train pairs are not yet known: too early to say more."
    )
    found = evidence(f, "memorized_step", "train_loss", "test_loss", "decay_times")
    return Verdict("memorizing", 0.5, found | _when(f), reason, advice="wait")


def _when(f: Facts) -> dict[str, float | int | str]:
    earliest, latest = expected(f)
    if earliest is None or latest is None:
        return {}
    return {"expected_from": earliest, "expected_to": latest}


def expected(f: Facts) -> tuple[int, int] | tuple[None, None]:
    """Between which steps runs with such settings grok; None where nothing tells."""
    if not f.decay or f.slow_decay:
        return None, None
    begin = f.memorized_step
    if begin is None:
        begin = max(thresholds.MEMORIZING_STEPS, f.case.steps)
    begin = max(begin, f.case.edited)
    least, most = thresholds.DECAY_TIMES / f.decay, thresholds.MOST_DECAY_TIMES / f.decay
    return int(rough(begin + least, 2)), int(rough(begin + most, 2))

"""Rules about how far a run has come: broken, done, on its way, or too early to say."""

from __future__ import annotations

from typing import Any

import numpy as np

from grok_tui.config.schema import MAX_STEPS
from grok_tui.doctor import thresholds
from grok_tui.doctor.case import Verdict
from grok_tui.doctor.derived import Derived
from grok_tui.doctor.rules_setup import weight_decay_too_low
from grok_tui.doctor.signs import evidence, progress, rough


def diverged(run: Derived) -> Verdict | None:
    if not run.case.diverged:
        return None
    lr = run.known("lr")
    lower = {"lr": rough(lr / 3, 1)} if lr else {}
    return Verdict(
        "diverged",
        1.0,
        evidence(run, "steps", "lr", "train_loss"),
        "A loss became infinite or NaN: a step was far too large.",
        lower,
        "" if lower else "lower the learning rate",
    )


def grokked(run: Derived) -> Verdict | None:
    if not run.holds:
        return None
    details = evidence(run, "memorized_step", "grok_step", "test_loss", "test_acc")
    if run.case.measures and (keys := run.case.measures[-1][1].key_frequencies):
        details["key_frequencies"] = " ".join(map(str, keys))
    return Verdict(
        "grokked",
        0.97,
        details,
        f"It has answered the test pairs correctly since step {run.grok_step}.",
        advice="nothing is wrong; the Fourier and Circle panes show what it learned",
    )


def numerical_collapse(run: Derived) -> Verdict | None:
    loss, no_decay = run.known("loss"), weight_decay_too_low(run)
    confidence, details = _collapse(run)
    if not run.case.steps and loss == "naive" and no_decay:
        confidence = 0.93  # nothing keeps its losses above what float32 rounds to zero
    if not confidence:
        return None
    better: dict[str, Any] = {"loss": "cross-entropy"} if loss == "naive" else {}
    if better:
        details["loss"] = loss
    if better and no_decay:
        better |= no_decay.changes
    return Verdict(
        "numerical-collapse",
        confidence,
        evidence(run, "weight_decay", "train_loss", "test_loss", "test_acc", **details),
        "The train loss falls below what float32 can tell from zero: gradients vanish, and what"
        " is left of them makes the loss jump.",
        better,
        "" if better else "compute the loss in float64, or as log(1 + sum exp(l_j - l_y))",
    )


def _collapse(run: Derived) -> tuple[float, dict[str, Any]]:
    """The confidence that losses have become zero, and the evidence."""
    losses = run.case.train_loss.values
    if run.holds or not run.memorized or len(losses) < thresholds.FEW:
        return 0.0, {}
    newest = losses[-max(thresholds.FEW, len(losses) // 4) :]
    # The largest share so far, since the jump that follows gives the pairs a loss again.
    zero = max(float(np.mean(newest == 0)), float(run.case.zero_loss.values.max(initial=0.0)))
    loss = run.known("loss")
    exact = loss is not None and loss != "naive"  # this program computes it to full precision
    if zero >= thresholds.ZERO_SHARE:
        return 0.96, {"zero_loss_share": rough(zero)}
    if exact or run.generalizes or progress(run):
        return 0.0, {}
    sure = 0.5 if np.median(newest) < thresholds.FLOAT32_FLOOR else 0.0
    return sure, {"zero_loss_share": rough(zero)}


def too_few_steps(run: Derived) -> Verdict | None:
    much = (run.known("train_fraction") or 0.0) >= thresholds.FRACTION_HIGH
    if run.holds or much or (run.operation and not run.operation.learnable):
        return None
    earliest, latest = expected(run)
    planned = run.case.steps if run.case.ended else run.known("steps")
    if planned is None or earliest is None or latest is None:
        return None
    under_way = run.generalizes or progress(run)
    if run.case.ended:
        waiting = run.memorized and (run.waited or 0.0) < thresholds.NO_PROGRESS_TIMES
        early = not run.memorized and planned < earliest
        if not (under_way or waiting or early):
            return None
        sure = under_way or (run.memorized and planned < latest)
        confidence = 0.85 if sure else 0.6
    elif planned < earliest and not under_way:
        confidence = 0.8
    else:
        return None
    steps = min(max(latest, 2 * planned) if run.case.ended else latest, MAX_STEPS)
    cut_off = (run.known("steps") or 0) >= steps
    return Verdict(
        "too-few-steps",
        confidence,
        evidence(run, "lr_wd", "memorized_step", "test_acc", planned_steps=planned,
                 expected_from=earliest, expected_to=latest),
        "It ends before weight decay has had time to act.",
        {} if cut_off else {"steps": int(rough(steps, 2))},
        "continue it with --resume" if cut_off else "",
    )  # fmt: skip


def on_track(run: Derived) -> Verdict | None:
    if run.holds or not (run.generalizes or progress(run)):
        return None
    details = evidence(run, "memorized_step", "train_loss", "test_loss", "test_acc", "lr_wd")
    if (
        run.case.measures
        and (restricted := run.case.measures[-1][1].restricted_loss) is not None
    ):
        details["restricted_loss"] = rough(restricted)
    return Verdict(
        "on-track",
        0.82,
        details | _when(run),
        "The train pairs are memorized and the test pairs improve: a rule is taking over.",
        advice="wait",
    )


def too_early(run: Derived) -> Verdict:
    """The verdict if no rule gives one."""
    if not run.started:
        details = evidence(run, "lr_wd") | _when(run)
        reason = "Nothing in these settings is known to prevent grokking."
        return Verdict("on-track", 0.7, details, reason, advice="train it")
    reason = (
        "The train pairs are memorized, the test pairs are not learned: too early to say more."
        if run.memorized
        else "The train pairs are not memorized yet: too early to say more."
    )
    details = evidence(run, "memorized_step", "train_loss", "test_loss", "decay_times")
    return Verdict("memorizing", 0.5, details | _when(run), reason, advice="wait")


def _when(run: Derived) -> dict[str, float | int | str]:
    earliest, latest = expected(run)
    if earliest is None or latest is None:
        return {}
    return {"expected_from": earliest, "expected_to": latest}


def expected(run: Derived) -> tuple[int, int] | tuple[None, None]:
    """The first and last step at which the run is expected to grok; None if unknown."""
    if not run.decay or run.slow_decay:
        return None, None
    begin = run.memorized_step
    if begin is None:
        begin = max(thresholds.MEMORIZING_STEPS, run.case.steps)
    begin = max(begin, run.case.edited)
    least, most = thresholds.DECAY_TIMES / run.decay, thresholds.MOST_DECAY_TIMES / run.decay
    return int(rough(begin + least, 2)), int(rough(begin + most, 2))

"""Rules about how far a run has come: broken, done, lost, on its way, or too early to say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from grok_tui.config.schema import FIELDS, MAX_STEPS, written
from grok_tui.doctor import thresholds
from grok_tui.doctor.case import Verdict
from grok_tui.doctor.derived import Derived
from grok_tui.doctor.rules_setup import sane_lr, weight_decay_too_low
from grok_tui.doctor.signs import (
    differing,
    edit_before,
    evidence,
    improving,
    newest_losses,
    rough,
    spikes,
    zero_share,
)
from grok_tui.protocol.events import ConfigApplied


def diverged(run: Derived) -> Verdict | None:
    if not run.case.diverged:
        return None
    edit = edit_before(run, run.case.steps)
    beta2, usual = run.known("beta2"), FIELDS["beta2"].default
    if edit:
        cause = differing(run, {edit.field: edit.old})
        why = f" just after {_change(edit)}"
    elif beta2 is not None and beta2 <= thresholds.BETA2_LOW:
        cause, why = {"beta2": usual}, ": the second moment forgets too soon"
    else:
        lr = run.known("lr")
        cause, why = sane_lr(run), ": a step was far too large"
        if not cause and lr:
            cause = {"lr": rough(lr / 10, 1)}
    return Verdict(
        "diverged",
        1.0,
        evidence(run, "steps", "lr", "train_loss"),
        f"A loss became infinite or NaN{why}.",
        cause,
        "" if cause else "lower the learning rate",
    )


def _change(edit: ConfigApplied) -> str:
    return f"{edit.field} was changed from {written(edit.old)} to {written(edit.new)}"


def no_delay(run: Derived) -> Verdict | None:
    """It grokked almost as soon as it had memorized the train pairs."""
    begin, end = run.memorized_step, run.grok_step
    if not run.holds or begin is None or end is None:
        return None
    much = (run.known("train_fraction") or 0.0) >= thresholds.FRACTION_HALF
    if end > (thresholds.SOON if much else thresholds.AT_ONCE) * begin:
        return None
    more = differing(run, {"train_fraction": 0.3}) if (run.known("modulus") or 0) > 97 else {}
    return Verdict(
        "no-delay-expected",
        0.97,
        evidence(run, "train_fraction", "memorized_step", "grok_step", "test_acc"),
        "It learned the test pairs together with the train pairs: with this many train pairs"
        " there is no delay to see.",
        more,
        "" if more else "train on fewer pairs to see the delay",
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
        f"It has answered the test pairs correctly since step {run.milestones.grokked.since}.",
        advice="nothing is wrong; the Fourier and Circle panes show what it learned",
    )


def lost(run: Derived) -> Verdict | None:
    if run.phase != "LOST":
        return None
    since = run.milestones.grokked.since or run.case.steps
    edit, lr, weight_decay = edit_before(run, since), run.known("lr"), run.known("weight_decay")
    fix: Mapping[str, Any] = {}
    advice = ""
    if edit:
        fix = differing(run, {edit.field: edit.old})
        why = f"just after {_change(edit)}"
        if not fix:
            advice = f"branch from a checkpoint before step {edit.step}"
    elif weight_decay is not None and run.decay_ratio >= thresholds.DECAY_HIGH:
        why, fix = "weight decay keeps its weights too small", run.sane_decay
    elif (lr is not None and lr >= thresholds.LR_RELAPSES) or (lr is None and spikes(run)):
        why, fix = "steps of this size jump out of the solution", sane_lr(run)
        advice = "" if fix else "lower the learning rate"
    else:
        why, advice = "the cause is not known", "wait, or branch from a checkpoint before that"
    return Verdict(
        "lost",
        0.97,
        evidence(
            run, "lr", "weight_decay", "grok_step", "train_acc", "test_acc", lost_step=since
        ),
        f"It grokked at step {run.grok_step} and lost it at step {since}: {why}.",
        fix,
        advice,
    )


def numerical_collapse(run: Derived) -> Verdict | None:
    loss, no_decay = run.known("loss"), weight_decay_too_low(run)
    confidence = _collapse(run)
    if not run.case.steps and loss == "naive" and no_decay:
        confidence = 0.93  # nothing keeps its losses above what float32 rounds to zero
    if not confidence:
        return None
    better: dict[str, Any] = {"loss": "cross-entropy"} if loss == "naive" else {}
    details: dict[str, Any] = {"zero_loss_share": rough(zero_share(run))}
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


def _collapse(run: Derived) -> float:
    """The confidence that losses have become zero."""
    if not run.memorized:
        return 0.0
    if zero_share(run) >= thresholds.ZERO_SHARE:
        return 0.96
    loss, losses = run.known("loss"), newest_losses(run)
    exact = loss is not None and loss != "naive"  # this program computes it to full precision
    if exact or len(losses) < thresholds.FEW or run.case.resolution > thresholds.FLOAT32_FLOOR:
        return 0.0
    return 0.62 if np.median(losses) < thresholds.FLOAT32_FLOOR else 0.0


def too_few_steps_under_way(run: Derived) -> Verdict | None:
    """It ended while the test pairs were being learned."""
    if not run.case.ended or not improving(run):
        return None
    return _too_few(run, 0.85, run.case.steps)


def too_few_steps(run: Derived) -> Verdict | None:
    """It ends before weight decay has had time to act, and no other cause is known."""
    earliest, _ = expected(run)
    planned = run.case.steps if run.case.ended else run.known("steps")
    if planned is None or earliest is None or run.phase == "STUCK":
        return None
    if run.case.ended:
        waiting = run.memorized and (run.waited or 0.0) < thresholds.DECAY_TIMES
        early = not run.memorized and planned < earliest
        return _too_few(run, 0.7, planned) if waiting or early else None
    return _too_few(run, 0.8, planned) if planned < earliest else None


def _too_few(run: Derived, confidence: float, planned: int) -> Verdict:
    _, latest = expected(run)
    details = evidence(run, "lr_wd", "memorized_step", "test_acc", planned_steps=planned)
    steps = min(max(latest or 0, 2 * planned), MAX_STEPS)
    fix = differing(run, {"steps": int(rough(steps, 2))})
    if (run.known("steps") or 0) >= steps:
        fix = {}
    return Verdict(
        "too-few-steps",
        confidence,
        details | _when(run),
        "It ends before weight decay has had time to act.",
        fix,
        "" if fix else "continue it with --resume",
    )


def on_track(run: Derived) -> Verdict | None:
    if run.case.ended or not improving(run):
        return None
    details = evidence(run, "memorized_step", "train_loss", "test_loss", "test_acc", "lr_wd")
    if (
        run.case.measures
        and (restricted := run.case.measures[-1][1].restricted_loss) is not None
    ):
        details["restricted_loss"] = rough(restricted)
    return Verdict(
        "on-track",
        0.6,
        # A cleanup is soon over, whatever was expected.
        details if run.phase == "CLEANUP" else details | _when(run),
        "The train pairs are memorized and the test pairs improve: a rule is taking over.",
        advice="wait",
    )


def slingshot(run: Derived) -> Verdict | None:
    """Jumps of the train loss in cycles, after which it recovers (Thilak et al. 2022)."""
    count = spikes(run)
    if run.memorized_step is None or count < thresholds.SPIKES:
        return None
    lr = sane_lr(run)
    return Verdict(
        "slingshot",
        0.5,
        evidence(run, "lr", "train_loss", "test_acc", spikes=count),
        "The train loss jumps and recovers in cycles: late steps are too large for gradients"
        " this small.",
        lr,
        "" if lr else "lower the learning rate, or raise eps or weight decay",
    )


def not_known(run: Derived) -> Verdict | None:
    """It does not get on, and nothing known explains that."""
    if not run.started or not (run.phase == "STUCK" or run.case.ended):
        return None
    return Verdict(
        "not-known",
        0.8,
        evidence(run, "memorized_step", "train_acc", "test_acc", "test_loss", "decay_times"),
        f"It does not improve ({run.milestones.reason}), and no known cause explains it.",
        advice="try another seed, more train pairs, or a wider network",
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

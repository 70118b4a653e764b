"""Signs: conditions on the curves of a run that the rules share; evidence for verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok_tui.analysis.health import count_spikes
from grok_tui.doctor import thresholds
from grok_tui.doctor.derived import Derived, fall, late
from grok_tui.protocol.events import ConfigApplied


def rough(value: float, digits: int = 3) -> float:
    """The value rounded to some significant digits."""
    return float(f"{value:.{digits}g}")


def evidence(
    run: Derived, *names: str, **more: float | int | str
) -> dict[str, float | int | str]:
    """The known ones of the named facts, rounded, and `more` as given."""
    first = run.case.weight_norm.first
    known: dict[str, Any] = {
        **{name: run.known(name) for name in ("lr", "weight_decay", "train_fraction")},
        "steps": run.case.steps if run.started else None,
        "train_loss": run.train_loss,
        "test_loss": run.test_loss,
        "train_acc": late(run.case.train_acc),
        "test_acc": run.test_acc,
        "uniform_loss": run.uniform_loss,
        "lr_wd": run.decay,
        "n_train": run.n_train,
        "memorized_step": run.memorized_step,
        "grok_step": run.grok_step,
        "decay_times": run.waited,
        "norm_change": run.shrunk if first else None,
    }
    details = {name: known[name] for name in names if known[name] is not None}
    return {k: rough(v) if isinstance(v, float) else v for k, v in details.items()} | more


def differing(run: Derived, fix: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a fix that the config does not have yet."""
    return {name: value for name, value in fix.items() if run.known(name) != value}


def edit_before(run: Derived, step: int) -> ConfigApplied | None:
    """The newest edit shortly before a step, the first suspect of what happened there.

    An edit acts within some evaluations, or within 3 / (lr * weight decay) steps.
    """
    lr, weight_decay = run.known("lr") or 0.0, run.known("weight_decay") or 0.0
    for edit in reversed(run.case.treatments):
        if edit.undo or edit.step > step:
            continue
        decay = {"lr": lr, "weight_decay": weight_decay, edit.field: edit.new}
        per_step = float(decay["lr"] * decay["weight_decay"])
        acts = thresholds.EDIT_DECAY_TIMES / max(per_step, 1e-9)
        rhythm = 4 * (run.known("eval_every") or 1)
        if step - edit.step <= max(thresholds.EDIT_STEPS, rhythm, acts):
            return edit
        return None
    return None


def improving(run: Derived) -> bool:
    """Whether the test pairs are being learned now."""
    if run.phase == "STUCK":
        return False
    if run.phase in ("CIRCUIT FORMATION", "CLEANUP"):
        return True
    collapsing = zero_share(run) >= thresholds.ZERO_SHARE
    return run.memorized and not collapsing and _test_improves(run)


def newest_losses(run: Derived) -> NDArray[np.float64]:
    """The newest quarter of the train losses, (n,), but not fewer than can be judged."""
    losses = run.case.train_loss.values
    return losses[-max(thresholds.FEW, len(losses) // 4) :]


def zero_share(run: Derived) -> float:
    """The largest share of train losses that were exactly 0, of pairs or of the newest steps.

    The largest so far, since the jump that follows gives the pairs a loss again. 0 if the
    losses were rounded, which makes them zero long before float32 does.
    """
    newest = newest_losses(run)
    if run.case.resolution > thresholds.FLOAT32_FLOOR or not len(newest):
        return 0.0
    return max(float(np.mean(newest == 0)), float(run.case.zero_loss.values.max(initial=0.0)))


def _test_improves(run: Derived) -> bool:
    """Whether the test accuracy has clearly risen of late, or the test loss fallen."""
    begin = run.milestones.memorized.since or 0
    since = max(begin, run.case.steps - thresholds.RECENT * (run.case.steps - begin))
    accuracy, loss = run.case.test_acc.since(since), run.case.test_loss.since(since)
    if len(accuracy) >= thresholds.FEW:
        before, now = float(accuracy.values[:3].mean()), late(accuracy) or 0.0
        if now - before >= thresholds.ACC_RISE:
            return True
    if len(loss) < thresholds.FEW or spikes(run):  # a jump of the train loss lowers it, too
        return False
    return (late(loss) or 0.0) < (1 - thresholds.LOSS_FALL) * float(loss.values[:3].mean())


def stalled(run: Derived) -> bool:
    """Whether train and test loss have both stalled before the train pairs were memorized."""
    train, test = run.train_loss, run.test_loss
    if run.memorized or train is None or test is None or run.case.steps < thresholds.PATIENCE:
        return False
    fallen = fall(run.case.train_loss, run.case.steps / 2)
    low, high = (
        thresholds.STALL_LOW * run.uniform_loss,
        thresholds.STALL_HIGH * run.uniform_loss,
    )
    together = low < train < high and test < thresholds.STALL_TEST * run.uniform_loss
    return together and fallen is not None and abs(fallen) < thresholds.FLAT and not spikes(run)


def creeping(run: Derived) -> bool:
    """Whether the train loss is still near ln p, either flat or slowly falling."""
    train = run.train_loss
    if run.memorized or train is None or run.case.steps < thresholds.PATIENCE or collapsed(run):
        return False
    fallen = fall(run.case.train_loss, run.case.steps / 2)
    near = (
        thresholds.CREEP_ABOVE
        if fallen is not None and fallen > thresholds.CREEP
        else thresholds.STUCK
    )
    return train > near * run.uniform_loss and _rises(run) < thresholds.RESTLESS


def restless(run: Derived) -> bool:
    """Whether the train loss jumps up and down near ln p or above it."""
    train = run.train_loss
    if run.memorized or train is None or run.case.steps < thresholds.PATIENCE:
        return False
    return train > thresholds.STUCK * run.uniform_loss and _rises(run) >= thresholds.RESTLESS


def _rises(run: Derived) -> float:
    """The share of points of the thinned-out train loss that lie above the previous one."""
    values = run.case.train_loss.values
    values = values[:: 1 + len(values) // thresholds.COARSE]
    return float(np.mean(np.diff(values) > 0)) if len(values) > 1 else 0.0


def collapsed(run: Derived) -> bool:
    """Whether the weights have collapsed, judged by the losses if their norm is unknown."""
    train, test = run.train_loss, run.test_loss
    if (
        train is None
        or run.case.steps < thresholds.PATIENCE
        or train < thresholds.STUCK * run.uniform_loss
    ):
        return False
    if run.shrunk is not None:
        return run.shrunk < thresholds.COLLAPSED
    return test is not None and abs(test - train) < thresholds.ALIKE * run.uniform_loss


def spikes(run: Derived) -> int:
    """How often the train loss has jumped from near zero."""
    return count_spikes(run.case.train_loss.values, run.uniform_loss)[0]


def waited_long(run: Derived) -> bool:
    """Whether the train pairs have been memorized for a long time, counted in steps."""
    if run.memorized_step is None:
        return False
    waited = run.case.steps - max(run.memorized_step, run.case.edited)
    return waited >= max(thresholds.LONG_WAIT, thresholds.LONG_SHARE * run.memorized_step)

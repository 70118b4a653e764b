"""Signs: conditions on the curves of a run that the rules share; evidence for verdicts."""

from __future__ import annotations

from typing import Any

import numpy as np

from grok_tui.analysis.health import count_spikes
from grok_tui.doctor import thresholds
from grok_tui.doctor.derived import Derived, fall, late


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


def progress(run: Derived) -> bool:
    """Whether the test accuracy or test loss has improved since memorizing."""
    if run.memorized_step is None or run.generalizes:
        return run.generalizes
    accuracy = run.case.test_acc.since(run.memorized_step)
    if len(accuracy):
        begin = float(np.median(accuracy.values[:3]))
        return (late(accuracy) or 0.0) - begin >= thresholds.ACC_RISE or _test_loss_falls(run)
    return _test_loss_falls(run)


def _test_loss_falls(run: Derived) -> bool:
    test, peak = run.test_loss, run.test_peak
    return bool(test and peak and test < (1 - thresholds.LOSS_FALL) * peak and not spikes(run))


def waited_long(run: Derived) -> bool:
    """Whether the train pairs have been memorized for a long time, counted in steps."""
    if run.memorized_step is None:
        return False
    waited = run.case.steps - max(run.memorized_step, run.case.edited)
    return waited >= max(thresholds.LONG_WAIT, thresholds.LONG_SHARE * run.memorized_step)

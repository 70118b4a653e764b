"""What the curves of a run tell: conditions that the rules share, and their evidence."""

from __future__ import annotations

from typing import Any

import numpy as np

from grok_tui.analysis.health import count_spikes
from grok_tui.doctor import thresholds
from grok_tui.doctor.derived import Facts, fall, late


def rough(value: float, digits: int = 3) -> float:
    """A number with few significant digits."""
    return float(f"{value:.{digits}g}")


def evidence(f: Facts, *names: str, **more: float | int | str) -> dict[str, float | int | str]:
    """Those of the named numbers that are known, and others."""
    first = f.case.weight_norm.first
    known: dict[str, Any] = {
        **{name: f.known(name) for name in ("lr", "weight_decay", "train_fraction")},
        "steps": f.case.steps if f.started else None,
        "train_loss": f.train_loss,
        "test_loss": f.test_loss,
        "train_acc": late(f.case.train_acc),
        "test_acc": f.test_acc,
        "chance": f.chance,
        "lr_wd": f.decay,
        "n_train": f.n_train,
        "memorized_step": f.memorized_step,
        "grok_step": f.grok_step,
        "decay_times": f.waited,
        "norm_change": f.shrunk if first else None,
    }
    found = {name: known[name] for name in names if known[name] is not None}
    return {k: rough(v) if isinstance(v, float) else v for k, v in found.items()} | more


def stalled(f: Facts) -> bool:
    """Whether train and test loss stand still together, before the train pairs are known."""
    train, test = f.train_loss, f.test_loss
    if f.memorized or train is None or test is None or f.case.steps < thresholds.PATIENCE:
        return False
    fallen = fall(f.case.train_loss, f.case.steps / 2)
    low, high = thresholds.STALL_LOW * f.chance, thresholds.STALL_HIGH * f.chance
    together = low < train < high and test < thresholds.STALL_TEST * f.chance
    return together and fallen is not None and abs(fallen) < thresholds.FLAT and not spikes(f)


def creeping(f: Facts) -> bool:
    """Whether the train loss is still near ln p: as it began, or on its way down."""
    train = f.train_loss
    if f.memorized or train is None or f.case.steps < thresholds.PATIENCE or collapsed(f):
        return False
    fallen = fall(f.case.train_loss, f.case.steps / 2)
    near = (
        thresholds.CREEP_ABOVE
        if fallen is not None and fallen > thresholds.CREEP
        else thresholds.STUCK
    )
    return train > near * f.chance and _rises(f) < thresholds.RESTLESS


def restless(f: Facts) -> bool:
    """Whether the train loss goes up and down near ln p, or above it."""
    train = f.train_loss
    if f.memorized or train is None or f.case.steps < thresholds.PATIENCE:
        return False
    return train > thresholds.STUCK * f.chance and _rises(f) >= thresholds.RESTLESS


def _rises(f: Facts) -> float:
    """The share of points of the train loss that lie above the one before."""
    values = f.case.train_loss.values
    values = values[:: 1 + len(values) // thresholds.COARSE]
    return float(np.mean(np.diff(values) > 0)) if len(values) > 1 else 0.0


def collapsed(f: Facts) -> bool:
    """Whether the weights have shrunk away, or all pairs get the same answer as if they had."""
    train, test = f.train_loss, f.test_loss
    if (
        train is None
        or f.case.steps < thresholds.PATIENCE
        or train < thresholds.STUCK * f.chance
    ):
        return False
    if f.shrunk is not None:
        return f.shrunk < thresholds.COLLAPSED
    return test is not None and abs(test - train) < thresholds.ALIKE * f.chance


def spikes(f: Facts) -> int:
    """How often the train loss has risen again from near zero."""
    return count_spikes(f.case.train_loss.values, f.chance)[0]


def progress(f: Facts) -> bool:
    """Whether the test pairs have got better since the train pairs are known."""
    if f.memorized_step is None or f.generalizes:
        return f.generalizes
    accuracy = f.case.test_acc.since(f.memorized_step)
    if len(accuracy):
        begin = float(np.median(accuracy.values[:3]))
        return (late(accuracy) or 0.0) - begin >= thresholds.ACC_RISE or _test_loss_falls(f)
    return _test_loss_falls(f)


def _test_loss_falls(f: Facts) -> bool:
    test, peak = f.test_loss, f.test_peak
    return bool(test and peak and test < (1 - thresholds.LOSS_FALL) * peak and not spikes(f))


def waited_long(f: Facts) -> bool:
    """Whether the train pairs have been known for long, by steps alone."""
    if f.memorized_step is None:
        return False
    waited = f.case.steps - max(f.memorized_step, f.case.edited)
    return waited >= max(thresholds.LONG_WAIT, thresholds.LONG_SHARE * f.memorized_step)

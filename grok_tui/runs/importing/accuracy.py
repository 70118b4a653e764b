"""Whether accuracies are in percent or from 0 to 1."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import numpy as np

from grok_tui.doctor import Curve
from grok_tui.runs.importing.row import TableError

PERCENT, SHARE = "percent", "share"
# Rounding can make an accuracy this much larger than 1.
_ROUNDING = 1e-4
# A wrong answer costs ln 2 or more, so a mean loss below this means that over 1% are right.
_OVER_ONE_PERCENT = 0.68
# A share is doubtful if it would be a fair percentage for guesses (_FAIR of it or more, and not
# below _SHARE), and the train loss has hardly fallen (below _LOW it is far from chance) or each
# wrong answer would cost _COSTLY times the first train loss.
_SHARE, _FAIR, _HARDLY_FALLEN, _LOW, _COSTLY = 0.1, 0.3, 0.9, 2.0, 10.0


def percentages(
    curves: Mapping[str, Curve], marked: AbstractSet[str], given: str | None
) -> AbstractSet[str]:
    """Which of `train_acc` and `test_acc` are in percent.

    marked: those that say so. given: the unit where the values do not tell. A table uses one
    unit; without a value above 1 that is the share, unless the losses speak against it.
    Raises TableError if it is not clear.
    """
    accuracies = {name for name in ("train_acc", "test_acc") if len(curves[name])}
    sure = {n for n in accuracies if n in marked or curves[n].values.max() > 1 + _ROUNDING}
    unsure = accuracies - sure
    if given:
        return sure | unsure if given == PERCENT else sure
    shares = {name for name in unsure if _is_share(curves, name)}
    if not sure and not shares:
        unclear = {name for name in unsure if _is_doubtful(curves, name)}
    else:
        unclear = shares if sure else set()
    for name in sorted(unclear):
        raise TableError(
            f"{name} (up to {curves[name].values.max():g}) may be in percent or from 0 to 1;"
            f" say which: --accuracy {PERCENT} or --accuracy {SHARE}"
        )
    return accuracies if sure else sure


def _is_share(curves: Mapping[str, Curve], name: str) -> bool:
    """Whether an accuracy of 1 cannot mean 1%, by the loss at that time."""
    return bool(np.any(_loss_beside(curves, name) < _OVER_ONE_PERCENT))


def _is_doubtful(curves: Mapping[str, Curve], name: str) -> bool:
    """Whether an accuracy is too good for the loss at that time."""
    first = curves["train_loss"].first
    if first is None:
        return False
    share, loss = curves[name].values, _loss_beside(curves, name)
    if name == "train_acc":
        high = (loss > _LOW) & (loss > _HARDLY_FALLEN * first)
    else:
        high = loss > first * (share + _COSTLY * (1 - share))
    least = max(_SHARE, _FAIR * 100 * np.exp(-first))
    return bool(np.any((share >= least) & high))


def _loss_beside(curves: Mapping[str, Curve], name: str) -> np.ndarray:
    """The loss of the same pairs at the steps of an accuracy, NaN if there is none."""
    loss, steps = curves[name.replace("acc", "loss")], curves[name].steps
    if not len(loss):
        return np.full(len(steps), np.nan)
    return np.interp(steps, loss.steps, loss.values)

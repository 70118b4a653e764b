"""AdamW whose every hyperparameter is data on the device, so that an edit needs no compile.

The jitted step reads one row of numbers per step. Warm-up, bias corrections and the kind of
decay are worked out here on the host, in float64, and travel in that row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from tinygrad import Tensor
from tinygrad.uop.ops import KernelInfo, UOp

from grok_tui.config.schema import Config
from grok_tui.protocol.events import FloatArray


class Column(IntEnum):
    """What each number of a row is."""

    LR = 0  # learning rate, warm-up included
    SHRINK = 1  # decoupled decay: share of each weight taken away
    L2 = 2  # coupled decay: share of each weight added to its gradient
    NEW1 = 3  # 1 - beta1
    NEW2 = 4  # 1 - beta2
    CORRECT1 = 5  # m_hat / m
    CORRECT2 = 6  # v_hat / v
    EPS = 7
    NEW_MEAN = 8  # grokfast: 1 - alpha
    LAMBDA = 9  # grokfast: share of the mean gradient added
    NORM = 10  # sphere: norm of all weights together; 0 leaves it as it is
    NEW_MOMENTUM = 11  # Muon: 1 - momentum


# Muon's, as published; the rows have it so that idle ones can leave it out.
MOMENTUM = 0.95


class BetaProducts(NamedTuple):
    """Product of all beta1, and of all beta2, used so far.

    1 - product is the total weight of the gradients inside a moment, whatever edits the
    betas have seen; with constant betas it is the usual 1 - beta^t.
    """

    beta1: float = 1.0
    beta2: float = 1.0


def learning_rate(config: Config, step: int) -> float:
    """The learning rate of step `step` (the first is 1): linear warm-up, then `lr`."""
    return (
        config.lr * min(1.0, step / config.warmup_steps) if config.warmup_steps else config.lr
    )


def hyperparameter_rows(
    config: Config, first_step: int, count: int, before: BetaProducts, norm: float = 0.0
) -> tuple[FloatArray, list[BetaProducts]]:
    """The rows of `count` steps from `first_step` on.

    before: the products after the step before. norm: that of the weights at step 0, which
    `sphere` keeps. Returns (count, len(Column)) and the
    products after each step. Step by step, so that a run cut anywhere goes on in the same
    numbers.
    """
    rows = np.empty((count, len(Column)), dtype=np.float64)
    products = []
    coupled = config.decay == "coupled"
    for i in range(count):
        lr = learning_rate(config, first_step + i)
        before = BetaProducts(before.beta1 * config.beta1, before.beta2 * config.beta2)
        products.append(before)
        rows[i, Column.LR] = lr
        rows[i, Column.SHRINK] = 0.0 if coupled else lr * config.weight_decay
        rows[i, Column.L2] = config.weight_decay if coupled else 0.0
        rows[i, Column.NEW1] = 1 - config.beta1
        rows[i, Column.NEW2] = 1 - config.beta2
        rows[i, Column.CORRECT1] = 1 / (1 - before.beta1)
        rows[i, Column.CORRECT2] = 1 / (1 - before.beta2)
        rows[i, Column.EPS] = config.eps
        rows[i, Column.NEW_MEAN] = 1 - config.grokfast_alpha
        rows[i, Column.LAMBDA] = config.grokfast_lambda
        rows[i, Column.NORM] = norm
        rows[i, Column.NEW_MOMENTUM] = 1 - MOMENTUM
    return rows.astype(np.float32), products


def idle_rows(count: int) -> FloatArray:
    """Rows whose step changes neither weights nor what an optimiser keeps, bit for bit."""
    rows = np.zeros((count, len(Column)), dtype=np.float32)
    rows[:, Column.CORRECT1] = rows[:, Column.CORRECT2] = rows[:, Column.EPS] = 1
    return rows


def of_row(row: Tensor, column: Column) -> Tensor:
    """A number of a row, (..., len(Column)), to multiply matrices by: (..., 1, 1)."""
    return row[..., column].unsqueeze(-1).unsqueeze(-1)


class AdamW:
    """AdamW with decoupled or coupled decay (Loshchilov & Hutter 2019; Kingma & Ba 2015).

    weights, first_moment, second_moment: one tensor per name, equal shapes, which may have a
    leading axis of replicas.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        first_moment: Mapping[str, Tensor],
        second_moment: Mapping[str, Tensor],
    ) -> None:
        self.weights = weights
        self.first_moment = first_moment
        self.second_moment = second_moment

    def update(self, gradients: Iterable[Tensor], row: Tensor) -> list[Tensor]:
        """Assign one update; gradients in the order of the weights, row: (..., len(Column)).

        Returns what must be realised for the update to happen.
        """
        changed = []
        for (name, w), gradient in zip(self.weights.items(), gradients, strict=True):
            m, v = self.first_moment[name], self.second_moment[name]
            updated = UOp.custom_kernel(
                w.uop, m.uop, v.uop, gradient.contiguous().uop, row.uop, fxn=_adamw
            )
            changed += [Tensor(u) for u in updated[:3]]
        return changed


def _adamw(w: UOp, m: UOp, v: UOp, gradient: UOp, row: UOp) -> UOp:
    """The kernel of one update, element by element: new weight and both new moments."""
    replicas = int(row.numel()) // len(Column)
    each, i = UOp.range(replicas, 0), UOp.range(int(w.numel()) // replicas, 1)
    w, m, v, gradient = (x.reshape(replicas, -1)[each, i] for x in (w, m, v, gradient))
    row = row.reshape(replicas, -1)[each]
    g = gradient + row[Column.L2] * w
    new_m = m + row[Column.NEW1] * (g - m)
    new_v = v + row[Column.NEW2] * (g * g - v)
    m_hat, v_hat = new_m * row[Column.CORRECT1], new_v * row[Column.CORRECT2]
    move = row[Column.LR] * m_hat / (v_hat.sqrt() + row[Column.EPS])
    new_w = w - move - row[Column.SHRINK] * w
    stores = (w.store(new_w), m.store(new_m), v.store(new_v))
    return UOp.group(*stores).end(each, i).sink(arg=KernelInfo(name="adamw"))

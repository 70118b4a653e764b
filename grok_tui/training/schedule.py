"""The hyperparameters of coming steps, as data on the device, and the losses of past ones.

The jitted step reads one row of numbers per step, so that an edit compiles nothing. Warm-up,
bias corrections and the kind of decay are computed here on the host, in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from tinygrad import Tensor

from grok_tui.config.schema import Config
from grok_tui.device.transfer import read, write
from grok_tui.protocol.results import FloatArray

# Steps whose hyperparameters and losses are on the device at once.
SCHEDULE_LENGTH = 256


class Column(IntEnum):
    """The meaning of each number in a row."""

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
    NORM = 10  # sphere: joint norm of all weights; 0 leaves it as it is
    NEW_MOMENTUM = 11  # Muon: 1 - momentum


# Muon's momentum, as published. It is in the rows so that an idle row can have none.
MOMENTUM = 0.95


class BetaProducts(NamedTuple):
    """The products of all beta1, and of all beta2, used so far.

    1 - product is the total weight of the gradients in a moment, even if the betas were
    edited; with constant betas it is the usual 1 - beta^t.
    """

    beta1: float = 1.0
    beta2: float = 1.0


def learning_rate(config: Config, step: int) -> float:
    """The learning rate of `step` (the first is 1): linear warm-up, then `lr`."""
    return (
        config.lr * min(1.0, step / config.warmup_steps) if config.warmup_steps else config.lr
    )


def hyperparameter_rows(
    config: Config, first_step: int, count: int, before: BetaProducts, norm: float = 0.0
) -> tuple[FloatArray, list[BetaProducts]]:
    """The rows of `count` steps from `first_step` on, and the beta products after each step.

    before: the products before `first_step`. norm: the joint norm at step 0, which `sphere`
    keeps. The rows are (count, len(Column)), computed step by step, so that a run cut off
    anywhere continues with the same numbers.
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
    """Rows, (count, len(Column)), whose steps change no bit of the weights or moments."""
    rows = np.zeros((count, len(Column)), dtype=np.float32)
    rows[:, Column.CORRECT1] = rows[:, Column.CORRECT2] = rows[:, Column.EPS] = 1
    return rows


def of_row(row: Tensor, column: Column) -> Tensor:
    """One number of a row, (..., len(Column)), shaped (..., 1, 1) to multiply matrices by."""
    return row[..., column].unsqueeze(-1).unsqueeze(-1)


class Schedule:
    """Rows for the next steps of each replica, and slots for the losses of these steps.

    rows: (SCHEDULE_LENGTH, replicas, len(Column)); losses: (SCHEDULE_LENGTH, replicas). The
    rows are rewritten when they are used up or an edit changes them.
    """

    def __init__(
        self, step: int, products: Sequence[BetaProducts], norms: Sequence[float]
    ) -> None:
        """Start after `step`; products: of the betas so far, norms: at step 0, per replica."""
        self.products = list(products)
        self._norms = norms
        self._written: tuple[list[Config], frozenset[int]] | None = None
        self._start = step
        self._products_after: list[list[BetaProducts]] = []
        self.rows = _buffer(self._idle())
        self.losses = _buffer(np.zeros((SCHEDULE_LENGTH, len(norms)), dtype=np.float32))

    def idle(self) -> None:
        """Make the next step change nothing."""
        self._write(self._idle())
        self._written = None

    def prepare(
        self, configs: Sequence[Config], step: int, count: int, idle: frozenset[int]
    ) -> int:
        """Write the rows of the `count` steps after `step`; returns the index of the first.

        configs: one per replica. idle: the replicas that these steps do not change.
        """
        slot, wanted = step - self._start, (list(configs), idle)
        if wanted != self._written or slot + count > SCHEDULE_LENGTH:
            slot, self._start = 0, step
            rows, self._products_after = self._idle(), []
            for i, config in enumerate(configs):
                before, norm = self.products[i], self._norms[i]
                after = [before] * SCHEDULE_LENGTH
                if i not in idle:
                    rows[:, i], after = hyperparameter_rows(
                        config, step + 1, SCHEDULE_LENGTH, before, norm
                    )
                self._products_after.append(after)
            self._write(rows)
            self._written = wanted
        return slot

    def read(self, slot: int, count: int) -> FloatArray:
        """The losses, (replicas, count), of `count` completed steps from row `slot` on."""
        self.products = [after[slot + count - 1] for after in self._products_after]
        (losses,) = read(self.losses)
        return losses[slot : slot + count].T.copy()

    def _idle(self) -> FloatArray:
        return np.repeat(idle_rows(SCHEDULE_LENGTH)[:, None], len(self._norms), axis=1)

    def _write(self, rows: FloatArray) -> None:
        write(self.rows, rows)


def _buffer(array: FloatArray) -> Tensor:
    return Tensor(array).clone().realize()

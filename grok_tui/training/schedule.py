"""The hyperparameters of the steps to come, and the losses of those done, on the device."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tinygrad import Tensor

from grok_tui.config.schema import Config
from grok_tui.protocol.events import FloatArray
from grok_tui.training.optimizers import BetaProducts, hyperparameter_rows, idle_rows

# Steps whose hyperparameters lie on the device at once, and whose losses fit there.
TAPE_LENGTH = 256


class Tape:
    """A row for each of the next steps and each replica; each step leaves its losses beside.

    rows: (TAPE_LENGTH, replicas, len(Column)); losses: (TAPE_LENGTH, replicas). The rows are
    written anew when they are used up, or when an edit changes them.
    """

    def __init__(
        self, step: int, products: Sequence[BetaProducts], norms: Sequence[float]
    ) -> None:
        """For the steps after `step`. products: of the betas so far; norms: at step 0."""
        self.products = list(products)
        self._norms = norms
        self._written: tuple[list[Config], frozenset[int]] | None = None
        self._start = step
        self._products_after: list[list[BetaProducts]] = []
        self.rows = _buffer(self._idle())
        self.losses = _buffer(np.zeros((TAPE_LENGTH, len(norms)), dtype=np.float32))

    def rest(self) -> None:
        """Let the next step change nothing."""
        self._write(self._idle())
        self._written = None

    def cue(
        self, configs: Sequence[Config], step: int, count: int, idle: frozenset[int]
    ) -> int:
        """The index of the row for the step after `step`; `count` steps find theirs from it on.

        idle: replicas that these steps do not change.
        """
        slot, wanted = step - self._start, (list(configs), idle)
        if wanted != self._written or slot + count > TAPE_LENGTH:
            slot, self._start = 0, step
            rows, self._products_after = self._idle(), []
            for i, config in enumerate(configs):
                before, norm = self.products[i], self._norms[i]
                after = [before] * TAPE_LENGTH
                if i not in idle:
                    rows[:, i], after = hyperparameter_rows(
                        config, step + 1, TAPE_LENGTH, before, norm
                    )
                self._products_after.append(after)
            self._write(rows)
            self._written = wanted
        return slot

    def read(self, slot: int, count: int) -> FloatArray:
        """The losses of `count` steps from a row on, (replicas, count), which are now done."""
        self.products = [after[slot + count - 1] for after in self._products_after]
        losses: FloatArray = self.losses.numpy()[slot : slot + count].T.copy()
        return losses

    def _idle(self) -> FloatArray:
        return np.repeat(idle_rows(TAPE_LENGTH)[:, None], len(self._norms), axis=1)

    def _write(self, rows: FloatArray) -> None:
        self.rows.assign(Tensor(rows)).realize()


def _buffer(array: FloatArray) -> Tensor:
    return Tensor(array).clone().realize()

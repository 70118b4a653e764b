"""The network on the device, with its jitted training step and its jitted evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tinygrad import Tensor, TinyJit, UOp, Variable, dtypes

from grok_tui.config import Config
from grok_tui.core.events import FloatArray, Pairs
from grok_tui.core.loss import mean, pair_losses
from grok_tui.core.matmul import prepare
from grok_tui.core.model import (
    all_pairs,
    chosen_pairs,
    indices,
    initial_weights,
    logits,
)
from grok_tui.core.optim import AdamW, BetaProducts, hyperparameter_rows, idle_rows
from grok_tui.core.shapes import weight_shapes
from grok_tui.core.snapshot import Snapshot
from grok_tui.core.tasks import Task
from grok_tui.errors import UserError

# Steps whose hyperparameters lie on the device at once, and whose losses fit there.
TAPE_LENGTH = 256
# How many stages `Network.compile` yields.
COMPILE_STAGES = 2


class SnapshotError(UserError):
    """A snapshot does not fit the config it says it belongs to."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All pairs evaluated, in the task's order.

    pair_loss: (n_pairs,) in nats; answers: (n_pairs,), the most likely residue.
    weight_norm: square root of the sum of all squared weights.
    """

    pair_loss: FloatArray
    answers: NDArray[np.int16]
    weight_norm: float

    def pairs(self) -> Pairs:
        """What a screen shows of it, in half the bytes."""
        largest = float(np.finfo(np.float16).max)
        return Pairs(self.answers, np.minimum(self.pair_loss, largest).astype(np.float16))


class Network:
    """Weights and moments on the device, after `step` updates.

    Hyperparameters reach the jitted step through a tape: row i holds those of the i-th step
    from `_tape_start`. It is rewritten when it is used up or when an edit changes them.
    Each step leaves its loss in a buffer at the same index.
    """

    def __init__(self, config: Config, task: Task, snapshot: Snapshot | None = None) -> None:
        """Weights as drawn from the config's seed, or as they were in `snapshot`."""
        shapes = weight_shapes(config)
        weights = snapshot.weights if snapshot else initial_weights(config)
        zeros = {name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()}
        self.weights = _on_device(weights, shapes)
        self._adamw = AdamW(
            self.weights,
            _on_device(snapshot.first_moment if snapshot else zeros, shapes),
            _on_device(snapshot.second_moment if snapshot else zeros, shapes),
        )
        self.step = snapshot.step if snapshot else 0
        self.beta_products = (
            BetaProducts(*snapshot.beta_products) if snapshot else BetaProducts()
        )
        self._tape = _buffer(idle_rows(TAPE_LENGTH))
        self._tape_config: Config | None = None
        self._tape_start = self.step
        self._tape_products: list[BetaProducts] = []
        self._losses = _buffer(np.zeros(TAPE_LENGTH, dtype=np.float32))
        self._slot = Variable("slot", 0, TAPE_LENGTH - 1)
        prepare(str(self._tape.device))
        self._train_step = _recorded(
            _train_step(config, task, self._adamw, self._tape, self._losses)
        )
        self._evaluation = _recorded(_evaluation(config, task, self.weights))

    def compile(self) -> Iterator[str]:
        """Compile both steps, yielding what comes next; changes no weight and no moment."""
        yield "compiling the training step"
        self._train_step(self._slot.bind(0))
        yield "compiling the evaluation"
        self._evaluation()

    def train(self, config: Config, count: int) -> FloatArray:
        """Do `count` steps (at most TAPE_LENGTH) and return their losses, (count,).

        Each loss is the mean over the train pairs, in nats, before its step's update.
        """
        slot = self._cue(config, count)
        for i in range(slot, slot + count):
            self._train_step(self._slot.bind(i))
        self.step += count
        self.beta_products = self._tape_products[slot + count - 1]
        losses: FloatArray = self._losses.numpy()[slot : slot + count]
        return losses

    def _cue(self, config: Config, count: int) -> int:
        """The tape's index for the next step, after writing the tape anew if it must be."""
        slot = self.step - self._tape_start
        if config != self._tape_config or slot + count > TAPE_LENGTH:
            slot = 0
            rows, self._tape_products = hyperparameter_rows(
                config, self.step + 1, TAPE_LENGTH, self.beta_products
            )
            self._tape.assign(Tensor(rows)).realize()
            self._tape_config, self._tape_start = config, self.step
        return slot

    def evaluate(self) -> Evaluation:
        """Evaluate the current weights on every pair."""
        pair_loss, answers, squares = self._evaluation()
        total = float(squares.numpy().astype(np.float64).sum())
        return Evaluation(pair_loss.numpy(), answers.numpy(), total**0.5)

    def moments(self) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
        """First and second moment of every weight."""
        return _to_host(self._adamw.first_moment), _to_host(self._adamw.second_moment)

    def host_weights(self) -> dict[str, FloatArray]:
        """Every weight, copied to the host."""
        return _to_host(self.weights)


def _recorded(function: Callable[..., Any]) -> Any:
    """A TinyJit that records in its first call.

    By itself it would run the function once before, for the sake of constants made there;
    here all are made before, and the work on the graph is not done twice.
    """
    jit: Any = TinyJit(function)
    jit.cnt = 1
    return jit


def _train_step(
    config: Config, task: Task, adamw: AdamW, tape: Tensor, losses: Tensor
) -> Callable[[UOp], None]:
    """One full-batch update that reads row `slot` of the tape and writes that loss."""
    train = np.flatnonzero(task.train_mask)
    batch = chosen_pairs(task.a[train], task.b[train], config.modulus)
    answer = indices(task.answer[train])

    def train_step(slot: UOp) -> None:
        output = logits(adamw.weights, batch, config.n_heads, config.n_layers)
        loss = mean(pair_losses(output, answer, config.loss))
        gradients = loss.gradient(*adamw.weights.values())
        losses[slot : slot + 1].assign(loss.reshape(1))
        row = tape[slot].contiguous()
        # First all gradients: what follows may then write weights that they were made of.
        Tensor.realize(losses, row, *gradients)
        Tensor.realize(*adamw.update(gradients, row))

    return train_step


def _evaluation(
    config: Config, task: Task, weights: Mapping[str, Tensor]
) -> Callable[[], tuple[Tensor, Tensor, Tensor]]:
    """Loss and answer of every pair, and the sum of squares of every weight."""
    batch = all_pairs(config.modulus, task.first_b)
    answer = indices(task.answer)

    def evaluation() -> tuple[Tensor, Tensor, Tensor]:
        output = logits(weights, batch, config.n_heads, config.n_layers)
        squares = Tensor.stack(*(w.square().sum() for w in weights.values()))
        pair_loss = pair_losses(output, answer, config.loss)
        answers = output.argmax(-1).cast(dtypes.int16)
        Tensor.realize(pair_loss, answers, squares)
        return pair_loss, answers, squares

    return evaluation


def _buffer(array: FloatArray) -> Tensor:
    """The array in a buffer of its own on the device, never aliasing the host's."""
    return Tensor(array.copy()).clone().realize()


def _on_device(
    arrays: Mapping[str, FloatArray], shapes: Mapping[str, tuple[int, int]]
) -> dict[str, Tensor]:
    found = {name: array.shape for name, array in arrays.items()}
    if found != dict(shapes):
        raise SnapshotError(f"the snapshot's weights {found} are not those of its config")
    return {name: _buffer(arrays[name]) for name in shapes}


def _to_host(tensors: Mapping[str, Tensor]) -> dict[str, FloatArray]:
    return {name: tensor.numpy().copy() for name, tensor in tensors.items()}

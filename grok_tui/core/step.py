"""The network on the device, with its jitted training step and its jitted evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tinygrad import Tensor, TinyJit, UOp, Variable, dtypes

from grok_tui.config import Config
from grok_tui.core.events import FloatArray, Pairs
from grok_tui.core.filters import grokfast, orthograd, sphere
from grok_tui.core.health import Move, norm
from grok_tui.core.loss import mean, pair_losses
from grok_tui.core.matmul import prepare
from grok_tui.core.model import (
    all_pairs,
    chosen_pairs,
    indices,
    initial_weights,
    logits,
)
from grok_tui.core.muon import Muon
from grok_tui.core.optim import AdamW, BetaProducts, Column, hyperparameter_rows, idle_rows
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
    largest_logit: over all pairs and answers.
    """

    pair_loss: FloatArray
    answers: NDArray[np.int16]
    weight_norm: float
    largest_logit: float

    def pairs(self) -> Pairs:
        """What a screen shows of it, in half the bytes."""
        largest = float(np.finfo(np.float16).max)
        return Pairs(self.answers, np.minimum(self.pair_loss, largest).astype(np.float16))


class Network:
    """Weights and the optimiser's state on the device, after `step` updates.

    Hyperparameters reach the jitted step through a tape: row i holds those of the i-th step
    from `_tape_start`. It is rewritten when it is used up or when an edit changes them.
    Each step leaves its loss in a buffer at the same index. What no row can say, which filter
    or constraint is in use, makes another jitted step, compiled when it is first needed.
    """

    def __init__(self, config: Config, task: Task, snapshot: Snapshot | None = None) -> None:
        """Weights as drawn from the config's seed, or as they were in `snapshot`."""
        shapes = weight_shapes(config)
        weights = snapshot.weights if snapshot else initial_weights(config)
        self.weights = _on_device(weights, shapes)
        optimizer = Muon if config.optimizer == "muon" else AdamW
        self._optimizer = optimizer(
            self.weights,
            _on_device(snapshot.first_moment if snapshot else _zeros(shapes), shapes),
            _on_device(snapshot.second_moment if snapshot else _zeros(shapes), shapes),
        )
        self.step = snapshot.step if snapshot else 0
        self.initial_norm = _initial_norm(config, snapshot)
        self.beta_products = (
            BetaProducts(*snapshot.beta_products) if snapshot else BetaProducts()
        )
        self._tape = _buffer(idle_rows(TAPE_LENGTH))
        self._tape_config: Config | None = None
        self._tape_start = self.step
        self._tape_products: list[BetaProducts] = []
        self._losses = _buffer(np.zeros(TAPE_LENGTH, dtype=np.float32))
        self.move = Move(0.0, 0.0)
        self._slot = Variable("slot", 0, TAPE_LENGTH - 1)
        prepare(str(self._tape.device))
        self._config = config
        self._mean_loss = _mean_loss(config, task, self.weights)
        self._gradient_mean: dict[str, Tensor] = {}
        self._train_steps: dict[tuple[str, str], Any] = {}
        self.follow(config, snapshot.gradient_mean if snapshot else {})
        self._evaluation = _recorded(_evaluation(config, task, self.weights))

    def compile(self) -> Iterator[str]:
        """Compile both steps, yielding what comes next; changes no weight and no state."""
        yield "compiling the training step"
        self.make_ready(self._config)
        yield "compiling the evaluation"
        self._evaluation()

    def follow(self, config: Config, mean: Mapping[str, FloatArray] | None = None) -> bool:
        """Keep a mean gradient, starting from `mean` or 0, just while the config needs one.

        Tells whether one was started or forgotten.
        """
        needed = config.grad_filter == "grokfast"
        if needed == bool(self._gradient_mean):
            return False
        shapes = weight_shapes(config)
        self._gradient_mean = _on_device(mean or _zeros(shapes), shapes) if needed else {}
        for variant in [v for v in self._train_steps if v[0] == "grokfast"]:
            del self._train_steps[variant]  # it would write the mean that is gone
        return True

    def make_ready(self, config: Config) -> None:
        """Compile the training step that a config needs, if it is not; changes nothing else."""
        if (variant := _variant(config)) in self._train_steps:
            return
        self._tape.assign(Tensor(idle_rows(TAPE_LENGTH))).realize()
        self._tape_config = None
        step = _recorded(self._train_step(config))
        step(self._slot.bind(0))
        self._train_steps[variant] = step

    def train(self, config: Config, count: int) -> FloatArray:
        """Do `count` steps (at most TAPE_LENGTH) and return their losses, (count,).

        Each loss is the mean over the train pairs, in nats, before its step's update.
        """
        self.make_ready(config)
        slot, step = self._cue(config, count), self._train_steps[_variant(config)]
        last = slot + count - 1
        for i in range(slot, last):
            step(self._slot.bind(i))
        before = self.host_weights()
        gradients = step(self._slot.bind(last))
        self.step += count
        self.beta_products = self._tape_products[last]
        self.move = Move.of((g.numpy() for g in gradients), before, self.host_weights())
        losses: FloatArray = self._losses.numpy()[slot : slot + count]
        return losses

    def _cue(self, config: Config, count: int) -> int:
        """The tape's index for the next step, after writing the tape anew if it must be."""
        slot = self.step - self._tape_start
        if config != self._tape_config or slot + count > TAPE_LENGTH:
            slot = 0
            rows, self._tape_products = hyperparameter_rows(
                config, self.step + 1, TAPE_LENGTH, self.beta_products, self.initial_norm
            )
            self._tape.assign(Tensor(rows)).realize()
            self._tape_config, self._tape_start = config, self.step
        return slot

    def evaluate(self) -> Evaluation:
        """Evaluate the current weights on every pair."""
        pair_loss, answers, largest, squares = self._evaluation()
        total = float(squares.numpy().astype(np.float64).sum())
        largest_logit = float(largest.numpy().max())
        return Evaluation(pair_loss.numpy(), answers.numpy(), total**0.5, largest_logit)

    def moments(self) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
        """First and second moment of every weight."""
        optimizer = self._optimizer
        return _to_host(optimizer.first_moment), _to_host(optimizer.second_moment)

    def gradient_mean(self) -> dict[str, FloatArray]:
        """Grokfast's mean gradient of every weight, empty while it is not in use."""
        return _to_host(self._gradient_mean)

    def host_weights(self) -> dict[str, FloatArray]:
        """Every weight, copied to the host."""
        return _to_host(self.weights)

    def _train_step(self, config: Config) -> Callable[[UOp], list[Tensor]]:
        """One full-batch update that reads row `slot` of the tape and writes that loss.

        It returns the gradients of the loss, in the order of the weights.
        """

        def train_step(slot: UOp) -> list[Tensor]:
            loss = self._mean_loss()
            gradients: list[Tensor] = loss.gradient(*self.weights.values())
            self._losses[slot : slot + 1].assign(loss.reshape(1))
            row = self._tape[slot].contiguous()
            # First all gradients: what follows may then write weights that they were made of.
            Tensor.realize(self._losses, row, *gradients)
            filtered = self._filtered(config, gradients, row)
            Tensor.realize(*filtered)  # for the same reason
            Tensor.realize(*self._optimizer.update(filtered, row))
            if config.norm_constraint == "sphere":
                Tensor.realize(*sphere(self.weights.values(), row[Column.NORM]))
            return gradients

        return train_step

    def _filtered(
        self, config: Config, gradients: Sequence[Tensor], row: Tensor
    ) -> Sequence[Tensor]:
        match config.grad_filter:
            case "grokfast":
                return grokfast(self._gradient_mean.values(), gradients, row)
            case "orthograd":
                return orthograd(self.weights.values(), gradients)
            case "none":
                return gradients


def _variant(config: Config) -> tuple[str, str]:
    """What tells one jitted training step from another."""
    return config.grad_filter, config.norm_constraint


def _initial_norm(config: Config, snapshot: Snapshot | None) -> float:
    """The norm of all weights together at step 0; an older snapshot does not have it."""
    if snapshot and snapshot.initial_norm is not None:
        return snapshot.initial_norm
    return norm(initial_weights(config).values())


def _recorded(function: Callable[..., Any]) -> Any:
    """A TinyJit that records in its first call.

    By itself it would run the function once before, for the sake of constants made there;
    here all are made before, and the work on the graph is not done twice.
    """
    jit: Any = TinyJit(function)
    jit.cnt = 1
    return jit


def _mean_loss(
    config: Config, task: Task, weights: Mapping[str, Tensor]
) -> Callable[[], Tensor]:
    """The mean loss over the train pairs."""
    train = np.flatnonzero(task.train_mask)
    batch = chosen_pairs(task.a[train], task.b[train], config.modulus)
    answer = indices(task.answer[train])

    def mean_loss() -> Tensor:
        output = logits(weights, batch, config.n_heads, config.n_layers)
        return mean(pair_losses(output, answer, config.loss))

    return mean_loss


def _evaluation(
    config: Config, task: Task, weights: Mapping[str, Tensor]
) -> Callable[[], tuple[Tensor, ...]]:
    """Loss, answer and largest logit of every pair, the sum of squares of every weight."""
    batch = all_pairs(config.modulus, task.first_b)
    answer = indices(task.answer)

    def evaluation() -> tuple[Tensor, ...]:
        output = logits(weights, batch, config.n_heads, config.n_layers)
        squares = Tensor.stack(*(w.square().sum() for w in weights.values()))
        pair_loss = pair_losses(output, answer, config.loss)
        answers = output.argmax(-1).cast(dtypes.int16)
        largest = output.max(-1)
        Tensor.realize(pair_loss, answers, largest, squares)
        return pair_loss, answers, largest, squares

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


def _zeros(shapes: Mapping[str, tuple[int, int]]) -> dict[str, FloatArray]:
    return {name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()}


def _to_host(tensors: Mapping[str, Tensor]) -> dict[str, FloatArray]:
    return {name: tensor.numpy().copy() for name, tensor in tensors.items()}

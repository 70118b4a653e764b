"""Networks on the device, with their jitted training steps and evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tinygrad import Tensor, UOp, Variable

from grok_tui.analysis.health import UpdateSize, norm
from grok_tui.config.schema import Config
from grok_tui.device.jit import Recorded
from grok_tui.device.matmul import prepare
from grok_tui.device.transfer import HostCopies, read
from grok_tui.models.base import Model, Shape
from grok_tui.models.registry import model_of
from grok_tui.protocol.results import FloatArray
from grok_tui.protocol.snapshot import Arrays, Snapshot, array_kinds
from grok_tui.tasks.registry import make_task
from grok_tui.tasks.task import Task
from grok_tui.text import UserError
from grok_tui.training.gradient_filters import FILTERS, sphere
from grok_tui.training.objective import Evaluation, evaluation, mean_losses
from grok_tui.training.optimizers import OPTIMIZERS
from grok_tui.training.schedule import SCHEDULE_LENGTH, BetaProducts, Schedule

# How many stages `Network.compile` yields.
COMPILE_STAGES = 2


class SnapshotError(UserError):
    """A snapshot does not match its own config."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a replica starts from: a snapshot, or weights drawn from the config's seed."""

    config: Config
    task: Task
    model: Model
    snapshot: Snapshot | None = None

    @classmethod
    def of(cls, config: Config, snapshot: Snapshot | None = None) -> Start:
        """The start of a config or a snapshot, with its task and model.

        A snapshot's split is used as it is: another NumPy may draw another from the same seed.
        """
        task = make_task(config, snapshot.train_mask if snapshot else None)
        return cls(config, task, model_of(config, task), snapshot)

    def weights(self) -> Arrays:
        return self.snapshot.weights if self.snapshot else self.model.initial_weights()

    def kept(self, kind: str) -> Arrays:
        """Arrays that an optimizer or filter keeps; kind: as in a snapshot. Zeros at first."""
        kept: Arrays = getattr(self.snapshot, kind) if self.snapshot else {}
        return kept or _zeros(self.model.shapes)

    def initial_norm(self) -> float:
        """The joint norm of all weights at step 0, which older snapshots do not have."""
        if self.snapshot and self.snapshot.initial_norm is not None:
            return self.snapshot.initial_norm
        return norm(self.model.initial_weights().values())

    def products(self) -> BetaProducts:
        return BetaProducts(*self.snapshot.beta_products) if self.snapshot else BetaProducts()


class Network:
    """Replicas of a model on the device, with the optimizer's state, after `step` updates.

    All replicas train in one jitted step; every tensor has a leading axis of replicas. Their
    configs may differ in their seeds and in the numbers of the schedule. Each combination of
    filter and constraint, which the schedule cannot express, has its own jitted step,
    compiled when first needed.

    weights: name -> (replicas, rows, columns). initial_norms: joint norms at step 0.
    updates: size of the last observed update of each replica.
    idle: the replicas that `train` does not change.
    """

    def __init__(self, starts: Sequence[Start]) -> None:
        """starts: one per replica, all at the same step and with the same shapes."""
        config, snapshot, model = starts[0].config, starts[0].snapshot, starts[0].model
        self._shapes = model.shapes
        self.weights = self._on_device([start.weights() for start in starts])
        first, second = (
            self._on_device([start.kept(kind) for start in starts])
            for kind in ("first_moment", "second_moment")
        )
        make_optimizer = OPTIMIZERS[config.optimizer]
        self._optimizer = make_optimizer(self.weights, first, second, model.hidden)
        self.step = snapshot.step if snapshot else 0
        self.initial_norms = [start.initial_norm() for start in starts]
        self.idle: frozenset[int] = frozenset()
        self.updates = [UpdateSize(0.0, 0.0) for _ in starts]
        products = [start.products() for start in starts]
        self._schedule = Schedule(self.step, products, self.initial_norms)
        prepare(str(self._schedule.rows.device))
        self._config = config
        tasks = [start.task for start in starts]
        self._mean_losses = mean_losses(model, tasks, self.weights, config.loss)
        self._gradient_mean: dict[str, Tensor] = {}
        self._train_steps: dict[tuple[str, str], Recorded] = {}
        self.follow(config, [start.kept("gradient_mean") for start in starts])
        self._evaluation = Recorded(evaluation(model, tasks, self.weights, config.loss))
        self._copier = HostCopies(self._shapes)
        self._copies: dict[str, list[dict[str, FloatArray]]] = {}
        self._evaluations: list[Evaluation] = []

    @property
    def replicas(self) -> int:
        return len(self.updates)

    @property
    def beta_products(self) -> list[BetaProducts]:
        """The products of the betas so far, for each replica."""
        return self._schedule.products

    def compile(self) -> Iterator[str]:
        """Compile what a run needs; yields the next stage. Changes no weight and no state."""
        yield "compiling the training step"
        self.make_ready(self._config)
        yield "compiling the evaluation"
        self._evaluation()
        self._copier.of(self.weights.values())

    def follow(self, config: Config, means: Sequence[Arrays] | None = None) -> bool:
        """Start or drop the mean gradient, depending on whether the config needs one.

        means: what it starts from, for each replica; None for zeros.
        Returns whether it was started or dropped.
        """
        needed = _keeps_mean(config.grad_filter)
        if needed == bool(self._gradient_mean):
            return False
        kept = means or [_zeros(self._shapes)] * self.replicas
        self._gradient_mean = self._on_device(kept) if needed else {}
        for variant in [v for v in self._train_steps if _keeps_mean(v[0])]:
            del self._train_steps[variant]  # it would update the dropped mean
        self._copies = {}
        return True

    def make_ready(self, config: Config) -> None:
        """Compile the training step that a config needs, unless done; changes nothing else."""
        if (variant := _variant(config)) in self._train_steps:
            return
        self._schedule.idle()
        step = Recorded(self._train_step(config), Variable("slot", 0, SCHEDULE_LENGTH - 1))
        step(0)
        self._train_steps[variant] = step

    def train(self, configs: Sequence[Config], count: int, *, look: bool = False) -> FloatArray:
        """Train `count` steps, at most SCHEDULE_LENGTH; returns losses, (replicas, count).

        configs: one per replica. look: store in `updates` the size of the last step's update.
        Each loss is the mean over the train pairs, in nats, before its step's update.
        """
        self.make_ready(configs[0])
        slot = self._schedule.prepare(configs, self.step, count, self.idle)
        step, last = self._train_steps[_variant(configs[0])], slot + count - 1
        for i in range(slot, last):
            step(i)
        before = self._copier.of(self.weights.values()) if look else []
        gradients = step(last)
        self.step += count
        self._copies, self._evaluations = {}, []
        if look:
            after = self.copies("weights")
            parts = zip(self._copier.of(gradients), before, after, strict=True)
            self.updates = [UpdateSize.of(*part) for part in parts]
        return self._schedule.read(slot, count)

    def evaluate(self) -> list[Evaluation]:
        """Evaluate the weights of every replica on all pairs."""
        pair_loss, answers, largest, squares = read(*self._evaluation())
        norms = np.sqrt(squares.astype(np.float64).sum(-1))
        logits = largest.max(-1)
        return [
            Evaluation(
                pair_loss[i].copy(), answers[i].copy(), float(norms[i]), float(logits[i])
            )
            for i in range(self.replicas)
        ]

    def evaluation_of(self, replica: int) -> Evaluation:
        """The evaluation of one replica; the first call after a step evaluates all of them."""
        self._evaluations = self._evaluations or self.evaluate()
        return self._evaluations[replica]

    def copies(self, kind: str) -> list[dict[str, FloatArray]]:
        """For each replica, host copies of arrays by weight name; kind: as in a snapshot."""
        if kind not in self._copies:
            tensors: Mapping[str, Mapping[str, Tensor]] = {
                "weights": self.weights,
                "first_moment": self._optimizer.first_moment,
                "second_moment": self._optimizer.second_moment,
                "gradient_mean": self._gradient_mean,
            }
            kept = tensors[kind].values()
            self._copies[kind] = self._copier.of(kept) if kept else [{}] * self.replicas
        return self._copies[kind]

    def _train_step(self, config: Config) -> Callable[[UOp], list[Tensor]]:
        """A function of a slot of the schedule that makes one full-batch update.

        It reads that row, writes its losses, and returns the gradients in order of the weights.
        """
        rows, losses = self._schedule.rows, self._schedule.losses

        def train_step(slot: UOp) -> list[Tensor]:
            loss = self._mean_losses()  # (replicas,); each depends on its own weights alone
            lazy = loss.sum().gradient(*self.weights.values())
            gradients = [gradient.contiguous() for gradient in lazy]  # jits return no views
            losses[slot : slot + 1].assign(loss.reshape(1, -1))
            row = rows[slot].contiguous()
            # Realize all gradients before anything overwrites the weights that they depend on.
            Tensor.realize(losses, row, *gradients)
            filtered = FILTERS[config.grad_filter](
                list(self.weights.values()), list(self._gradient_mean.values()), gradients, row
            )
            Tensor.realize(*filtered)  # for the same reason
            Tensor.realize(*self._optimizer.update(filtered, row))
            if config.norm_constraint == "sphere":
                Tensor.realize(*sphere(self.weights.values(), row))
            return gradients

        return train_step

    def _on_device(self, arrays: Sequence[Arrays]) -> dict[str, Tensor]:
        """Copy arrays, one dictionary per replica, to new (replicas, rows, columns) buffers."""
        for replica in arrays:
            if (shapes := {name: x.shape for name, x in replica.items()}) != self._shapes:
                text = f"the snapshot's weights {shapes} are not those of its config"
                raise SnapshotError(text)
        stacked = {name: np.stack([x[name] for x in arrays]) for name in self._shapes}
        return {name: Tensor(array).clone().realize() for name, array in stacked.items()}


class Replica:
    """One replica of a network."""

    def __init__(self, network: Network, index: int = 0) -> None:
        self._network, self._index = network, index

    def move_to(self, network: Network, index: int) -> None:
        """Become the replica `index` of another network, which must be at the same step."""
        self._network, self._index = network, index

    @property
    def step(self) -> int:
        """Updates done so far."""
        return self._network.step

    @property
    def update_size(self) -> UpdateSize:
        """The size of the last observed update."""
        return self._network.updates[self._index]

    @property
    def initial_norm(self) -> float:
        """The joint norm of all weights at step 0."""
        return self._network.initial_norms[self._index]

    @property
    def beta_products(self) -> BetaProducts:
        return self._network.beta_products[self._index]

    def evaluate(self) -> Evaluation:
        """Evaluate the weights on all pairs."""
        return self._network.evaluation_of(self._index)

    def copy(self, kind: str) -> Arrays:
        """Host copies of arrays by weight name; kind: as in a snapshot."""
        return self._network.copies(kind)[self._index]


def _variant(config: Config) -> tuple[str, str]:
    """The fields that need their own jitted training step."""
    return config.grad_filter, config.norm_constraint


def _keeps_mean(grad_filter: str) -> bool:
    return "gradient_mean" in array_kinds(grad_filter)


def _zeros(shapes: Mapping[str, Shape]) -> Arrays:
    return {name: np.zeros(shape, dtype=np.float32) for name, shape in shapes.items()}

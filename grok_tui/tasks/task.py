"""The tasks: which pairs there are, what the answer to each is, which are trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grok_tui.config.schema import Config

IntArray = NDArray[np.int64]

_ANSWERS: dict[str, Callable[[IntArray, IntArray], IntArray]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "x2+y2": lambda a, b: a**2 + b**2,
    "x2+xy+y2": lambda a, b: a**2 + a * b + b**2,
    "x3+xy": lambda a, b: a**3 + a * b,
}


@dataclass(frozen=True, slots=True)
class Task:
    """Every pair of a task, in the order a = 0, 1, ... and within it b ascending.

    modulus: p; answers lie in 0..p-1.
    first_b: the smallest b, 1 for division and 0 otherwise.
    answer: (n_pairs,), the right answer of each pair.
    train_mask: (n_pairs,), True where the pair belongs to the train half.
    """

    modulus: int
    first_b: int
    answer: IntArray
    train_mask: NDArray[np.bool_]

    @property
    def a(self) -> IntArray:
        """(n_pairs,): the first operand of each pair."""
        return np.repeat(np.arange(self.modulus), self.modulus - self.first_b)

    @property
    def b(self) -> IntArray:
        """(n_pairs,): the second operand of each pair."""
        return np.tile(np.arange(self.first_b, self.modulus), self.modulus)


def make_task(config: Config) -> Task:
    """The pairs, answers and seeded split of a config.

    The split draws `config.n_train` pairs without replacement, from `data_seed` alone.
    """
    p = config.modulus
    first_b = 1 if config.operation == "divide" else 0
    a = np.repeat(np.arange(p), p - first_b)
    b = np.tile(np.arange(first_b, p), p)
    train_mask = np.zeros(config.n_pairs, dtype=np.bool_)
    order = np.random.default_rng(config.data_seed).permutation(config.n_pairs)
    train_mask[order[: config.n_train]] = True
    return Task(p, first_b, _answer(config, a, b), train_mask)


def _answer(config: Config, a: IntArray, b: IntArray) -> IntArray:
    p = config.modulus
    if config.operation == "random":
        # A stream of its own: the split must not depend on the operation.
        return np.random.default_rng([config.data_seed, 1]).integers(p, size=len(a))
    if config.operation == "divide":
        inverse: IntArray = np.array([pow(n, -1, p) if n else 0 for n in range(p)])
        return a * inverse[b] % p
    return _ANSWERS[config.operation](a, b) % p

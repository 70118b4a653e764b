"""A task: a table of pairs (a, b), the answer to each, and which of them are trained on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grok_tui.tasks.groups import Group, residues
from grok_tui.text import UserError

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation modulo p: one entry of the registry.

    text: how the operation is written, with `{a}` and `{b}`.
    answer(a, b, p, data_seed): the answers, (n,), to operands a and b, (n,) each.
    first_b: the smallest b; a begins at 0.
    group(p, first_b): the group that the operation computes in.
    learnable: whether there is a rule to learn.
    problem(p): why the operation is not defined modulo p; empty if it is.
    """

    name: str
    text: str
    answer: Callable[[IntArray, IntArray, int, int], IntArray]
    first_b: int = 0
    group: Callable[[int, int], Group] = residues
    learnable: bool = True
    problem: Callable[[int], str] = lambda p: ""  # noqa: ARG005

    def n_pairs(self, p: int) -> int:
        return p * (p - self.first_b)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """All pairs of an operation, ordered by a, then by b, with their answers and split.

    As a table, the pairs have a row for each a and a column for each b.

    modulus: p. answer: (n_pairs,), the right answer to each pair, 0..n_answers - 1.
    train_mask: (n_pairs,), True for train pairs.
    """

    operation: Operation
    modulus: int
    answer: IntArray
    train_mask: BoolArray

    @property
    def name(self) -> str:
        """`add modulo 113`"""
        return f"{self.operation.name} modulo {self.modulus}"

    @property
    def n_pairs(self) -> int:
        return len(self.answer)

    @property
    def n_train(self) -> int:
        return int(self.train_mask.sum())

    @property
    def n_tokens(self) -> int:
        """The number of values of a and b."""
        return self.modulus

    @property
    def n_answers(self) -> int:
        return self.modulus

    @property
    def rows(self) -> IntArray:
        """The values of a, one for each row of the table."""
        return np.arange(self.modulus)

    @property
    def columns(self) -> IntArray:
        """The values of b, one for each column of the table."""
        return np.arange(self.operation.first_b, self.modulus)

    @property
    def a(self) -> IntArray:
        """(n_pairs,): the first operand of each pair."""
        return np.repeat(self.rows, len(self.columns))

    @property
    def b(self) -> IntArray:
        """(n_pairs,): the second operand of each pair."""
        return np.tile(self.columns, len(self.rows))

    @property
    def group(self) -> Group:
        return self.operation.group(self.modulus, self.operation.first_b)

    def index(self, a: int, b: int) -> int:
        """The position of a pair in the order of the task. Raises UserError if it has none."""
        row, column = a, b - self.operation.first_b
        if not (0 <= row < len(self.rows) and 0 <= column < len(self.columns)):
            raise UserError(f"{a}, {b} is not a pair of this task: {self.domain}")
        return row * len(self.columns) + column

    def neighbor(self, pair: tuple[int, int], rows: int, columns: int) -> tuple[int, int]:
        """The pair some rows and columns away in the table, wrapping around at its edges."""
        row = (pair[0] + rows) % len(self.rows)
        column = (pair[1] - self.operation.first_b + columns) % len(self.columns)
        return int(self.rows[row]), int(self.columns[column])

    def table(self, values: FloatArray) -> FloatArray:
        """Reshape (n_pairs,) values to (rows, columns)."""
        return values.reshape(len(self.rows), len(self.columns))

    def text(self, a: int, b: int) -> str:
        """A pair as text: `12 + 30`."""
        return self.operation.text.format(a=a, b=b)

    @property
    def ring(self) -> str:
        """The suffix of an answer: `(mod 113)`."""
        return f"(mod {self.modulus})"

    @property
    def domain(self) -> str:
        """The ranges of a and b, in words."""
        return (
            f"a is {self.rows[0]} to {self.rows[-1]},"
            f" b is {self.columns[0]} to {self.columns[-1]}"
        )

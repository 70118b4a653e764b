"""The cyclic group that an operation computes in, which is where its frequencies live."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grok_tui.config.schema import is_prime
from grok_tui.tasks.task import Task

IntArray = NDArray[np.int64]

_SUMS = {"add": 1, "multiply": 1, "subtract": -1, "divide": -1}


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The n elements of a cyclic group, as residues and as the pairs of a task.

    elements: (n,), the residue that each index stands for.
    pairs: (n, n), the place in the task of the pair of elements i and j.
    answer: (n, n), the index of the answer to it: i + j or i - j, modulo n.
    other: (n, n), the index that is constant across the answers: i - j or i + j.
    The last three are empty where the operation is none of a cyclic group.
    """

    elements: IntArray
    pairs: IntArray
    answer: IntArray
    other: IntArray

    @property
    def n(self) -> int:
        return len(self.elements)

    @property
    def has_circuit(self) -> bool:
        """Whether the answer depends on a sum of indices: what Fourier analysis is for."""
        return self.pairs.size > 0


def group_of(operation: str, task: Task) -> Group:
    """The group of an operation modulo p.

    Sums and differences: Z_p. Products and quotients modulo a prime: the residues but 0, in the
    order of their discrete logarithms, a group of p - 1. All else: Z_p without pairs.
    """
    p = task.modulus
    products = operation in ("multiply", "divide")
    if operation not in _SUMS or (products and not is_prime(p)):
        nothing = np.zeros((0, 0), dtype=np.int64)
        return Group(np.arange(p), nothing, nothing, nothing)
    elements = _powers(p) if products else np.arange(p)
    n, sign = len(elements), _SUMS[operation]
    i, j = np.arange(n)[:, None], np.arange(n)[None, :]
    pairs = elements[:, None] * (p - task.first_b) + elements[None, :] - task.first_b
    return Group(elements, pairs, (i + sign * j) % n, (i - sign * j) % n)


def _powers(p: int) -> IntArray:
    """(p - 1,): the powers 1, g, g^2, ... of the smallest primitive root g of the prime p."""
    for root in range(2, p):
        powers = [1]
        while (power := powers[-1] * root % p) != 1:
            powers.append(power)
        if len(powers) == p - 1:
            return np.array(powers, dtype=np.int64)
    raise ValueError(f"{p} has no primitive root")

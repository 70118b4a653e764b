"""The cyclic group that an operation computes in, which its frequencies belong to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """The n elements of a cyclic group, and how they index the pairs and answers of a task.

    elements: (n,), the residue of each index.
    pairs: (n, n), the position in the task's order of the pair of elements i and j.
    answer: (n, n), the index of the answer to it: i + j or i - j, modulo n.
    other: (n, n), the complement of the answer's index: i - j or i + j, modulo n.
    The last three are empty if the operation is not a sum in a cyclic group.
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
        """Whether the answer is a sum of indices, so that Fourier analysis applies."""
        return self.pairs.size > 0


def residues(p: int, _: int = 0) -> Group:
    """Z_p without pairs, for operations that are not sums in a cyclic group."""
    nothing = np.zeros((0, 0), dtype=np.int64)
    return Group(np.arange(p), nothing, nothing, nothing)


def additive(p: int, first_b: int, sign: int) -> Group:
    """Z_p, for an operation that adds (sign 1) or subtracts (sign -1) residues."""
    return _cyclic(np.arange(p), p, first_b, sign)


def multiplicative(p: int, first_b: int, sign: int) -> Group:
    """The nonzero residues modulo a prime p, a cyclic group of order p - 1.

    Its elements are in the order of their discrete logarithms, so that multiplying (sign 1)
    or dividing (sign -1) adds or subtracts indices. Pairs with a 0 are left out.
    If p is not prime, `residues(p)`.
    """
    if not is_prime(p):
        return residues(p)
    return _cyclic(_powers(p), p, first_b, sign)


def _cyclic(elements: IntArray, p: int, first_b: int, sign: int) -> Group:
    n = len(elements)
    i, j = np.arange(n)[:, None], np.arange(n)[None, :]
    pairs = elements[:, None] * (p - first_b) + elements[None, :] - first_b
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


def is_prime(n: int) -> bool:
    return n > 1 and all(n % i for i in range(2, int(n**0.5) + 1))


def next_prime(n: int) -> int:
    """The smallest prime that is at least n."""
    while not is_prime(n):
        n += 1
    return n

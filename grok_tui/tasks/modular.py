"""The operations modulo p, one entry each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from grok_tui.tasks.groups import (
    Group,
    additive,
    is_prime,
    multiplicative,
    next_prime,
    residues,
)
from grok_tui.tasks.task import IntArray, Operation


def _polynomial(
    name: str,
    text: str,
    value: Callable[[IntArray, IntArray], IntArray],
    group: Callable[[int, int], Group] = residues,
) -> Operation:
    """An operation whose answer is the value of a polynomial in a and b, modulo p."""
    return Operation(name, text, lambda a, b, p, _: value(a, b) % p, group=group)


def _quotient(a: IntArray, b: IntArray, p: int, _: int) -> IntArray:
    inverse: IntArray = np.array([pow(n, -1, p) if n else 0 for n in range(p)])
    return a * inverse[b] % p


def _division_problem(p: int) -> str:
    if is_prime(p):
        return ""
    return (
        "divide needs a prime modulus, so that every b but 0 has an inverse"
        f" (got {p}); try {next_prime(p)}"
    )


def _random(a: IntArray, _: IntArray, p: int, data_seed: int) -> IntArray:
    # A separate random stream, so that the split does not depend on the operation.
    return np.random.default_rng([data_seed, 1]).integers(p, size=len(a))


OPERATIONS = (
    _polynomial("add", "{a} + {b}", lambda a, b: a + b, partial(additive, sign=1)),
    _polynomial("subtract", "{a} - {b}", lambda a, b: a - b, partial(additive, sign=-1)),
    _polynomial("multiply", "{a} · {b}", lambda a, b: a * b, partial(multiplicative, sign=1)),
    Operation(
        "divide",
        "{a} / {b}",
        _quotient,
        first_b=1,
        group=partial(multiplicative, sign=-1),
        problem=_division_problem,
    ),
    _polynomial("x2+y2", "{a}² + {b}²", lambda a, b: a**2 + b**2),
    _polynomial("x2+xy+y2", "{a}² + {a}·{b} + {b}²", lambda a, b: a**2 + a * b + b**2),
    _polynomial("x3+xy", "{a}³ + {a}·{b}", lambda a, b: a**3 + a * b),
    Operation("random", "random({a}, {b})", _random, learnable=False),
)

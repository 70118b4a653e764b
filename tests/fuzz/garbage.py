"""Strategies for garbage, as found on a disk or typed by users, and checks of refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grok_tui.text import UserError

Case = TypeVar("Case")
Fuzz = Callable[[str, st.SearchStrategy[Any], Callable[[Any], None]], None]

# Any characters, including surrogates.
TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
ODD_NUMBERS = st.sampled_from(
    [0, -1, 1, 2**31, 2**63, 10**400, -(10**400), 0.5, -0.0, 1e-320, 1e308, math.nan, math.inf]
)
NUMBERS = st.integers() | st.floats() | ODD_NUMBERS
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
# Any JSON value, and numbers that JSON does not have.
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def fuzzed(
    examples: int, strategy: st.SearchStrategy[Case], check: Callable[[Case], None]
) -> int:
    """Check many cases; returns how many."""
    count = 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def run(case: Case) -> None:
        nonlocal count
        count += 1
        check(case)

    run()
    return count


def attempt(act: Callable[[], Case]) -> Case | None:
    """The result of a call, or None if it is refused, which must be in one readable line."""
    try:
        return act()
    except UserError as error:
        check_line(str(error))
        return None


def check_line(text: str) -> None:
    assert text
    assert text.splitlines() == [text]
    assert text.isprintable(), text


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes with some of them changed, cut off, removed, doubled or inserted."""
    damaged = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(damaged) - 1)))
        end = min(len(damaged), start + draw(st.integers(0, 40)))
        match draw(st.sampled_from(["flip", "cut", "take", "double", "put", "zero"])):
            case "flip" if damaged:
                damaged[start] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del damaged[start:]
            case "take":
                del damaged[start:end]
            case "double":
                damaged[start:start] = damaged[start:end]
            case "put":
                damaged[start:start] = draw(st.binary(max_size=8))
            case "zero":
                damaged[start:end] = bytes(end - start)
    return bytes(damaged)

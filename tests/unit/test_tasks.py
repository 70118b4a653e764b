from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_tui.config.schema import Config
from grok_tui.tasks.registry import make_task
from grok_tui.text import UserError

ANSWERS: dict[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "x2+y2": lambda a, b: a * a + b * b,
    "x2+xy+y2": lambda a, b: a * a + a * b + b * b,
    "x3+xy": lambda a, b: a * a * a + a * b,
}


def config(operation: str = "add", modulus: int = 13, **fields: object) -> Config:
    return Config().changed(operation=operation, modulus=modulus, **fields)


@pytest.mark.parametrize("operation", ANSWERS)
@pytest.mark.parametrize("modulus", [5, 15, 113, 499])
def test_answers_equal_plain_integer_arithmetic(operation: str, modulus: int) -> None:
    task = make_task(config(operation, modulus))
    pairs = [(a, b) for a in range(modulus) for b in range(modulus)]
    assert list(zip(task.a.tolist(), task.b.tolist(), strict=True)) == pairs
    assert task.answer.tolist() == [ANSWERS[operation](a, b) % modulus for a, b in pairs]
    assert task.columns[0] == 0


@pytest.mark.parametrize("modulus", [5, 113])
def test_the_quotient_times_b_is_a_and_b_is_never_zero(modulus: int) -> None:
    task = make_task(config("divide", modulus))
    pairs = [(a, b) for a in range(modulus) for b in range(1, modulus)]
    assert list(zip(task.a.tolist(), task.b.tolist(), strict=True)) == pairs
    assert task.columns[0] == 1
    for (a, b), quotient in zip(pairs, task.answer.tolist(), strict=True):
        assert 0 <= quotient < modulus
        assert quotient * b % modulus == a


@given(
    operation=st.sampled_from([*ANSWERS, "divide"]),
    a=st.one_of(st.integers(-9, 19), st.integers()),
    b=st.one_of(st.integers(-9, 19), st.integers()),
)
def test_the_task_says_what_a_pair_is(operation: str, a: int, b: int) -> None:
    task = make_task(config(operation, 13))
    if a in task.rows and b in task.columns:
        at = task.index(a, b)
        assert (task.a[at], task.b[at]) == (a, b)
    else:
        with pytest.raises(
            UserError, match=rf"^{a}, {b} is not a pair of this task: a is 0 to"
        ):
            task.index(a, b)


@settings(deadline=None)
@given(
    operation=st.sampled_from([*ANSWERS, "divide", "random"]),
    modulus=st.sampled_from([5, 7, 11, 13, 23]),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_pair_is_in_exactly_one_half(
    operation: str, modulus: int, fraction: float, seed: int
) -> None:
    task = make_task(config(operation, modulus, train_fraction=fraction, data_seed=seed))
    n = modulus * (modulus - (operation == "divide"))
    assert len(task.a) == len(task.b) == len(task.answer) == n
    assert task.train_mask.dtype == np.bool_
    assert task.train_mask.shape == (n,)
    assert task.train_mask.sum() == int(fraction * n)


def test_the_default_split_has_the_papers_sizes() -> None:
    train = make_task(Config()).train_mask
    assert (train.sum(), (~train).sum()) == (3_830, 8_939)


def test_the_split_depends_on_the_data_seed_alone() -> None:
    split = make_task(config()).train_mask
    for operation in [*ANSWERS, "random"]:
        other = make_task(config(operation, seed=7, n_layers=2, lr=0.5)).train_mask
        np.testing.assert_array_equal(other, split)
    assert (make_task(config(data_seed=1)).train_mask != split).any()


def test_a_larger_train_half_contains_the_smaller() -> None:
    small = make_task(config(train_fraction=0.3)).train_mask
    large = make_task(config(train_fraction=0.6)).train_mask
    assert (large | ~small).all()


def test_the_split_does_not_favor_any_operand() -> None:
    task = make_task(Config())
    counts = np.bincount(task.a[task.train_mask], minlength=113)
    # Hypergeometric: 3,830 / 113 = 33.9 per a, with a standard deviation of 4.85.
    assert np.abs(counts - 3_830 / 113).max() < 5 * 4.85
    assert counts.std() == pytest.approx(4.85, rel=5 / np.sqrt(2 * 113))


def test_random_answers_are_uniform_and_come_from_the_data_seed() -> None:
    task = make_task(config("random", 113))
    counts = np.bincount(task.answer, minlength=113)
    assert len(counts) == 113
    # 12,769 draws are 113 per answer. Chi squared of 112 degrees: 112, scattered by 15.
    chi_squared = ((counts - 113) ** 2 / 113).sum()
    assert chi_squared == pytest.approx(112, abs=5 * 15)
    same = make_task(config("random", 113, seed=3, train_fraction=0.5))
    np.testing.assert_array_equal(same.answer, task.answer)
    other = make_task(config("random", 113, data_seed=1))
    # Two unrelated draws agree on one pair in 113: 113 of them, scattered by 10.6.
    assert (other.answer == task.answer).sum() == pytest.approx(113, abs=5 * 10.6)

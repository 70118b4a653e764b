from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grok_tui.view.charts.ticks import (
    linear_ticks,
    log_step_ticks,
    number_label,
    round_above,
    step_label,
    step_ticks,
)


@pytest.mark.parametrize(
    ("step", "label"),
    [
        (500, "500"), (1000, "1000"), (12_000, "12k"), (12_345, "12.345k"),
        (1_500_000, "1.5M"), (1_234_567, "1.234567M"), (9_000_000, "9M"),
    ],
)  # fmt: skip
def test_step_labels_are_exact(step: float, label: str) -> None:
    assert step_label(step) == label


@pytest.mark.parametrize(
    ("number", "label"), [(0, "0"), (0.01, "0.01"), (5, "5"), (2e-6, "2e-6"), (3e5, "3e5")]
)
def test_number_labels_are_short(number: float, label: str) -> None:
    assert number_label(number) == label


@given(st.floats(1e-12, 1e30))
def test_rounding_up_to_a_round_number(number: float) -> None:
    above = round_above(number)
    assert number * (1 - 1e-8) <= above < number * 10
    digit = above / 10.0 ** math.floor(math.log10(above) + 1e-9)
    assert digit == pytest.approx(round(digit))


@given(st.floats(1e-12, 1e30), st.integers(1, 60))
def test_linear_ticks_are_few_and_their_labels_fit_and_are_exact(
    number: float, rows: int
) -> None:
    high = round_above(number)
    ticks = linear_ticks(high, rows)
    assert 2 <= len(ticks) <= max(2, rows // 2)
    assert ticks[0] == 0
    for tick in ticks:
        assert tick <= high * (1 + 1e-9)
        assert float(number_label(tick)) == pytest.approx(tick, rel=1e-6)
        assert len(number_label(tick)) <= 5


@pytest.mark.parametrize("last", [2, 9, 50, 3000, 100_000])
@pytest.mark.parametrize("width", [10, 54, 100])
def test_logarithmic_steps_have_round_ticks(last: int, width: int) -> None:
    places = log_step_ticks(0, math.log10(last), width)
    assert len(places) >= 2
    for at in places:
        assert 0 <= at <= math.log10(last) + 1e-9
        assert 10**at == pytest.approx(round(10**at))


def test_a_narrow_window_of_logarithmic_steps_has_ticks() -> None:
    """There is no one-digit number between these."""
    places = log_step_ticks(math.log10(3010), math.log10(3950), 54)
    assert [round(10**at) for at in places] == [3200, 3400, 3600, 3800]


def test_ticks_of_a_window_of_few_steps() -> None:
    assert step_ticks(12_340, 12_350, 54) == [12_340, 12_345, 12_350]


@given(st.integers(0, 10_000_000), st.integers(1, 10_000_000), st.integers(8, 200))
def test_any_window_has_at_least_two_ticks(first: int, length: int, width: int) -> None:
    ticks = step_ticks(first, first + length, width)
    assert 2 <= len(ticks) <= 12
    assert all(tick == round(tick) for tick in ticks)
    assert first <= ticks[0] < ticks[-1] <= first + length

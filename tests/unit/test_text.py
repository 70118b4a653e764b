from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_tui.config.schema import Config
from grok_tui.text import (
    MISSING,
    UserError,
    cell,
    did_you_mean,
    duration,
    number,
    percent,
    reason,
    table,
    whole,
    whole_number,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0"),
        (0.0, "0"),
        (4.7612, "4.76"),
        (-4.7612, "-4.76"),
        (12.0, "12"),
        (0.0123, "0.0123"),
        (0.001, "0.001"),
        (0.00099, "9.9e-04"),
        (1.234e-7, "1.2e-07"),
        (999.4, "999"),
        (999.6, "1000"),
        (12345.6, "12346"),
        (99_999, "99999"),
        (100_000, "1.0e+05"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert number(value) == text


@settings(deadline=None)
@given(st.floats(1e-30, 1e30) | st.floats(-1e30, -1e-30) | st.just(0.0))
def test_a_number_is_short_and_accurate_to_two_digits(value: float) -> None:
    text = number(value)
    assert len(text) <= 8
    assert float(text) == pytest.approx(value, rel=0.05)


@settings(deadline=None)
@given(st.floats(1e-3, 99_999))
def test_a_common_number_is_accurate_to_three_digits_without_an_exponent(value: float) -> None:
    assert "e" not in number(value)
    assert float(number(value)) == pytest.approx(value, rel=0.005)


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "-"), (0, "0.0%"), (0.9917, "99.2%"), (0.5, "50.0%"), (1.0, "100.0%")],
)
def test_percent(share: float | None, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0, "0 s"),
        (0.4, "0 s"),
        (42, "42 s"),
        (91, "91 s"),
        (725.4, "12 min"),
        (5300, "88 min"),
        (11_229, "3 h"),
        (86_400, "24 h"),
        (360_000, "4 days"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


@settings(deadline=None)
@given(st.floats(1, 1e9))
def test_a_duration_is_close(seconds: float) -> None:
    count, unit = duration(seconds).replace(",", "").split()
    sizes = {"s": 1, "min": 60, "h": 3600, "days": 86_400}
    assert int(count) * sizes[unit] == pytest.approx(seconds, rel=0.5 if unit == "s" else 0.25)


@given(st.one_of(st.text(), st.text(alphabet="+-_ 0123456789"), st.integers().map(str)))
def test_a_typed_text_is_a_whole_number_or_none(text: str) -> None:
    value = whole_number(text)
    assert value is None or value == int(text)


def test_a_number_of_too_many_digits_is_none() -> None:
    assert whole_number("9" * 5000) is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (UserError("no such run"), "no such run"),
        (OSError(28, "No space left on device", "a/b"), "a/b: No space left on device"),
        (OSError("closed"), "closed"),
        (KeyError("a\nb"), "the replay broke: KeyError: 'a\\nb'"),
        (IndexError("a\nb"), "the replay broke: IndexError: a b"),
    ],
)
def test_the_reason_of_an_error_is_one_line(error: Exception, text: str) -> None:
    assert reason(error, "the replay") == text


def test_missing_is_the_same_everywhere() -> None:
    assert {number(None), percent(None), duration(None)} == {MISSING}


# --- tables ---------------------------------------------------------------------------

ROWS = [
    {"name": "a", "steps": 1500, "keys": [1, 14, 41], "loss": None},
    {"name": "longer", "steps": 2, "keys": [], "loss": "0.5"},
]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(ROWS).splitlines() == [
        "name    steps  keys     loss",
        "a       1500   1 14 41  -",
        "longer  2      -        0.5",
    ]


def test_columns_that_do_not_fit_follow_below() -> None:
    for width in (22, 27):
        assert table(ROWS, width).splitlines() == [
            "name    steps  keys",
            "a       1500   1 14 41",
            "longer  2      -",
            "",
            "name    loss",
            "a       -",
            "longer  0.5",
        ]
    assert table(ROWS, 28) == table(ROWS)


def test_every_block_has_at_least_one_column() -> None:
    blocks = table(ROWS, 3).split("\n\n")
    assert [block.split("\n")[0].split() for block in blocks] == [
        ["name", "steps"], ["name", "keys"], ["name", "loss"]
    ]  # fmt: skip
    assert table([{"name": "a"}], 3) == "name\na"


def test_cells() -> None:
    values = (True, False, None, {}, {"lr": 0.5, "seed": 1}, [], ["a", "b"], 0.25)
    expected = ["yes", "no", "-", "-", "lr=0.5 seed=1", "-", "a b", "0.25"]
    assert [cell(value) for value in values] == expected


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12), ("1_000", 1000), ("1e3", 1000), ("2.5E2", 250), ("-1e1", -10), (" 7 ", 7)],
)
def test_whole_numbers_as_people_write_them(text: str, number: int) -> None:
    assert whole(text) == number


def test_a_setting_takes_them() -> None:
    assert Config.model_validate({"steps": "1e3"}).steps == 1000


@pytest.mark.parametrize("text", ["", "1.5", "1e-3", "nan", "inf", "1e400", "ten", "9" * 5000])
def test_other_text_is_no_whole_number(text: str) -> None:
    with pytest.raises(ValueError):
        whole(text)


def test_the_nearest_name_is_offered_whatever_its_case() -> None:
    assert did_you_mean("QUIK", ["quick", "nanda"]) == "; did you mean quick?"
    assert did_you_mean("lr2", ["LR"], "GT_") == "; did you mean GT_LR?"
    assert did_you_mean("sky", ["quick", "nanda"]) == ""

"""The fields of the form: values as text and back, bounds, rows, explanations."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grok_tui.config.presets import load_preset, preset_names
from grok_tui.config.schema import FIELDS, Config, ConfigError, exact, written
from grok_tui.protocol.events import Stopped
from grok_tui.tasks.registry import choices
from grok_tui.tui.panes.field_text import VALUE_COLUMN, explanation, row_text
from grok_tui.view.fields import (
    FROM_ZERO,
    FieldView,
    checked,
    field_view,
    notched,
    parsed,
    turned,
)
from grok_tui.view.state import SessionState, reduce

STATE = SessionState(Config().model_dump(mode="json"))


def view(name: str, value: Any, wanted: Any, *, ended: bool = False) -> FieldView:
    return FieldView(name, value, wanted, ended)


# --- values ---------------------------------------------------------------------------


@given(st.floats(1e-12, 10.0))
def test_an_unedited_text_gives_exactly_the_same_number(value: float) -> None:
    assert checked(STATE, "lr", exact(value)) == value


TYPED = st.one_of(st.text(), st.text(alphabet="0123456789-+.e_ naif"), st.just("9" * 5000))


@given(st.sampled_from(list(FIELDS)), TYPED)
def test_any_text_is_a_valid_value_or_refused_with_a_reason(name: str, text: str) -> None:
    try:
        value = checked(STATE, name, text)
    except ConfigError as error:
        assert str(error)
    else:
        assert checked(STATE, name, written(value)) == value


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("lr", "2e-3", 0.002),
        ("lr", "  1 ", 1.0),
        ("weight_decay", "0", 0.0),
        ("steps", "1_000", 1000),
        ("steps", "1e6", 1_000_000),
        ("operation", " divide ", "divide"),
        ("device", "CUDA:0", "CUDA:0"),
    ],
)
def test_texts_of_values(name: str, text: str, value: Any) -> None:
    found = checked(STATE, name, text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("lr", "abc", "lr must be a number (got 'abc')"),
        ("lr", "", "lr must be a number (got '')"),
        ("lr", "nan", "lr must be a finite number (got nan)"),
        ("lr", "20", "lr must be above 0 and at most 10 (got 20.0)"),
        ("lr", "0", "lr must be above 0 and at most 10 (got 0.0)"),
        ("steps", "1.5", "must be a whole number"),
        ("steps", "9" * 5000, "steps must be"),
        ("operation", "power", "operation must be one of add"),
        ("device", "cpu", "device must be"),
        ("modulus", "114", "modulus must be odd"),
        ("n_heads", "5", "must divide d_model, 128 (got 5)"),
    ],
)
def test_invalid_texts_are_explained(name: str, text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        checked(STATE, name, text)
    assert problem in str(caught.value)


def test_a_field_is_checked_together_with_planned_changes() -> None:
    state = STATE.planning("d_model", 130)
    assert checked(state, "n_heads", "5") == 5
    with pytest.raises(ConfigError, match="must divide d_model, 130 \\(got 4\\)"):
        checked(state, "n_heads", "4")


def test_an_ended_run_accepts_only_planned_changes() -> None:
    ended = reduce(STATE, Stopped(9, "completed"))
    with pytest.raises(ConfigError, match="the run has ended; r starts a new one"):
        checked(ended, "lr", "0.1")
    assert checked(ended, "modulus", "97") == 97


def test_parsing_does_not_check() -> None:
    assert parsed("lr", "-1") == -1.0


def test_choices_wrap_around() -> None:
    assert turned("abc", "c", 1) == "a"
    assert turned("abc", "a", -1) == "c"
    assert turned("abc", "a", 1) == "b"
    assert turned("abc", "no choice", 1) == "a"


# --- rows -----------------------------------------------------------------------------


def row(shown: FieldView, width: int = 56, *, selected: bool = False) -> str:
    return row_text(shown, width, selected=selected).plain


def test_a_row_shows_name_value_and_kind() -> None:
    line = row(view("lr", 0.001, 0.001))
    assert line.split() == ["lr", "0.001", "live"]
    assert len(line) == 56
    assert line.index("0.001") == VALUE_COLUMN
    assert row(view("n_heads", 4, 4)).split() == ["n_heads", "4", "new", "run"]


def test_a_dot_marks_values_that_are_not_the_default() -> None:
    assert "• 0.002" in row(view("lr", 0.002, 0.002))
    assert "•" not in row(view("lr", 0.001, 0.001))


def test_the_chosen_row_has_a_cursor() -> None:
    assert row(view("lr", 1.0, 1.0), selected=True).startswith("▸ lr")


def test_waiting_edits_are_shown() -> None:
    pending = row(view("weight_decay", 1.0, 1.25))
    assert "1 → 1.25 " in pending
    assert pending.endswith("pending")
    planned = row(view("n_heads", 4, 8))
    assert "4 → 8 " in planned
    assert planned.endswith("new run: r starts it")


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("width", [0, 1, 20, 40, 54])
def test_name_and_value_are_complete_at_any_width(name: str, width: int) -> None:
    options = choices(name) or (FIELDS[name].default, FIELDS[name].default)
    shown = view(name, max(options, key=lambda o: len(str(o))), options[0])
    line = row(shown, width)
    assert f"{name} " in line
    assert f" {written(shown.value)}" in line
    assert not shown.edited or f"→ {options[0]}" in line
    if width == 54:
        assert len(line) <= width


def test_a_narrow_row_has_a_shorter_note() -> None:
    shown = view("operation", "add", "x2+xy+y2")
    assert row(shown, 76).endswith("new run: r starts it")
    assert row(shown, 56).endswith("x2+xy+y2          r starts it")
    assert row(shown, 45).endswith("  new run")
    assert row(shown, 40).rstrip().endswith("add → x2+xy+y2")


# --- explanations ---------------------------------------------------------------------


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_is_explained(name: str) -> None:
    what, values, fate = explanation(field_view(STATE, name)).plain.split("\n")
    assert what == FIELDS[name].description
    assert values.endswith(f"default {written(FIELDS[name].default)}")
    assert all(choice in values for choice in choices(name))
    assert fate.startswith(("live: ", "new run: "))


@pytest.mark.parametrize(
    ("shown", "fate"),
    [
        (view("n_heads", 4, 8), "new run: 4 → 8, r starts it"),
        (view("n_heads", 4, 8, ended=True), "new run: 4 → 8, r starts it"),
        (view("lr", 0.1, 0.2), "pending: 0.1 → 0.2, until the trainer confirms"),
        (view("lr", 0.1, 0.1, ended=True), "the run has ended; r starts a new one"),
        (view("beta1", 0.9, 0.9), "live: enter edits it, effective from the next step"),
        (view("decay", "x", "x"), "live: left and right choose, effective from the next step"),
    ],
)
def test_the_explanation_says_when_an_edit_takes_effect(shown: FieldView, fate: str) -> None:
    assert explanation(shown).plain.split("\n")[-1] == fate


def test_a_live_field_of_an_ended_run_is_planned_for_the_next_run() -> None:
    ended = view("steps", 1000, 4000, ended=True)
    assert "r starts it" in row_text(ended, 60, selected=False).plain
    assert "pending" in row_text(view("steps", 1000, 4000), 60, selected=False).plain


# --- notches --------------------------------------------------------------------------


@given(st.floats(1e-9, 1e4), st.sampled_from([1, -1]))
def test_a_notch_has_two_digits_and_is_not_far(value: float, direction: int) -> None:
    found = notched(value, direction)
    assert float(f"{found:.2g}") == found
    assert 1 < (found / value) ** direction < 1.7


@given(st.floats(1e-9, 1e4), st.integers(1, 40))
def test_as_many_notches_down_as_up_come_back(value: float, count: int) -> None:
    start = now = notched(value, 1)
    for direction in (1, -1):
        for _ in range(count):
            now = notched(now, direction)
    assert now == start


def test_presets_stand_on_notches() -> None:
    for name in preset_names():
        fields = Config(**load_preset(name).fields)
        for value in filter(None, (fields.lr, fields.weight_decay)):
            assert notched(notched(value, 1), -1) == value


def test_notches_from_zero() -> None:
    assert notched(0.0, -1) == 0.0
    assert notched(0.0, 1) == FROM_ZERO

"""The hyperparameter form: its rows, its keys, the mouse, and edits."""

from __future__ import annotations

import pytest
from hyperparameters import SMALL, SMALLEST, WIDE, choose, click, form, line, lines, text, write
from scripted import CONFIG, playing, run_screen, session, settled, shown, training, until
from textual.widgets import Input

from grok_tui.config.schema import FIELDS, written
from grok_tui.protocol.commands import Pause, SetField, Undo
from grok_tui.protocol.events import CommandRejected, ConfigApplied
from grok_tui.tui.panes.field_row import FieldLines

# --- the list -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [WIDE, SMALLEST])
async def test_every_field_can_be_reached_and_is_complete(size: tuple[int, int]) -> None:
    async with session(playing()).run_test(size=size) as pilot:
        await choose(pilot, "operation")
        for name, field in FIELDS.items():
            await settled(pilot)
            value = written(CONFIG.model_dump()[name])
            assert line(pilot, name).split(" • ")[0].startswith("▸ ")
            assert value in line(pilot, name).split()
            assert field.description in lines(pilot)
            assert f"default {written(field.default)}" in " ".join(lines(pilot))
            await pilot.press("down")


async def test_fields_are_in_their_groups() -> None:
    async with session(playing()).run_test(size=(80, 48)) as pilot:
        await choose(pilot, "operation")
        first = [t.split()[0] for t in lines(pilot) if t and not t.startswith("▸")]
        for group, name in [("task", "modulus"), ("optimizer", "lr"), ("run", "steps")]:
            assert group in first
            assert first.index(name) == first.index(group) + 1


async def test_keys_move_the_cursor() -> None:
    async with session(playing()).run_test(size=SMALL) as pilot:
        await choose(pilot, "operation")
        for key, name in [
            ("up", "operation"),
            ("down", "modulus"),
            ("down", "train_fraction"),
            ("up", "modulus"),
            ("end", "device"),
            ("down", "device"),
            ("home", "operation"),
        ]:
            await pilot.press(key)
            await pilot.pause()
            assert line(pilot, name).startswith("▸")
            assert sum(t.startswith("▸") for t in lines(pilot)) == 1


async def test_pages_are_as_long_as_the_list_is_tall() -> None:
    async with session(playing()).run_test(size=SMALLEST) as pilot:
        await choose(pilot, "operation")
        await pilot.press("pagedown")
        await pilot.pause()
        assert line(pilot, "operation") == ""
        (chosen,) = (t for t in lines(pilot) if t.startswith("▸"))
        assert "modulus" not in chosen
        await pilot.press("home")
        await pilot.pause()
        assert lines(pilot)[0] == "task"


async def test_values_that_are_not_the_default_have_a_dot() -> None:
    async with session(playing()).run_test(size=WIDE) as pilot:
        await choose(pilot, "norm_constraint")
        await pilot.press("down")
        await settled(pilot)
        assert line(pilot, "steps") == "▸ steps • 2000 live"
        assert line(pilot, "norm_constraint") == "norm_constraint none live"


# --- editing --------------------------------------------------------------------------


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_a_live_edit_is_pending_until_it_is_confirmed(size: tuple[int, int]) -> None:
    source = playing()
    async with session(source).run_test(size=size) as pilot:
        await choose(pilot, "lr")
        await write(pilot, "2e-3")
        assert line(pilot, "lr") == "▸ lr 2e-3"
        await pilot.press("enter")
        await settled(pilot)
        assert source.commands == [SetField("lr", 0.002)]
        assert line(pilot, "lr") == "▸ lr 0.001 → 0.002 pending"
        assert "pending: 0.001 → 0.002, until the trainer confirms" in lines(pilot)
        source.deliver(ConfigApplied(5, "lr", 0.001, 0.002))
        await until(pilot, lambda: line(pilot, "lr") == "▸ lr • 0.002 live")
        assert [mark.text for mark in run_screen(pilot).state.marks] == ["lr 0.002"]


async def test_a_rejected_edit_is_no_longer_pending() -> None:
    source = playing()
    async with session(source).run_test(size=SMALL) as pilot:
        await choose(pilot, "lr")
        await write(pilot, "2")
        await pilot.press("enter")
        await until(pilot, lambda: line(pilot, "lr").endswith("pending"))
        source.deliver(CommandRejected(3, "set", "lr: too much", "lr"))
        await until(pilot, lambda: line(pilot, "lr") == "▸ lr 0.001 live")


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_edits_that_need_a_new_run_are_planned_and_can_be_taken_back(
    size: tuple[int, int],
) -> None:
    source = playing()
    async with session(source).run_test(size=size) as pilot:
        await choose(pilot, "n_heads")
        for value, shows in [
            ("8", "▸ n_heads 4 → 8 new run: r starts it"),
            ("4", "▸ n_heads 4 new run"),
        ]:
            await write(pilot, value)
            await pilot.press("enter")
            await settled(pilot)
            assert line(pilot, "n_heads") == shows
            told = "new run: 4 → 8, r starts it" in lines(pilot)
            assert told is (value == "8")
        assert source.commands == []
        assert run_screen(pilot).state.planned == {}


async def test_r_starts_the_planned_run() -> None:
    async with session(playing()).run_test(size=WIDE) as pilot:
        await choose(pilot, "n_heads")
        await write(pilot, "8")
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("r")
        await until(pilot, lambda: "n_heads 4 → 8" in shown(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: run_screen(pilot).state.config["n_heads"] == 8)


@pytest.mark.parametrize("keys", [["escape"], ["enter"]])
async def test_a_field_left_as_it_was_changes_nothing(keys: list[str]) -> None:
    source = playing(ConfigApplied(1, "lr", 1e-3, 1e-3 * 1.25**7))
    async with session(source).run_test(size=SMALL) as pilot:
        await choose(pilot, "lr")
        await pilot.press("enter")
        assert text(pilot) == repr(1e-3 * 1.25**7)
        await pilot.press(*(["7"] if keys == ["escape"] else []), *keys)
        await settled(pilot)
        assert text(pilot) is None
        assert source.commands == []
        await pilot.press("space")  # the session's keys work again
        assert source.commands == [Pause()]


async def test_typed_characters_go_to_the_input_only() -> None:
    source = playing()
    async with session(source).run_test(size=SMALL) as pilot:
        await choose(pilot, "device")
        await pilot.press("enter", "space", "right_square_bracket", "q", "z", "3", "s")
        await pilot.press("up", "pageup")
        await settled(pilot)
        assert line(pilot, "device") == "▸ device • ]qz3s"
        assert text(pilot) == " ]qz3s"
        assert source.commands == []


async def test_the_sessions_keys_work_in_the_form() -> None:
    source = playing()
    async with session(source).run_test(size=SMALL) as pilot:
        await choose(pilot, "weight_decay")
        await pilot.press("right_square_bracket", "z")
        await settled(pilot)
        assert source.commands == [SetField("weight_decay", 1.2), Undo()]
        assert line(pilot, "weight_decay") == "▸ weight_decay 1 → 1.2 pending"


async def test_enter_pressed_twice_edits_once() -> None:
    source = playing()
    async with session(source).run_test(size=SMALL) as pilot:
        await choose(pilot, "lr")
        await write(pilot, "2")
        field = form(pilot).query_one(Input)
        for _ in range(2):
            field.post_message(Input.Submitted(field, "2"))
        await until(pilot, lambda: text(pilot) is None and source.commands)
        await settled(pilot)
        assert source.commands == [SetField("lr", 2.0)]


# --- events and the mouse -------------------------------------------------------------


async def test_events_do_not_disturb_typing() -> None:
    source = playing()
    async with session(source).run_test(size=SMALL) as pilot:
        await choose(pilot, "lr")
        await write(pilot, "0.0")
        for event in [*training(1, 50), ConfigApplied(50, "lr", 0.001, 0.005)]:
            source.deliver(event)
        await settled(pilot)
        assert line(pilot, "lr") == "▸ lr • 0.0"
        await pilot.press("4", "enter")
        assert source.commands == [SetField("lr", 0.04)]


async def test_numbers_not_in_the_form_cause_no_redraw(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = playing()
    drawn: list[str] = []
    async with session(source).run_test(size=SMALL) as pilot:
        await choose(pilot, "lr")
        before = FieldLines.render
        monkeypatch.setattr(
            FieldLines, "render", lambda rows: (drawn.append("rows"), before(rows))[1]
        )
        for event in training(1, 50):
            source.deliver(event)
        await settled(pilot)
        assert drawn == []
        source.deliver(ConfigApplied(50, "lr", 0.001, 0.005))
        await until(pilot, lambda: drawn)


async def test_the_mouse_chooses_then_edits() -> None:
    source = playing()
    async with session(source).run_test(size=WIDE) as pilot:
        await settled(pilot)
        await pilot.press("2")
        await settled(pilot)
        await click(pilot, "seed")
        assert line(pilot, "seed").startswith("▸")
        assert text(pilot) is None
        await click(pilot, "seed")
        assert text(pilot) == "0"
        await pilot.press("5")
        for column, kept in [(30, "5"), (5, "0")]:  # a click on the name starts over
            await click(pilot, "seed", column)
            await settled(pilot)
            assert text(pilot) == kept
        await click(pilot, "init")
        await settled(pilot)
        assert text(pilot) is None
        assert line(pilot, "init").startswith("▸")
        await click(pilot, "init")
        await settled(pilot)
        assert run_screen(pilot).state.planned == {"init": "transformerlens"}


async def test_another_pane_closes_the_input_and_another_window_does_not() -> None:
    source = playing()
    async with session(source).run_test(size=WIDE) as pilot:
        await choose(pilot, "lr")
        await write(pilot, "2")
        for focus in (False, True):
            pilot.app.app_focus = focus
            await pilot.pause()
        assert text(pilot) == "2"
        await pilot.press("tab")
        await settled(pilot)
        assert text(pilot) is None
        assert source.commands == []


async def test_no_size_breaks_an_edit() -> None:
    source = playing()
    async with session(source).run_test(size=SMALL) as pilot:
        await choose(pilot, "lr")
        await write(pilot, "abc")
        for size in [(60, 16), (300, 17), (1, 1), (20, 5), SMALL]:
            await pilot.resize_terminal(*size)
            await settled(pilot)
        await pilot.press("e", "escape", "enter", "2", "enter")
        await settled(pilot)
        assert source.commands == [SetField("lr", 2.0)]

"""The keys of the charts, at both common sizes."""

from __future__ import annotations

import pytest
from charted import BOTH, axis, border, chart, column_of, frame, ticks, views
from scripted import (
    playing,
    session,
    settled,
    shown,
    status,
    training,
)
from textual.color import Color

from grok_tui.view.charts.window import ChartView

# --- the window ---------------------------------------------------------------------------


@BOTH
async def test_plus_and_minus_zoom_around_the_newest_step(size: tuple[int, int]) -> None:
    async with session(playing(*training(1, 900))).run_test(size=size) as pilot:
        await settled(pilot)
        for key, window in (("+", (300, 900)), ("=", (500, 900)), ("-", (300, 900))):
            await pilot.press(key)
            await settled(pilot)
            assert chart(pilot).scene.window == window
            assert chart(pilot, "accuracy").scene.window == window
            for name in ("loss", "accuracy"):
                assert min(map(int, axis(pilot, name))) >= window[0]
        await pilot.press("-")
        assert views(pilot) == ChartView()


@BOTH
async def test_shift_and_arrows_pan_and_home_and_end_go_to_the_ends(
    size: tuple[int, int],
) -> None:
    async with session(playing(*training(1, 1000))).run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("v")
        for key, window in (
            ("shift+left", (700, 900)), ("shift+left", (600, 800)), ("shift+right", (700, 900)),
            ("home", (0, 200)), ("shift+left", (0, 200)), ("end", (800, 1000)),
        ):  # fmt: skip
            await pilot.press(key)
            await settled(pilot)
            assert chart(pilot).scene.window == window
            shown_steps = [int(label) for label in axis(pilot)]
            assert len(shown_steps) >= 2
            assert window[0] <= shown_steps[0] < shown_steps[-1] <= window[1]


@BOTH
async def test_f_holds_the_view_while_training_continues(size: tuple[int, int]) -> None:
    source = playing(*training(1, 400))
    async with session(source).run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("f")
        assert "the view stays here while training continues" in status(pilot)
        for event in training(401, 800):
            source.deliver(event)
        await settled(pilot)
        assert "step 800" in status(pilot)
        assert frame(pilot) == "held at 400"
        assert axis(pilot)[-1] == "400"
        await pilot.press("f")
        await settled(pilot)
        assert "following the newest step" in status(pilot)
        assert chart(pilot).scene.window == (0, 800)
        assert frame(pilot) == ""
        assert source.commands == []  # holding the view is not a pause


# --- axes and smoothing -------------------------------------------------------------------


@BOTH
async def test_y_changes_the_values_axis_of_the_focused_chart(size: tuple[int, int]) -> None:
    async with session(playing(*training(1, 1300))).run_test(size=size) as pilot:
        await settled(pilot)
        assert any("e-" in tick or "0.0" in tick for tick in ticks(pilot))
        await pilot.press("y")
        assert "loss: linear axis of values" in status(pilot)
        await settled(pilot)
        assert ticks(pilot)[-1] == "0"
        percents = ticks(pilot, "accuracy")
        assert (percents[0], percents[-1]) == ("100%", "0%")
        await pilot.press("down", "y")
        assert "accuracy: logarithmic axis of values" in status(pilot)
        await settled(pilot)
        assert ticks(pilot, "accuracy")[0] == "100%"
        assert ticks(pilot, "accuracy")[-1] == "1%"
        assert ticks(pilot)[-1] == "0"


@BOTH
async def test_x_changes_the_steps_axis_of_the_focused_chart(size: tuple[int, int]) -> None:
    async with session(playing(*training(1, 1000))).run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("x")
        assert "loss: logarithmic axis of steps" in status(pilot)
        await settled(pilot)
        assert axis(pilot) == ["1", "10", "100", "1000"]
        assert axis(pilot, "accuracy")[0] == "0"
        await pilot.press("x", "down", "x")
        await settled(pilot)
        assert axis(pilot)[0] == "0"
        assert axis(pilot, "accuracy") == ["1", "10", "100", "1000"]


async def test_x_and_y_change_the_loss_chart_if_no_chart_has_the_focus() -> None:
    async with session(playing(*training(1, 100))).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("down", "l", "y")
        assert "loss: linear axis of values" in status(pilot)


# --- the crosshair ------------------------------------------------------------------------


@BOTH
async def test_arrows_move_the_crosshair_which_reads_the_values(size: tuple[int, int]) -> None:
    async with session(playing(*training(1, 1000))).run_test(size=size) as pilot:
        await settled(pilot)
        assert "┃" not in shown(pilot)
        await pilot.press("left")
        await settled(pilot)
        assert frame(pilot).startswith("step 1000  train 7.26e-5  test 7.75")
        assert frame(pilot, "accuracy") == "step 1000  train 100.0%  test 3.3%"
        last = column_of(pilot, "┃")
        assert column_of(pilot, "┃", "accuracy") == last
        await pilot.press("left", "left")
        await settled(pilot)
        assert column_of(pilot, "┃") == last - 2
        at = views(pilot).crosshair
        assert at is not None
        assert frame(pilot).startswith(f"step {at}  ")
        assert (f" @{at // 10 * 10}" in frame(pilot)) == bool(at % 10)
        await pilot.press("right")
        await settled(pilot)
        assert column_of(pilot, "┃") == last - 1
        await pilot.press("escape")
        await settled(pilot)
        assert "┃" not in shown(pilot)
        assert frame(pilot) == ""


@BOTH
async def test_the_window_moves_along_with_the_crosshair(size: tuple[int, int]) -> None:
    async with session(playing(*training(1, 1000))).run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("v", "shift+left", "shift+left", "left", "right", "right", "right")
        await settled(pilot)
        at = views(pilot).crosshair
        assert at is not None
        assert at > 800
        assert chart(pilot).scene.window[1] == at
        assert column_of(pilot, "┃") == chart(pilot).size.width - 1


async def test_plus_zooms_around_the_crosshair() -> None:
    async with session(playing(*training(1, 1000))).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("left", *["left"] * 20)
        await settled(pilot)
        before = column_of(pilot, "┃")
        await pilot.press("+", "+", "+")
        await settled(pilot)
        assert abs(column_of(pilot, "┃") - before) <= 1
        first, last = chart(pilot).scene.window
        assert last - first == pytest.approx(1000 / 1.5**3, abs=2)


# --- the focus ----------------------------------------------------------------------------


@BOTH
async def test_up_and_down_choose_the_chart_which_the_frame_shows(
    size: tuple[int, int],
) -> None:
    async with session(playing(*training(1, 100))).run_test(size=size) as pilot:
        await settled(pilot)
        accent = Color.parse(pilot.app.theme_variables["accent"])
        for key, chosen, other in (("down", "accuracy", "loss"), ("up", "loss", "accuracy")):
            await pilot.press(key)
            await settled(pilot)
            assert border(pilot, chosen) == accent
            assert border(pilot, other) != accent


async def test_the_pane_returns_to_its_last_chart() -> None:
    async with session(playing(*training(1, 100))).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("down", "l", "1")
        await settled(pilot)
        assert chart(pilot, "accuracy").has_focus


async def test_its_keys_can_be_changed() -> None:
    changed = session(playing(*training(1, 900)), **{"zoom-in": ("w",)})
    async with changed.run_test() as pilot:
        await settled(pilot)
        await pilot.press("+")
        assert views(pilot) == ChartView()
        await pilot.press("w")
        assert chart(pilot).scene.window == (300, 900)

"""The charts and the mouse."""

from __future__ import annotations

import pytest
from charted import BOTH, HISTORY, chart, column_of, views
from scripted import (
    playing,
    session,
    settled,
    training,
)
from textual import events
from textual.pilot import Pilot

from grok_tui.tui.messages import Ending
from grok_tui.view.charts.plot import plot_columns

# --- the mouse ----------------------------------------------------------------------------


async def wheel(
    pilot: Pilot[Ending], event: type[events.MouseEvent], column: int, *, shift: bool = False
) -> None:
    """Turn the wheel over a column inside the loss chart."""
    inside = chart(pilot)
    x, y = column + 1, 3
    place = (x + inside.region.x, y + inside.region.y)
    plain = {"delta_x": 0, "delta_y": 0, "button": 0, "meta": False, "ctrl": False}
    inside.post_message(
        event(inside, x=x, y=y, screen_x=place[0], screen_y=place[1], shift=shift, **plain)
    )
    await settled(pilot)


@BOTH
async def test_the_wheel_zooms_at_the_pointer(size: tuple[int, int]) -> None:
    async with session(playing(*training(1, 1000))).run_test(size=size) as pilot:
        await settled(pilot)
        middle = 6 + (plot_columns(chart(pilot).size.width) - 1) // 2
        await wheel(pilot, events.MouseScrollUp, middle)
        first, last = chart(pilot).scene.window
        assert last - first == pytest.approx(667, abs=1)
        assert (first + last) / 2 == pytest.approx(500, abs=10)
        views(pilot)
        await wheel(pilot, events.MouseScrollDown, middle)
        assert chart(pilot).scene.window == HISTORY


async def test_shift_or_a_sideways_wheel_pans() -> None:
    async with session(playing(*training(1, 1000))).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("v")
        for event, shift, window in (
            (events.MouseScrollUp, True, (780, 980)), (events.MouseScrollDown, True, HISTORY),
            (events.MouseScrollLeft, False, (780, 980)),
            (events.MouseScrollRight, False, HISTORY),
        ):  # fmt: skip
            await wheel(pilot, event, 20, shift=shift)
            assert chart(pilot).scene.window == (window if window != HISTORY else (800, 1000))
            views(pilot)


@BOTH
@pytest.mark.parametrize("log_x", [False, True])
async def test_a_click_places_the_crosshair_and_chooses_the_chart(
    size: tuple[int, int], log_x: bool
) -> None:
    async with session(playing(*training(1, 1000))).run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("down", *(["x"] if log_x else []), "up")
        await pilot.click(chart(pilot, "accuracy"), offset=(30, 4))
        await settled(pilot)
        assert chart(pilot, "accuracy").has_focus
        assert column_of(pilot, "┃", "accuracy") == 29
        views(pilot)


async def test_dragging_pans_and_places_no_crosshair() -> None:
    async with session(playing(*training(1, 1000))).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("v")
        inner = plot_columns(chart(pilot).size.width) - 1
        await pilot.mouse_down(chart(pilot), offset=(20, 4))
        for column in (25, 32, 40):
            await pilot.hover(chart(pilot), offset=(column, 4))
        await pilot.mouse_up(chart(pilot), offset=(40, 4))
        await settled(pilot)
        first = 800 - 200 * 20 / inner
        assert chart(pilot).scene.window == pytest.approx((first, first + 200), abs=1)
        assert views(pilot).crosshair is None
        await pilot.hover(chart(pilot), offset=(10, 4))  # after releasing the button
        assert chart(pilot).scene.window == pytest.approx((first, first + 200), abs=1)

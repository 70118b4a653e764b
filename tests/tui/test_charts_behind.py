"""What the charts draw behind the curves, and their message if there are none."""

from __future__ import annotations

import numpy as np
import pytest
from charted import BOTH, chart, frame
from scripted import (
    CONFIG,
    SIZES,
    grokking,
    playing,
    rows,
    run_screen,
    session,
    settled,
    shown,
    status,
    training,
)
from textual.color import Color

from grok_tui.protocol.events import Losses
from grok_tui.tui.panes.charts import Charts
from grok_tui.tui.themes import load_themes
from grok_tui.tui.widgets.chart import Chart
from grok_tui.view.series import Series
from grok_tui.view.state import SessionState

# --- smoothing ----------------------------------------------------------------------------


@BOTH
async def test_m_smooths_and_the_raw_curve_stays_behind(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    noisy = Losses(1, np.exp(rng.standard_normal(3000)).astype(np.float32), 1.0)
    async with session(playing(noisy)).run_test(size=size) as pilot:
        await settled(pilot)
        for word in ("light", "strong"):
            await pilot.press("m")
            assert f"{word} smoothing, the raw curves behind" in status(pilot)
            await settled(pilot)
            assert frame(pilot) == f"{word} smoothing"
            colors = colors_of(chart(pilot))
            assert len(colors) == 2
        await pilot.press("m")
        assert "no smoothing" in status(pilot)
        await settled(pilot)
        assert len(colors_of(chart(pilot))) == 1


def colors_of(drawn: Chart) -> set[str]:
    """The colors of the train curve, which is in braille."""
    lines = [drawn.render_line(y) for y in range(drawn.size.height)]
    return {
        segment.style.color.name
        for line in lines
        for segment in line
        if segment.style and segment.style.color
        if any("⠀" < char <= "⣿" for char in segment.text)
    }


async def test_what_is_behind_is_muted_in_every_theme() -> None:
    rng = np.random.default_rng(0)
    noisy = Losses(1, np.exp(rng.standard_normal(3000)).astype(np.float32), 1.0)
    async with session(playing(noisy)).run_test(size=(120, 36)) as pilot:
        for theme in load_themes()[0].values():
            pilot.app.theme = theme.name
            await settled(pilot)
            (main,) = colors_of(chart(pilot))
            await pilot.press("m")
            await settled(pilot)
            (behind,) = colors_of(chart(pilot)) - {main}
            await pilot.press("m", "m")  # strong, then none
            await settled(pilot)
            if theme.name == "terminal":
                assert behind == Color.parse("ansi_bright_black").rich_color.name
                continue
            surface = Color.parse(theme.colors["surface"]).rgb
            far, near = (np.subtract(Color.parse(c).rgb, surface) for c in (main, behind))
            assert 0 < np.abs(near).sum() < np.abs(far).sum() * 0.6, theme.name


# --- the ghost ----------------------------------------------------------------------------


def recorded() -> SessionState:
    """Another run, which ended after 500 steps."""
    every = np.arange(10, 501, 10)
    constant = {
        name: Series().extended(every, np.full(50, value))
        for name, value in (
            ("train_loss", 0.3), ("test_loss", 2.0), ("train_acc", 0.6), ("test_acc", 0.2),
        )
    }  # fmt: skip
    return SessionState(CONFIG.model_dump(mode="json"), **constant)  # type: ignore[arg-type]


@BOTH
async def test_a_ghost_is_drawn_behind_and_named(size: tuple[int, int]) -> None:
    async with session(playing(*grokking())).run_test(size=size) as pilot:
        await settled(pilot)
        panes = run_screen(pilot).query_one(Charts)
        assert "×" not in shown(pilot)  # noqa: RUF001
        panes.set_ghost(recorded(), "quick-1")
        await settled(pilot)
        for name in ("loss", "accuracy"):
            assert frame(pilot, name) == "ghost: quick-1"
        assert "×" in shown(pilot)  # noqa: RUF001
        await pilot.press("left")
        await settled(pilot)
        assert "0.3" in frame(pilot)
        assert "20.0%" in frame(pilot, "accuracy")
        await pilot.press("escape")
        panes.set_ghost(None)
        await settled(pilot)
        assert frame(pilot) == ""
        assert "×" not in shown(pilot)  # noqa: RUF001


# --- nothing to draw, and any size ----------------------------------------------------------


async def test_a_chart_without_finite_values_shows_a_message() -> None:
    bad = Losses(1, np.full(20, np.nan, dtype=np.float32), 1.0)
    async with session(playing(bad)).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert "nothing in view but NaN and inf" in shown(pilot)


KEYS = ["+", "left", "x", "y", "m", "down", "x", "y", "home", "f", "-", "left", "end", "v"]


@pytest.mark.parametrize("size", [*SIZES, (20, 5), (1, 1), (2, 60), (300, 3), (13, 13)])
async def test_every_key_at_every_size(size: tuple[int, int]) -> None:
    await check_every_key(size, last=60)


@pytest.mark.parametrize("last", [0, 1, 2])
async def test_every_key_with_little_to_show(last: int) -> None:
    await check_every_key((80, 24), last)


async def check_every_key(size: tuple[int, int], last: int) -> None:
    async with session(playing(*training(1, last))).run_test(size=size) as pilot:
        await settled(pilot)
        run_screen(pilot).query_one(Charts).set_ghost(recorded(), "a-name-that-is-long" * 3)
        await pilot.press(*KEYS)
        await settled(pilot)
        assert "…" not in "".join(rows(pilot)[4:])
        await pilot.resize_terminal(80, 24)
        await settled(pilot)
        assert " loss " in shown(pilot)

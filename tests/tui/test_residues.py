"""The Residues pane: bars for all residues, and the wrong pairs of one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pair_events import config_of, evaluated, pairs_of, playing_pairs, task_of
from scripted import (
    SIZES,
    STARTED,
    ScriptedSource,
    rows,
    run_screen,
    session,
    settled,
    shown,
    until,
)
from textual.containers import VerticalScroll
from textual.pilot import Pilot

from grok_tui.protocol.results import Pairs
from grok_tui.tui.messages import Ending
from grok_tui.tui.panes.layout import PANES
from grok_tui.tui.panes.residues import Residues
from grok_tui.tui.widgets.residue_bars import ResidueBars, axis, bars, layout_of

TASK = task_of(113)
# Wrong: a tenth of the test pairs of residues 3, 13, 23, ... and all test pairs of residue 42.
WRONG = ~TASK.train_mask & (
    (TASK.answer == 42) | ((TASK.answer % 10 == 3) & (TASK.a % 10 == 0))
)
HALF_KNOWN = pairs_of(TASK, WRONG)


def half_known() -> ScriptedSource:
    return playing_pairs(113, evaluated(700, HALF_KNOWN))


async def opened(pilot: Pilot[Ending]) -> Residues:
    await settled(pilot)
    await pilot.press(str(PANES.index(Residues) + 1))
    await settled(pilot)
    return run_screen(pilot).query_one(Residues)


# --- calculations -----------------------------------------------------------------------


def test_bars_are_empty_only_at_0_and_full_only_at_1() -> None:
    values = np.array([0.0, 0.001, 0.5, 0.999, 1.0, np.nan], dtype=np.float32)
    assert bars(values, 1) == [" ▁▄▇█·"]
    assert bars(values, 2) == ["   ▇█ ", " ▁███·"]


@pytest.mark.parametrize("p", [5, 13, 113, 499])
@pytest.mark.parametrize("width", [1, 20, 58, 78, 158])
@pytest.mark.parametrize("height", [0, 3, 10, 30])
def test_every_residue_is_on_exactly_one_strip(p: int, width: int, height: int) -> None:
    layout = layout_of(p, width, height)
    assert layout.per_strip * layout.column <= width
    assert (layout.strips - 1) * layout.per_strip < p <= layout.strips * layout.per_strip
    assert layout.bar >= 1
    assert 1 <= layout.visible <= layout.strips
    for chosen in range(p):
        first = layout.first_visible(chosen)
        assert 0 <= first <= layout.strips - layout.visible
        assert first <= chosen // layout.per_strip < first + layout.visible
    if height >= 10 and layout.visible > 1:
        assert layout.visible * layout.lines <= height


def test_the_axis_omits_a_number_under_the_mark() -> None:
    assert str(axis(57, 14, 1, 40)) == "   60         "
    assert str(axis(57, 14, 1, 4)) == "    ▲         "
    assert str(axis(0, 5, 6, 3)) == "0     1     2     ▲     4     "


# --- the picture ------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_all_residues_are_shown_with_the_chosen_ones_counts(
    size: tuple[int, int],
) -> None:
    async with session(half_known()).run_test(size=size) as pilot:
        pane = await opened(pilot)
        strips = pane.query_one(ResidueBars)
        drawn = [row[strips.region.x :] for row in rows(pilot)]
        drawn = drawn[strips.region.y : strips.region.bottom]
        # Train: full bars everywhere; test: 42 is empty, the others are not.
        assert sum(row.count("█") for row in drawn) >= 113
        assert "train over test: right answers by residue, step 700" in shown(pilot)
        train = int((TASK.train_mask & (TASK.answer == 0)).sum())
        assert f"residue 0: train {train} of {train}, test {113 - train} of" in shown(pilot)
        assert "no wrong answers" in shown(pilot)
        assert pane.query_one(VerticalScroll).size.height >= 1


async def test_waiting_says_so_and_keys_do_no_harm() -> None:
    async with session(playing_pairs(113)).run_test() as pilot:
        await opened(pilot)
        assert "waiting for the first evaluation" in shown(pilot)
        await pilot.press("left", "down", "end", "w", "pagedown")
        assert "waiting for the first evaluation" in shown(pilot)


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_a_new_evaluation_changes_the_counts(size: tuple[int, int]) -> None:
    source = half_known()
    async with session(source).run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("w")
        assert "residue 42:" in shown(pilot)
        assert "instead of 42" in shown(pilot)
        source.deliver(evaluated(800, pairs_of(TASK, np.zeros_like(WRONG))))
        await until(pilot, lambda: "step 800" in shown(pilot))
        await settled(pilot)
        assert "no wrong answers" in shown(pilot)
        assert "residue 42:" in shown(pilot)


async def test_wrong_pairs_are_listed_least_likely_first() -> None:
    loss = HALF_KNOWN.loss.copy()
    pairs = np.flatnonzero(WRONG & (TASK.answer == 42))
    loss[pairs[5]] = np.float16(9.0)
    source = playing_pairs(113, evaluated(700, Pairs(HALF_KNOWN.answers, loss)))
    async with session(source).run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        await pilot.press("w")
        await settled(pilot)
        lines = [row for row in rows(pilot) if "instead of" in row]
        a, b = TASK.a[pairs[5]], TASK.b[pairs[5]]
        assert f"{a:3}, {b:3} →  43 instead of 42    1 off  p 1e-04  test" in lines[0]
        a, b = TASK.a[pairs[0]], TASK.b[pairs[0]]
        assert f"{a:3}, {b:3} →  43 instead of 42    1 off  p 0.250  test" in lines[1]


async def test_a_residue_without_pairs_in_a_half_is_a_gap() -> None:
    task = task_of(5)
    started = replace(STARTED, config=config_of(5), train_mask=task.answer != 0)
    known = evaluated(10, pairs_of(task, np.zeros_like(task.train_mask)))
    async with session(ScriptedSource(started, known)).run_test(size=(80, 24)) as pilot:
        strips = (await opened(pilot)).query_one(ResidueBars)
        assert "residue 0: train none, test 5 of 5" in shown(pilot)
        await pilot.press("right")
        await settled(pilot)
        assert "residue 1: train 5 of 5, test none" in shown(pilot)
        # 0 in train and the other four in test, each five columns wide.
        drawn = rows(pilot)[strips.region.y : strips.region.bottom]
        assert sum(row.count("·") for row in drawn) == 5 * 5


# --- keys and mouse ---------------------------------------------------------------------


# Each key starts from the residue that the previous one chose.
WAY = [
    ("right", 1), ("right", 2), ("left", 1), ("home", 0), ("left", 112), ("right", 0),
    ("end", 112), ("home", 0), ("up", 0), ("down", 57), ("down", 57), ("up", 0), ("w", 42),
]  # fmt: skip


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_keys_choose_a_residue(size: tuple[int, int]) -> None:
    async with session(half_known()).run_test(size=size) as pilot:
        await opened(pilot)
        for key, residue in WAY:
            await pilot.press(key)
            await settled(pilot)
            assert f"residue {residue}: train" in shown(pilot), key
            assert sum(row.count("▲") for row in rows(pilot)) == 1


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_pages_scroll_the_wrong_pairs(size: tuple[int, int]) -> None:
    async with session(half_known()).run_test(size=size) as pilot:
        pane = await opened(pilot)
        scroll = pane.query_one(VerticalScroll)
        await pilot.press("w", "pagedown")
        await settled(pilot)
        assert scroll.scroll_y == scroll.size.height > 0
        await pilot.press("pageup")
        assert scroll.scroll_y == 0
        await pilot.press("pagedown", "right", "left")
        await settled(pilot)
        assert scroll.scroll_y == 0


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_a_click_chooses_a_residue(size: tuple[int, int]) -> None:
    async with session(half_known()).run_test(size=size) as pilot:
        pane = await opened(pilot)
        strips = pane.query_one(ResidueBars)
        await pilot.click(ResidueBars, offset=(20, strips.size.height - 1))
        assert f"residue {57 + 20}:" in shown(pilot)
        beside = (57, strips.size.height - 1)  # strips of 57 residues leave this column free
        await pilot.click(ResidueBars, offset=beside)
        assert f"residue {57 + 20}:" in shown(pilot)


@pytest.mark.parametrize(("modulus", "operation"), [(5, "divide"), (499, "add")])
async def test_small_and_large_moduli_work(modulus: int, operation: str) -> None:
    task = task_of(modulus, operation)
    pairs = pairs_of(task, ~task.train_mask)
    source = playing_pairs(modulus, evaluated(10, pairs), operation=operation)
    async with session(source).run_test(size=(60, 16)) as pilot:
        await opened(pilot)
        for keys in ("end", "w", "down", "left"):
            await pilot.press(keys)
            await settled(pilot)
            assert sum(row.count("▲") for row in rows(pilot)) == 1
        await pilot.resize_terminal(20, 5)
        await pilot.resize_terminal(1, 1)
        await pilot.resize_terminal(120, 36)
        await settled(pilot)
        assert "instead of" in shown(pilot)

"""The Grid pane: the map of all pairs, its cursor and its colors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pair_events import evaluated, map_dots, pairs_of, playing_pairs, task_of
from scripted import SIZES, ScriptedSource, rows, run_screen, session, settled, shown, until
from textual.color import Color
from textual.pilot import Pilot

from grok_tui.protocol.results import Pairs
from grok_tui.tui.messages import Ending
from grok_tui.tui.panes.grid import Grid
from grok_tui.tui.panes.layout import PANES
from grok_tui.tui.themes import load_themes
from grok_tui.tui.widgets.half_blocks import levels, ramp
from grok_tui.tui.widgets.pair_map import PairMap
from grok_tui.view.pair_values import Quantity

THEMES = load_themes()[0]

# 13 x 13 pairs, memorized: answers to test pairs are off by one.
TASK = task_of(13)
MEMORIZED = pairs_of(TASK, ~TASK.train_mask)
# A train pair and a test pair.
EXAMPLES = [int(np.flatnonzero(half)[-1]) for half in (TASK.train_mask, ~TASK.train_mask)]


def memorized() -> ScriptedSource:
    return playing_pairs(13, evaluated(300, MEMORIZED))


def large(modulus: int = 113) -> ScriptedSource:
    task = task_of(modulus)
    return playing_pairs(modulus, evaluated(300, pairs_of(task, ~task.train_mask)))


async def opened(pilot: Pilot[Ending]) -> Grid:
    await settled(pilot)
    await pilot.press(str(PANES.index(Grid) + 1))
    await settled(pilot)
    return run_screen(pilot).query_one(Grid)


# --- the picture ------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_every_pair_has_its_color(size: tuple[int, int]) -> None:
    async with session(memorized()).run_test(size=size) as pilot:
        await opened(pilot)
        assert "correctness  right ██████ wrong  all pairs  step 300" in shown(pilot)
        colors = ramp("correctness", pilot.app.theme_variables)
        right, wrong = colors[0].rich_color, colors[-1].rich_color
        picture = map_dots(pilot)
        side = {(120, 36): 3, (80, 24): 2}[size]
        for at, known in enumerate(TASK.train_mask[1:], 1):  # the cursor is on the first
            dot = picture[side * TASK.a[at]][side * TASK.b[at]]
            assert dot == (right if known else wrong)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("modulus", [113, 499])
async def test_the_whole_map_is_on_screen(size: tuple[int, int], modulus: int) -> None:
    async with session(large(modulus)).run_test(size=size) as pilot:
        pane = await opened(pilot)
        surface = Color.parse(pilot.app.theme_variables["surface"]).rich_color
        picture = map_dots(pilot)
        filled = [row for row in picture if row and row[0] != surface]
        columns = sum(dot != surface for dot in filled[0])
        assert len(filled) == columns
        pool = int(str(pane.border_subtitle).split()[0])
        assert columns == -(-modulus // pool)
        assert f"{pool} x {pool} pairs to a cell" in shown(pilot)
        assert any(f" {modulus - 1} " in row for row in rows(pilot))
        assert "a 0  b 0  → " in shown(pilot)


async def test_waiting_says_so_and_keys_do_no_harm() -> None:
    async with session(playing_pairs(13)).run_test() as pilot:
        await opened(pilot)
        await pilot.press("right", "o", "k", "plus", "minus")
        await pilot.click(PairMap, offset=(10, 3))
        assert "waiting for the first evaluation" in shown(pilot)
        assert "a 0" not in shown(pilot)


async def test_a_new_evaluation_redraws_and_the_same_one_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[object] = []
    draw = PairMap.draw

    def draw_and_count(*args: Any) -> None:
        drawn.append(args)
        draw(*args)

    monkeypatch.setattr(PairMap, "draw", draw_and_count)
    source = memorized()
    async with session(source).run_test(size=(120, 36)) as pilot:
        pane = await opened(pilot)
        assert read_out(0, 0) in shown(pilot)
        before = len(drawn)
        pane.show(run_screen(pilot).state)
        assert len(drawn) == before
        source.deliver(evaluated(400, pairs_of(TASK, TASK.train_mask)))
        await until(pilot, lambda: "step 400" in shown(pilot))
        assert len(drawn) == before + 1


async def test_the_map_changes_with_the_theme() -> None:
    async with session(memorized()).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        for theme in THEMES:
            pilot.app.theme = theme
            await settled(pilot)
            colors = {dot for row in map_dots(pilot) for dot in row}
            wanted = ramp("correctness", pilot.app.theme_variables)
            assert {wanted[0].rich_color, wanted[-1].rich_color} <= colors, theme


# --- keys and mouse ---------------------------------------------------------------------


def read_out(a: int, b: int) -> str:
    """The cursor's line for one of the memorized 13 x 13 pairs."""
    at = 13 * a + b
    right = int(TASK.answer[at])
    if TASK.train_mask[at]:
        return f"a {a}  b {b}  → {right} (right)  p 1.000  train"
    return f"a {a}  b {b}  → {(right + 1) % 13} (right: {right})  p 0.250  test"


# Each key starts from the pair that the previous one reached.
WAY = [
    ("right", 0, 1), ("down", 1, 1), ("down", 2, 1), ("up", 1, 1), ("left", 1, 0),
    ("left", 1, 0), ("shift+right", 1, 10), ("shift+right", 1, 12), ("right", 1, 12),
    ("shift+down", 11, 12), ("shift+down", 12, 12), ("shift+up", 2, 12),
    ("shift+left", 2, 2), ("shift+up", 0, 2), ("up", 0, 2),
]  # fmt: skip


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_keys_move_the_cursor(size: tuple[int, int]) -> None:
    async with session(memorized()).run_test(size=size) as pilot:
        await opened(pilot)
        side = {(120, 36): 3, (80, 24): 2}[size]
        for key, a, b in WAY:
            before = map_dots(pilot)
            await pilot.press(key)
            await settled(pilot)
            assert read_out(a, b) in shown(pilot), key
            if (moved := map_dots(pilot)) != before:
                assert moved[side * a][side * b] != before[side * a][side * b]
            assert sum("▸" in row for row in rows(pilot)) == 1
            assert sum("▾" in row for row in rows(pilot)) == 1


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_o_goes_through_the_quantities(size: tuple[int, int]) -> None:
    chances = np.where(TASK.train_mask, 0.0, np.log(2)).astype(np.float16)
    pairs = Pairs(pairs_of(TASK, ~TASK.train_mask, off=6).answers, chances)
    _, at = EXAMPLES
    async with session(playing_pairs(13, evaluated(300, pairs))).run_test(size=size) as pilot:
        await opened(pilot)
        side = {(120, 36): 3, (80, 24): 2}[size]
        # A test pair is wrong, has some confidence, and is as far off as possible.
        shown_next: list[tuple[Quantity, float, str]] = [
            ("confidence", 0.5, "confidence  0 ██████ 1"),
            ("error distance", 1.0, "error distance  0 ██████ 6"),
            ("correctness", 1.0, "correctness  right ██████ wrong"),
        ]
        for measure, value, words in shown_next:
            await pilot.press("o")
            await settled(pilot)
            assert words in shown(pilot)
            colors = ramp(measure, pilot.app.theme_variables)
            wanted = colors[int(levels(np.array([value], dtype=np.float32))[0]) - 1].rich_color
            assert map_dots(pilot)[side * TASK.a[at]][side * TASK.b[at]] == wanted


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_k_shows_one_half_only(size: tuple[int, int]) -> None:
    async with session(memorized()).run_test(size=size) as pilot:
        await opened(pilot)
        side = {(120, 36): 3, (80, 24): 2}[size]
        surface = Color.parse(pilot.app.theme_variables["surface"]).rich_color
        every = np.ones_like(TASK.train_mask)
        for words, half in [
            ("train only", TASK.train_mask),
            ("test only", ~TASK.train_mask),
            ("all pairs", every),
        ]:
            await pilot.press("k")
            await settled(pilot)
            assert words in shown(pilot)
            picture = map_dots(pilot)
            for at in range(1, len(half)):
                dot = picture[side * TASK.a[at]][side * TASK.b[at]]
                assert (dot != surface) == half[at]


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_zooming_goes_from_the_whole_map_to_single_pairs(size: tuple[int, int]) -> None:
    async with session(large()).run_test(size=size) as pilot:
        pane = await opened(pilot)
        overview = str(pane.border_subtitle)
        assert "pairs to a cell" in overview
        await pilot.press("plus", "equals_sign", "plus", "shift+down", "shift+right")
        await settled(pilot)
        assert str(pane.border_subtitle) == ""
        assert sum("▸" in row for row in rows(pilot)) == 1
        for _ in range(8):
            await pilot.press("shift+down")
        await settled(pilot)
        assert "a 90  b 10" in shown(pilot)
        assert any("▸" in row for row in rows(pilot))
        await pilot.press("minus", "minus", "minus")
        await settled(pilot)
        assert str(pane.border_subtitle) == overview


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_a_click_moves_the_cursor(size: tuple[int, int]) -> None:
    async with session(memorized()).run_test(size=size) as pilot:
        await opened(pilot)
        side = {(120, 36): 3, (80, 24): 2}[size]
        margin = 5
        await pilot.click(PairMap, offset=(margin + side * 7, 1 + 4))
        await settled(pilot)
        assert read_out(8 // side, 7) in shown(pilot)
        await pilot.click(PairMap, offset=(margin + side * 13, 1 + 4))
        await pilot.click(PairMap, offset=(0, 3))
        await settled(pilot)
        assert read_out(8 // side, 7) in shown(pilot)


async def test_division_starts_at_b_1() -> None:
    task = task_of(13, "divide")
    known = evaluated(300, pairs_of(task, np.zeros_like(task.train_mask)))
    source = playing_pairs(13, known, operation="divide")
    async with session(source).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("down")
        assert "a 1  b 1  → 1 (right)" in shown(pilot)
        await pilot.press("shift+right", "right", "right")
        assert "a 1  b 12  → 12 (right)" in shown(pilot)


# --- without colors, and without room ----------------------------------------------------


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_in_ascii_a_pair_is_a_character(size: tuple[int, int]) -> None:
    app = session(memorized())
    app.ascii = True
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        check_characters(pilot)


@pytest.mark.parametrize("name", ["midnight", "terminal"])
async def test_without_colors_right_and_wrong_can_be_told_apart(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with session(memorized(), name).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        if name == "terminal":  # here Textual removes all colors
            check_characters(pilot)
            return
        grays = [map_dots(pilot)[2 * TASK.a[at]][2 * TASK.b[at]].triplet for at in EXAMPLES]
        assert all(gray and gray.red == gray.green == gray.blue for gray in grays)
        assert abs(grays[0].red - grays[1].red) >= 40


def check_characters(pilot: Pilot[Ending]) -> None:
    widget = run_screen(pilot).query_one(PairMap)
    drawn = "".join(widget.render_line(y).text[5:].rstrip() for y in range(1, 14))
    assert [c == "." for c in drawn] == TASK.train_mask.tolist()
    assert set(drawn) == {".", "#"}


async def test_no_size_breaks_it() -> None:
    async with session(large()).run_test(size=(120, 36)) as pilot:
        pane = await opened(pilot)
        for size in [(20, 5), (1, 1), (2, 60), (300, 3), (61, 16), (120, 36)]:
            await pilot.resize_terminal(*size)
            pane.focus()
            await pilot.press("right", "plus", "minus")
            await settled(pilot)
        await opened(pilot)
        await pilot.press("right")
        await settled(pilot)
        assert len([row for row in map_dots(pilot) if len(set(row)) > 1]) == 38

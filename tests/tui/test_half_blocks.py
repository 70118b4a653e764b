"""Drawing maps: the view of a map, the ramps, two rows as one line."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from pair_events import halves
from textual.color import Color

from grok_tui.tui.themes import Theme, load_themes
from grok_tui.tui.widgets.half_blocks import (
    BLANK,
    CURSOR,
    STEPS,
    Characters,
    HalfBlocks,
    levels,
    ramp,
    runs,
)
from grok_tui.tui.widgets.pair_map import view_of
from grok_tui.view.pair_values import Quantity

THEMES = load_themes()[0]
BLENDING = [theme for theme in THEMES.values() if theme.name != "terminal"]


# --- the view ---------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 4), (13, 13), (113, 113), (499, 498)])
@pytest.mark.parametrize("window", [(0, 0), (1, 1), (14, 52), (30, 73), (76, 73), (120, 115)])
def test_the_whole_map_fits_and_zooming_shows_the_cursor(
    shape: tuple[int, int], window: tuple[int, int]
) -> None:
    view = view_of(shape, window, (0, 0), 0)
    if min(window) >= 1:
        assert view.rows * view.pool >= shape[0]
        assert view.columns * view.pool >= shape[1]
    for cursor in [(0, 0), (shape[0] - 1, shape[1] - 1), (shape[0] // 2, 1)]:
        for zoom in range(view.deepest + 2):
            near = view_of(shape, window, cursor, zoom)
            assert near.rows * near.size <= window[0]
            assert near.columns * near.size <= window[1]
            if min(window) >= 1:
                assert near.top <= cursor[0] // near.pool < near.top + near.rows
                assert near.left <= cursor[1] // near.pool < near.left + near.columns
        assert view_of(shape, window, cursor, view.deepest).pool == 1


@pytest.mark.parametrize("zoom", [0, 1])
def test_a_dot_belongs_to_a_pair_of_its_cell(zoom: int) -> None:
    view = view_of((113, 112), (40, 60), (50, 60), zoom)
    for row in range(view.rows):
        for column in range(view.columns):
            pair = view.pair_at((row, column), (113, 112))
            assert pair is not None
            assert pair[0] // view.pool - view.top == row
            assert pair[1] // view.pool - view.left == column
    assert view.pair_at((view.rows, 0), (113, 112)) is None
    assert view.pair_at((0, view.columns), (113, 112)) is None
    assert view.pair_at((-1, 0), (113, 112)) is None


# --- levels and colors -----------------------------------------------------------------


def test_only_zero_is_the_first_level() -> None:
    values = np.array([np.nan, 0.0, 1e-6, 0.5, 0.95, 1.0], dtype=np.float32)
    assert levels(values).tolist() == [BLANK, 1, 2, 9, STEPS, STEPS]


def test_runs_join_equal_neighbors() -> None:
    assert runs(np.array([3, 3, 0, 3, 5, 5, 5])) == [(3, 2), (0, 1), (3, 1), (5, 3)]
    assert runs(np.array([], dtype=int)) == []


@pytest.mark.parametrize("theme", BLENDING, ids=lambda theme: theme.name)
@pytest.mark.parametrize("measure", get_args(Quantity))
def test_the_ends_of_a_ramp_differ_in_brightness(theme: Theme, measure: Quantity) -> None:
    colors = ramp(measure, theme.colors)
    assert len(colors) == STEPS
    grays = [color.monochrome.r for color in (colors[0], colors[-1])]
    surface = Color.parse(theme.colors["surface"]).monochrome.r
    assert abs(grays[0] - grays[1]) >= 40
    assert min(abs(gray - surface) for gray in grays) >= 8
    if measure == "correctness":
        assert min(abs(gray - surface) for gray in grays) >= 30


@pytest.mark.parametrize("measure", get_args(Quantity))
def test_a_terminals_own_colors_are_not_blended(measure: Quantity) -> None:
    colors = ramp(measure, THEMES["terminal"].colors)
    assert all(color.ansi is not None for color in colors)
    assert len(dict.fromkeys(color.ansi for color in colors)) == 3


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_two_rows_become_one_line(theme: Theme) -> None:
    colors = ramp("confidence", theme.colors)
    painter = HalfBlocks(colors, theme.colors)
    cells = np.array([[0, 1, 0, 1, 1, 0, 5 + CURSOR], [0, 0, 1, 1, 16, 5 + CURSOR, 1]])
    line = painter.line(cells)
    assert "".join(segment.text for segment in line) == " ▀▄█▀▄▀"
    surface = Color.parse(theme.colors["surface"]).rich_color
    first, last = colors[0].rich_color, colors[-1].rich_color
    both = [halves(segment) for segment in line]
    assert both[:5] == [
        (surface, surface), (first, surface), (surface, first), (first, first), (first, last),
    ]  # fmt: skip
    assert both[5][1] == both[6][0] != colors[4].rich_color


def test_characters_show_the_same_without_colors() -> None:
    cells = np.array([[BLANK, 1, 8, STEPS, CURSOR + 1]])
    line = Characters("correctness").line(cells)
    assert "".join(segment.text for segment in line) == " .4#."
    assert [bool(segment.style and segment.style.reverse) for segment in line][-2:] == [0, 1]
    assert Characters("confidence").line(cells)[3].text == "9"

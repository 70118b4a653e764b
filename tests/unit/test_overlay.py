"""Several runs in one chart, drawn by plotext as text."""

from __future__ import annotations

import re

import numpy as np
import plotext
import pytest

from grok_tui.view.charts.overlay import MARKERS, draw, legend
from grok_tui.view.charts.scales import ACCURACY, LOSS
from grok_tui.view.series import Series

SIZES = [(80, 16), (120, 24), (40, 12)]


def series(values: list[float], every: int = 10) -> Series:
    steps = every * np.arange(1, len(values) + 1)
    return Series().extended(steps, np.array(values))


def falling(start: float, count: int = 100) -> Series:
    return series(np.geomspace(start, 1e-6, count).tolist())


def picture(
    *runs: Series, size: tuple[int, int] = SIZES[0], diverged: tuple[int, ...] = ()
) -> list[str]:
    """The lines of the chart without colors."""
    return plotext.uncolorize(draw(plotext, LOSS.log, runs, size, diverged)).split("\n")


def canvas(lines: list[str]) -> list[str]:
    """The parts of lines to the right of the axis."""
    return [re.split("[┤│]", line, maxsplit=1)[1] for line in lines if re.search("[┤│]", line)]


def axis(lines: list[str]) -> list[str]:
    """The labels of the vertical axis, row by row."""
    return [re.split("[┤│]", line)[0] for line in lines]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [2, 6, len(MARKERS)])
def test_every_run_has_its_marker_and_the_chart_has_its_size(
    count: int, size: tuple[int, int]
) -> None:
    lines = picture(*(falling(2.0**k) for k in range(count)), size=size)
    assert len(lines) == size[1]
    assert {len(line) for line in lines} == {size[0]}
    inside = "".join(canvas(lines))
    assert set(inside) - {" "} <= set(MARKERS[:count])
    if count <= 6:
        assert set(inside) - {" "} == set(MARKERS[:count])


def test_markers_differ_from_each_other_and_from_the_axes() -> None:
    assert len(set(MARKERS)) == len(MARKERS)
    assert MARKERS.isascii()
    assert not set(MARKERS) & set("0123456789.-e%| ")


def test_runs_that_coincide_take_turns() -> None:
    same = falling(5.0)
    inside = "".join(canvas(picture(same, same, same)))
    counts = [inside.count(marker) for marker in MARKERS[:3]]
    assert min(counts) > 0.2 * sum(counts)


def test_runs_that_part_are_both_drawn_completely() -> None:
    """As with a branch: equal up to the middle, then one loss stays and the other falls."""
    stays = series([1.0] * 100)
    falls = series([1.0] * 50 + [1e-4] * 50)
    rows = canvas(picture(stays, falls))
    (top,) = [row for row in rows if "o" in row]
    bottom = rows[-1]
    assert set(top[1:36]) == {"o", "x"}
    assert set(top[39:]) == {"o"}
    assert set(bottom[38:]) == {"x"}


def test_heights_and_steps_are_labeled() -> None:
    lines = picture(series([1.0] * 50 + [1e-4] * 50), series([1e-2] * 100))
    labeled = {line.split("┤")[0].strip(): line for line in lines if "┤" in line}
    assert labeled["1"].count("o") > 30
    assert labeled["1e-4"].count("o") > 30
    assert labeled["0.01"].count("x") > 60
    assert lines[-1].split() == ["0", "200", "400", "600", "800", "1000"]


def test_a_short_run_ends_where_it_ended() -> None:
    rows = canvas(picture(series([1.0] * 100), series([1e-3] * 25)))
    assert max(row.rstrip().rfind("x") for row in rows) == pytest.approx(73 / 4, abs=1)


def test_accuracy_is_in_percent() -> None:
    runs = [series([0.0] * 50 + [1.0] * 50), series([0.5] * 100)]
    lines = plotext.uncolorize(draw(plotext, ACCURACY.linear, runs, (80, 16))).split("\n")
    labeled = {line.split("┤")[0].strip(): line for line in lines if "┤" in line}
    assert labeled["100%"].count("o") > 30
    assert labeled["50%"].count("x") > 60


def test_nan_and_infinity_are_gaps() -> None:
    broken = series([1.0] * 40 + [float("nan")] * 20 + [1.0] * 40)
    rows = canvas(picture(broken, series([1e-3] * 100)))
    (row,) = [row for row in rows if "o" in row]
    assert row[32:42].strip() == ""
    assert row.count("o") > 50


def test_charts_of_one_point_and_of_none() -> None:
    assert "".join(canvas(picture(series([1.0]), series([])))).count("o") == 1
    nothing = [series([]), series([float("inf")])]
    assert draw(plotext, LOSS.log, nothing, (80, 16)) == ""


def test_only_markers_have_colors() -> None:
    text = draw(plotext, LOSS.log, [falling(1.0), falling(9.0)], (80, 16))
    assert len(set(re.findall(r"\x1b\[38;5;(\d+)m", text))) == 2
    assert "\x1b[48" not in text  # the terminal's own background


def test_a_chart_drawn_again_is_the_same() -> None:
    runs = [falling(1.0), falling(9.0)]
    first = draw(plotext, LOSS.log, runs, (80, 16))
    draw(plotext, ACCURACY.linear, [series([0.5]), series([])], (40, 12))
    assert draw(plotext, LOSS.log, runs, (80, 16)) == first


@pytest.mark.parametrize("width", [80, 30, 10])
def test_the_legend_names_every_run_beside_its_marker(width: int) -> None:
    names = ["quick-0", "runs/quick-1", "nanda"]
    lines = plotext.uncolorize(legend(plotext, "test loss", names, width)).split("\n")
    entries = re.split(" {2,}", "   ".join(lines))
    assert entries == ["test loss", "o quick-0", "x runs/quick-1", "+ nanda"]
    assert all(len(line) <= max(width, 16) for line in lines)
    assert (len(lines) == 1) == (width == 80)


def test_the_legend_has_the_colors_of_the_curves() -> None:
    text = draw(plotext, LOSS.log, [falling(1.0), falling(9.0)], (80, 16))
    drawn = dict(reversed(pair) for pair in re.findall(r"(\x1b\[38;5;\d+m)([ox])", text))
    named = legend(plotext, "test loss", ["a", "b"], 80)
    for color in re.findall(r"\x1b\[38;5;\d+m(?=[ox])", named):
        assert color in drawn.values()
    assert named.count("\x1b[38") == 2


def test_a_diverged_run_does_not_flatten_the_others() -> None:
    sound, exploded = falling(5.0), series([4.8, 1e3, 1e20, 1e35])
    lines = picture(sound, exploded, diverged=(1,))
    assert axis(lines) == axis(picture(sound))
    assert "x" in "".join(canvas(lines)[:2])  # it leaves at the top
    assert "".join(canvas(lines)).count("o") >= "".join(canvas(picture(sound))).count("o") - 4


def test_runs_that_all_diverged_are_shown_whole() -> None:
    exploded = series([4.8, 1e3, 1e20, 1e35])
    assert picture(exploded, exploded, diverged=(0, 1)) == picture(exploded, exploded)

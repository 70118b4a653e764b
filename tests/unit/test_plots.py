from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual_plotext.plot import Plot

from grok_tui.config import Config
from grok_tui.tui.plots import LOSS_FLOOR, decimate, draw_accuracy, draw_loss
from grok_tui.tui.series import Series
from grok_tui.tui.state import Mark, SessionState

COLORS = {
    "train": (10, 20, 30), "test": (40, 50, 60), "edit": (70, 80, 90), "phase": (1, 2, 3),
    "background": (0, 0, 0),
}  # fmt: skip
WIDTH, HEIGHT = 60, 18
DRAWS = [draw_loss, draw_accuracy]


def series(values: list[float], every: int = 1, first: int = 1) -> Series:
    steps = first * every + every * np.arange(len(values))
    return Series().extended(steps, np.array(values))


def state(train: list[float], test: list[float], **fields: Any) -> SessionState:
    """Losses as given; the accuracies of the test steps rise from 0 to 1."""
    rising = series(np.linspace(0, 1, len(test)).tolist(), every=10)
    return SessionState(
        Config().model_dump(), train_loss=series(train), test_loss=series(test, every=10),
        train_acc=rising, test_acc=rising, **fields,
    )  # fmt: skip


class Spy(Plot):
    """A figure that remembers what it was last told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, Any] = {}
        self.lines: list[tuple[list[float], list[float]]] = []

    def clear_figure(self) -> None:
        self.told, self.lines = {}, []
        super().clear_figure()

    def plot(self, xs: list[float], ys: list[float], **options: Any) -> None:
        if options.get("color") in (COLORS["train"], COLORS["test"]):
            self.lines.append((xs, ys))
        super().plot(xs, ys, **options)

    def xlim(self, *limits: float) -> None:
        self.told["xlim"] = limits
        super().xlim(*limits)

    def ylim(self, *limits: float) -> None:
        self.told["ylim"] = limits
        super().ylim(*limits)

    def xticks(self, places: list[float], labels: list[str]) -> None:
        self.told["xticks"] = list(zip(places, labels, strict=True))
        super().xticks(places, labels)

    def yticks(self, places: list[float], labels: list[str]) -> None:
        self.told["yticks"] = list(zip(places, labels, strict=True))
        super().yticks(places, labels)


def drawn(
    draw: Any, what: SessionState, plt: Spy | None = None, *, recent: bool = False
) -> tuple[Spy, str]:
    """The figure and its picture without colours."""
    plt = plt or Spy()
    draw(plt, what, (WIDTH, HEIGHT), COLORS, recent=recent)
    plt.plotsize(WIDTH, HEIGHT)  # as Textual's widget does
    return plt, re.sub(r"\x1b\[[0-9;]*m", "", plt.build())


# --- decimate -----------------------------------------------------------------------------


def check_decimated(values: list[float], columns: int) -> None:
    steps = np.arange(len(values)) * 3.0 + 1
    data = np.array(values, dtype=np.float64)
    few_steps, few = decimate(steps, data, columns)
    assert len(few_steps) == len(few) <= 2 * columns
    assert (np.diff(few_steps) > 0).all()
    index = np.searchsorted(steps, few_steps)
    np.testing.assert_array_equal(steps[index], few_steps)  # only points there were
    np.testing.assert_array_equal(data[index], few)
    # Each of `columns` equal stretches keeps its extremes.
    edges = np.linspace(0, len(values), columns + 1).astype(int)
    for start, end in pairwise(edges):
        if start < end:
            kept = few[(index >= start) & (index < end)]
            assert kept.min() == data[start:end].min()
            assert kept.max() == data[start:end].max()


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e9, 1e9), max_size=300),
    st.integers(1, 40),
)
def test_decimating_keeps_order_and_every_columns_extremes(
    values: list[float], columns: int
) -> None:
    check_decimated(values, columns)


@pytest.mark.parametrize("n", [39, 40, 41, 1000, 25_000])
def test_decimating_a_noisy_fall(n: int) -> None:
    rng = np.random.default_rng(n)
    check_decimated((np.exp(-np.arange(n) / n) + 0.1 * rng.standard_normal(n)).tolist(), 20)


def test_a_spike_of_one_step_survives() -> None:
    values = np.ones(25_000)
    values[17_777] = 50
    steps, few = decimate(np.arange(25_000.0), values, 80)
    assert few.max() == 50
    assert steps[few.argmax()] == 17_777


def test_few_points_stay_as_they_are() -> None:
    steps, values = np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 2.0])
    few_steps, few = decimate(steps, values, 2)
    np.testing.assert_array_equal(few_steps, steps)
    np.testing.assert_array_equal(few, values)
    for array in decimate(np.empty(0), np.empty(0), 5):
        assert array.shape == (0,)


# --- the charts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [[4.7, 0.3], [2.0, 1e-7], [1e-3, 1e-12], [0.5, 0.5], [3000.0, 2.0], [1e5, 1e-12]],
)
def test_log_ticks_say_the_losses_themselves(values: list[float]) -> None:
    plt, _ = drawn(draw_loss, state(values * 20, values))
    low, high = plt.told["ylim"]
    ticks = plt.told["yticks"]
    assert len(ticks) >= 2
    for place, label in ticks:
        assert 10**place == pytest.approx(float(label), rel=1e-6)
        assert low - 1e-6 <= place <= high + 1e-6
    assert low <= np.log10(min(values)) + 1e-6
    assert high >= np.log10(max(values)) - 1e-6
    places = [place for place, _ in ticks]
    assert places == sorted(set(places))


def test_a_loss_lies_on_the_row_of_its_tick() -> None:
    """From label to curve through the whole picture: a constant line at a power of ten."""
    what = state([10.0] + [1e-4] * 399, [0.01] * 40)
    _, picture = drawn(draw_loss, what)
    (row,) = [line for line in picture.splitlines() if line.split("┤")[0].strip() == "0.01"]
    others = [line for line in picture.splitlines() if "┤" in line and line != row]

    def blocks(line: str) -> int:
        return sum(char in "▀▄█▌▐▘▝▖▗▚▞▛▜▙▟" for char in line)

    assert blocks(row) > WIDTH / 2
    assert sum(blocks(line) for line in others) == 0


@pytest.mark.parametrize("draw", DRAWS)
def test_step_ticks_say_the_steps(draw: Any) -> None:
    for n in (1, 2, 7, 40, 999, 25_000):
        plt, _ = drawn(draw, state([1.0] * n, [1.0] * (n // 10)))
        first, last = plt.told["xlim"]
        assert last >= n
        assert len(plt.told["xticks"]) >= 2
        for place, label in plt.told["xticks"]:
            assert first <= place <= last
            size = {"k": 1e3, "M": 1e6}.get(label[-1])
            assert place == (float(label[:-1]) * size if size else float(label))


def test_accuracy_is_in_percent() -> None:
    plt, picture = drawn(draw_accuracy, state([1.0] * 100, [1.0] * 10))
    for place, label in plt.told["yticks"]:
        assert f"{place:g}%" == label.strip()
    for _, values in plt.lines:
        assert (min(values), max(values)) == (0, 100)
    assert "100%" in picture


def test_a_loss_of_zero_is_drawn_at_the_floor() -> None:
    plt, _ = drawn(draw_loss, state([1.0, 0.0, 1e-30], [1.0]))
    assert plt.lines[0][1][1:] == pytest.approx([np.log10(LOSS_FLOOR)] * 2)
    assert plt.told["ylim"][0] <= np.log10(LOSS_FLOOR) + 1e-9


def test_a_chart_has_no_more_points_than_it_can_show() -> None:
    plt, _ = drawn(draw_loss, state(np.geomspace(5, 1e-6, 25_000).tolist(), [1.0] * 2500))
    assert [len(xs) for xs, _ in plt.lines] == [2 * WIDTH, WIDTH]


@pytest.mark.parametrize("draw", DRAWS)
def test_before_the_first_evaluation_only_the_train_loss_is_drawn(draw: Any) -> None:
    plt, picture = drawn(draw, state([4.0, 3.0], []))
    assert len(plt.lines) == (draw is draw_loss)
    assert picture.strip()


@pytest.mark.parametrize("draw", DRAWS)
def test_one_point(draw: Any) -> None:
    one = SessionState(
        Config().model_dump(), train_loss=series([4.7]), test_loss=series([4.7]),
        train_acc=series([0.0]), test_acc=series([0.0]),
    )  # fmt: skip
    plt, picture = drawn(draw, one)
    assert [len(xs) for xs, _ in plt.lines] == [1, 1]
    low, high = plt.told["ylim"]
    assert low < high
    assert picture.strip()


@pytest.mark.parametrize("draw", DRAWS)
def test_a_figure_drawn_again_is_the_same_picture(draw: Any) -> None:
    """plotext's own log scale failed here; nothing of the first drawing may stay either."""
    marks = (Mark(20, "edit", "wd 2"), Mark(30, "phase", "GROKKED"))
    what = state(np.geomspace(5, 1e-6, 400).tolist(), [2.0, 1.0, 0.1] * 10, marks=marks)
    plt, first = drawn(draw, what)
    assert plt.build() == plt.build()
    assert drawn(draw, what, plt)[1] == first
    drawn(draw, state([7.0], [7.0]), plt)
    assert drawn(draw, what, plt)[1] == first


@pytest.mark.parametrize("draw", DRAWS)
def test_marks_stand_where_they_happened(draw: Any) -> None:
    marks = (Mark(100, "edit", "HERE"), Mark(300, "phase", "THERE"))
    _, picture = drawn(draw, state([1.0] * 400, [1.0] * 40, marks=marks))
    axis = len("  100%┤") - 1
    inside = [line[axis:] for line in picture.split("\n")[1:-3]]
    for sign, share in (("┊", 0.25), ("│", 0.75)):
        columns = {i for line in inside for i, char in enumerate(line) if char == sign and i}
        (column,) = columns
        assert column / (WIDTH - axis) == pytest.approx(share, abs=1.5 / (WIDTH - axis))
    top = picture.split("\n")[0]
    assert 0 < top.index("HERE") < top.index("THERE")


@pytest.mark.parametrize("draw", DRAWS)
def test_a_mark_beyond_the_steps_is_not_drawn(draw: Any) -> None:
    for step in (0, 401):
        mark = Mark(step, "phase", "HERE")
        _, picture = drawn(draw, state([1.0] * 400, [1.0] * 40, marks=(mark,)))
        assert "HERE" not in picture


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize(("n", "first"), [(1000, 800), (120, 70), (40, 0)])
def test_the_recent_view_shows_the_newest_steps(draw: Any, n: int, first: int) -> None:
    """A fifth of them, and fifty at least."""
    marks = (Mark(n // 4, "edit", "LONG AGO"), Mark(n - 5, "edit", "NOW"))
    what = state(np.geomspace(5, 0.1, n).tolist(), [1.0] * (n // 10), marks=marks)
    plt, picture = drawn(draw, what, recent=True)
    assert plt.told["xlim"] == (first, n)
    for xs, _ in plt.lines:
        assert min(xs) >= first
        assert max(xs) == n
    assert all(first <= place <= n for place, _ in plt.told["xticks"])
    assert ("LONG AGO" in picture) == (first == 0)
    assert "NOW" in picture


def test_the_recent_losses_fill_the_chart() -> None:
    what = state(np.geomspace(5, 1e-6, 1000).tolist(), [1e-5] * 100)
    (low, high), (all_low, all_high) = (
        drawn(draw_loss, what, recent=recent)[0].told["ylim"] for recent in (True, False)
    )
    assert low == pytest.approx(all_low)
    assert high < -4 < 0 < all_high


@pytest.mark.parametrize("draw", DRAWS)
def test_recent_steps_without_an_evaluation(draw: Any) -> None:
    what = state([1.0] * 1000, [1.0] * 3)
    plt, picture = drawn(draw, what, recent=True)
    assert [len(xs) for xs, _ in plt.lines] == ([WIDTH] if draw is draw_loss else [])
    assert picture.strip()

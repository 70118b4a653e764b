from __future__ import annotations

import numpy as np
import pytest
from figures import ALL, COLUMNS, KINDS, NAMES, RECENT, WIDTH, drawn, series, state

from grok_tui.config.schema import Config
from grok_tui.view.charts.scales import ACCURACY, LOSS, LOSS_FLOOR, Kind
from grok_tui.view.state import Mark, SessionState

# --- the charts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [[4.7, 0.3], [2.0, 1e-7], [1e-3, 1e-12], [0.5, 0.5], [3000.0, 2.0], [1e5, 1e-12]],
)
def test_log_ticks_are_labeled_with_losses(values: list[float]) -> None:
    plt, _ = drawn(LOSS, state(values * 20, values))
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
    """A constant line at a power of ten is on the row of its label."""
    what = state([10.0] + [1e-4] * 399, [0.01] * 40)
    _, picture = drawn(LOSS, what)
    (row,) = [line for line in picture.splitlines() if line.split("┤")[0].strip() == "0.01"]
    others = [line for line in picture.splitlines() if "┤" in line and line != row]

    def blocks(line: str) -> int:
        return sum(char in "▀▄█▌▐▘▝▖▗▚▞▛▜▙▟" for char in line)

    assert blocks(row) > WIDTH / 2
    assert sum(blocks(line) for line in others) == 0


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_step_ticks_are_labeled_with_steps(kind: Kind) -> None:
    for n in (1, 2, 7, 40, 999, 25_000):
        plt, _ = drawn(kind, state([1.0] * n, [1.0] * (n // 10)))
        first, last = plt.told["xlim"]
        assert last >= n
        assert len(plt.told["xticks"]) >= 2
        for place, label in plt.told["xticks"]:
            assert first <= place <= last
            size = {"k": 1e3, "M": 1e6}.get(label[-1])
            assert place == (float(label[:-1]) * size if size else float(label))


def test_accuracy_is_in_percent() -> None:
    plt, picture = drawn(ACCURACY, state([1.0] * 100, [1.0] * 10))
    for place, label in plt.told["yticks"]:
        assert f"{place:g}%" == label.strip()
    for _, values in plt.lines:
        assert (min(values), max(values)) == (0, 100)
    assert "100%" in picture


def test_a_loss_of_zero_is_drawn_at_the_floor() -> None:
    plt, _ = drawn(LOSS, state([1.0, 0.0, 1e-30], [1.0]))
    assert plt.lines[0][1][1:] == pytest.approx([np.log10(LOSS_FLOOR)] * 2)
    assert plt.told["ylim"][0] <= np.log10(LOSS_FLOOR) + 1e-9


def test_a_chart_plots_no_more_points_than_it_can_show() -> None:
    plt, _ = drawn(LOSS, state(np.geomspace(5, 1e-6, 25_000).tolist(), [1.0] * 2500))
    assert [len(xs) for xs, _ in plt.lines] == [2 * COLUMNS, COLUMNS]


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_before_the_first_evaluation_only_the_train_loss_is_drawn(kind: Kind) -> None:
    plt, picture = drawn(kind, state([4.0, 3.0], []))
    assert len(plt.lines) == (kind is LOSS)
    assert picture.strip()


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_a_chart_of_one_point(kind: Kind) -> None:
    one = SessionState(
        Config().model_dump(), train_loss=series([4.7]), test_loss=series([4.7]),
        train_acc=series([0.0]), test_acc=series([0.0]),
    )  # fmt: skip
    plt, picture = drawn(kind, one)
    assert [len(xs) for xs, _ in plt.lines] == [1, 1]
    low, high = plt.told["ylim"]
    assert low < high
    assert picture.strip()


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_drawing_again_gives_the_same_chart(kind: Kind) -> None:
    """Nothing may be left of the first drawing; plotext's own log scale failed here, too."""
    marks = (Mark(20, "edit", "wd 2"), Mark(30, "phase", "GROKKED"))
    what = state(np.geomspace(5, 1e-6, 400).tolist(), [2.0, 1.0, 0.1] * 10, marks=marks)
    plt, first = drawn(kind, what)
    assert plt.build() == plt.build()
    assert drawn(kind, what, plt)[1] == first
    drawn(kind, state([7.0], [7.0]), plt)
    assert drawn(kind, what, plt)[1] == first


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_marks_are_at_their_steps(kind: Kind) -> None:
    marks = (Mark(100, "edit", "HERE"), Mark(300, "phase", "THERE"))
    _, picture = drawn(kind, state([1.0] * 400, [1.0] * 40, marks=marks))
    axis = len("  100%┤") - 1
    inside = [line[axis:] for line in picture.split("\n")[1:-3]]
    for sign, share in (("┊", 0.25), ("│", 0.75)):
        columns = {i for line in inside for i, char in enumerate(line) if char == sign and i}
        (column,) = columns
        assert column / (WIDTH - axis) == pytest.approx(share, abs=1.5 / (WIDTH - axis))
    top = picture.split("\n")[0]
    assert 0 < top.index("HERE") < top.index("THERE")


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_a_mark_beyond_the_steps_is_not_drawn(kind: Kind) -> None:
    for step in (0, 401):
        mark = Mark(step, "phase", "HERE")
        _, picture = drawn(kind, state([1.0] * 400, [1.0] * 40, marks=(mark,)))
        assert "HERE" not in picture


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@pytest.mark.parametrize(("n", "first"), [(1000, 800), (120, 70), (40, 0)])
def test_the_recent_view_shows_the_newest_steps(kind: Kind, n: int, first: int) -> None:
    """A fifth of the steps, and at least fifty."""
    marks = (Mark(n // 4, "edit", "LONG AGO"), Mark(n - 5, "edit", "NOW"))
    what = state(np.geomspace(5, 0.1, n).tolist(), [1.0] * (n // 10), marks=marks)
    plt, picture = drawn(kind, what, view=RECENT)
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
        drawn(LOSS, what, view=view)[0].told["ylim"] for view in (RECENT, ALL)
    )
    assert low == pytest.approx(all_low)
    assert high < -4 < 0 < all_high


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
def test_recent_steps_without_an_evaluation(kind: Kind) -> None:
    what = state([1.0] * 1000, [1.0] * 3)
    plt, picture = drawn(kind, what, view=RECENT)
    assert [len(xs) for xs, _ in plt.lines] == ([COLUMNS] if kind is LOSS else [])
    assert picture.strip()

from __future__ import annotations

import numpy as np
import pytest
from figures import COLUMNS, KINDS, NAMES, WIDTH, drawn, series, state

from grok_tui.config.schema import Config
from grok_tui.view.charts.plot import share_at
from grok_tui.view.charts.scales import ACCURACY, LOSS, PERCENT_FLOOR, Kind
from grok_tui.view.charts.window import Axes, ChartView, Smoothing
from grok_tui.view.state import Mark, SessionState

# --- logarithmic and linear axes ----------------------------------------------------------


@pytest.mark.parametrize(
    "values", [[4.7, 0.3], [1e-7, 3e-8], [0.0, 0.0], [9999.0, 2.0], [25.0, 1.0]]
)
def test_linear_losses_start_at_zero_with_labeled_ticks(values: list[float]) -> None:
    plt, _ = drawn(LOSS, state(values * 20, values), axes=Axes())
    low, high = plt.told["ylim"]
    assert low == 0
    assert high >= max(values)
    assert len(plt.told["yticks"]) >= 2
    for place, label in plt.told["yticks"]:
        assert place == pytest.approx(float(label), rel=1e-6)
        assert low <= place <= high


def test_logarithmic_accuracies_are_in_percent_with_a_floor() -> None:
    plt, picture = drawn(ACCURACY, state([1.0] * 100, [1.0] * 10), axes=Axes(log_y=True))
    for _, heights in plt.lines:
        assert (min(heights), max(heights)) == (np.log10(PERCENT_FLOOR), 2)
    for place, label in plt.told["yticks"]:
        assert f"{10**place:g}%" == label.strip()
    assert "0.1%" in picture
    assert "100%" in picture


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@pytest.mark.parametrize("n", [1, 2, 7, 999, 25_000])
def test_logarithmic_steps_start_at_the_first(kind: Kind, n: int) -> None:
    what = state([1.0] * n, [1.0] * (n // 10))
    plt, picture = drawn(kind, what, axes=Axes(log_x=True))
    first, last = plt.told["xlim"]
    assert first == 0
    assert last == pytest.approx(np.log10(max(n, 2)))
    for place, label in plt.told["xticks"]:
        size = {"k": 1e3, "M": 1e6}.get(label[-1])
        assert 10**place == pytest.approx(float(label[:-1]) * size if size else float(label))
    for places, _ in plt.lines:
        assert first <= min(places) <= max(places) <= last + 1e-9
    assert picture.strip()


def test_a_mark_is_at_its_logarithm() -> None:
    what = state([1.0] * 10_000, [1.0] * 1000, marks=(Mark(100, "edit", "HERE"),))
    _, picture = drawn(LOSS, what, axes=Axes(log_x=True))
    (column,) = {line.index("┊") for line in picture.split("\n") if "┊" in line}
    assert (column - 6) / (COLUMNS - 1) == pytest.approx(0.5, abs=1 / COLUMNS)


# --- the window ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@pytest.mark.parametrize("log_x", [False, True])
def test_a_zoomed_line_extends_to_the_edges(kind: Kind, log_x: bool) -> None:
    """Even between two evaluations the line is visible."""
    what = state(np.geomspace(5, 1e-6, 1000).tolist(), np.linspace(5, 1, 100).tolist())
    view = ChartView(span=6.0, end=508.0)
    plt, _ = drawn(kind, what, view=view, axes=Axes(log_x=log_x, log_y=kind is LOSS))
    assert len(plt.lines) == 2
    for places, heights in plt.lines:
        assert (min(places), max(places)) == pytest.approx(plt.told["xlim"])
        assert np.isfinite(heights).all()


def test_a_mark_out_of_the_window_is_not_drawn() -> None:
    marks = (Mark(100, "edit", "BEFORE"), Mark(500, "edit", "IN"), Mark(900, "edit", "AFTER"))
    what = state([1.0] * 1000, [1.0] * 100, marks=marks)
    _, picture = drawn(LOSS, what, view=ChartView(span=400.0, end=700.0))
    assert "IN" in picture
    assert "BEFORE" not in picture
    assert "AFTER" not in picture


def test_the_crosshair_is_at_its_step() -> None:
    for step in (1, 300, 1000):
        view = ChartView(crosshair=step)
        _, picture = drawn(LOSS, state([1.0] * 1000, [1.0]), view=view)
        (column,) = {line.index("┃") for line in picture.split("\n") if "┃" in line}
        assert share_at(column, WIDTH) == pytest.approx(step / 1000, abs=1 / COLUMNS)


def test_a_crosshair_out_of_the_window_is_not_drawn() -> None:
    view = ChartView(span=400.0, end=700.0, crosshair=100)
    assert "┃" not in drawn(LOSS, state([1.0] * 1000, [1.0]), view=view)[1]


# --- behind the curves --------------------------------------------------------------------


def test_smoothing_keeps_the_raw_curve_behind() -> None:
    rng = np.random.default_rng(0)
    noisy = np.exp(rng.standard_normal(2000)).tolist()
    plt, _ = drawn(LOSS, state(noisy, noisy[:200]), view=ChartView(smoothing="strong"))
    raw, smooth = plt.behind["train"], plt.lines[0][1]
    assert raw == drawn(LOSS, state(noisy, noisy[:200]))[0].lines[0][1]
    assert np.ptp(smooth) < np.ptp(raw) / 4


def test_a_ghost_is_drawn_behind_and_fits() -> None:
    what, ghost = state([1.0] * 100, [1.0] * 10), state([1e-5] * 50, [100.0] * 5)
    plt, picture = drawn(LOSS, what, ghost=ghost)
    low, high = plt.told["ylim"]
    assert low <= -5
    assert high >= 2
    assert set(plt.behind) == {"train", "test"}
    assert any(line.count("·") > COLUMNS / 3 for line in picture.split("\n"))
    assert any(line.count("×") > COLUMNS / 4 for line in picture.split("\n"))  # noqa: RUF001


# --- NaN and infinity ---------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("log_y", [False, True])
def test_nan_and_infinity_are_gaps(bad: float, log_y: bool) -> None:
    values = [2.0] * 400 + [bad] * 200 + [1.0] * 400
    plt, _ = drawn(LOSS, state(values, []), axes=Axes(log_y=log_y))
    (before, _), (after, heights) = plt.lines
    assert max(before) <= 400
    assert min(after) >= 601
    assert np.isfinite(heights).all()
    assert np.isfinite(plt.told["ylim"]).all()


@pytest.mark.parametrize("kind", KINDS, ids=NAMES)
@pytest.mark.parametrize("log_y", [False, True])
@pytest.mark.parametrize("smoothing", ["none", "strong"])
def test_only_nan_and_inf_in_view_gives_a_message(
    kind: Kind, log_y: bool, smoothing: Smoothing
) -> None:
    bad = series([np.nan, np.inf] * 5)
    what = SessionState(
        Config().model_dump(), train_loss=bad, test_loss=bad, train_acc=bad, test_acc=bad
    )
    view = ChartView(smoothing=smoothing)
    assert "NaN and inf" in drawn(kind, what, axes=Axes(log_y=log_y), view=view)[1]


# --- cost ---------------------------------------------------------------------------------


def test_drawing_does_not_cost_more_for_a_longer_history() -> None:
    """The number of points that plotext gets is bounded by the number of columns."""
    rng = np.random.default_rng(0)
    noisy = np.exp(rng.standard_normal(100_000)).tolist()
    what = state(noisy, noisy)
    plt, _ = drawn(LOSS, what, ghost=what, view=ChartView(smoothing="light"))
    assert all(len(places) <= 2 * COLUMNS for places, _ in plt.lines)
    assert all(len(heights) <= 2 * COLUMNS for heights in plt.behind.values())

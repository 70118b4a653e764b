from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_tui.view.charts.window import CLOSEST, ChartView, place, places, step_at

HISTORY = (0.0, 1000.0)


def zoomed_to(first: float, last: float) -> ChartView:
    return ChartView(span=last - first, end=last)


# --- the window -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("view", "window"),
    [
        (ChartView(), (0, 1000)),
        (ChartView(span="recent"), (800, 1000)),
        (ChartView(span=300.0), (700, 1000)),
        (ChartView(span=5000.0), (0, 1000)),
        (ChartView(end=400.0), (0, 400)),
        (ChartView(span="recent", end=400.0), (320, 400)),
        (ChartView(span="recent", end=100.0), (50, 100)),
        (zoomed_to(200, 300), (200, 300)),
    ],
)
def test_the_window(view: ChartView, window: tuple[float, float]) -> None:
    assert view.window(HISTORY) == window


def test_a_resumed_run_begins_later() -> None:
    assert ChartView().window((500, 900)) == (500, 900)
    assert ChartView(span=800.0).window((500, 900)) == (500, 900)


def test_one_step_has_a_window() -> None:
    assert ChartView().window((0, 1)) == (0, 1)
    for log in (False, True):
        low, high = places((0, 1), log=log)
        assert low < high


def test_a_followed_window_moves_with_the_run_and_a_held_one_stays() -> None:
    for span in ("all", "recent"):
        followed = ChartView(span=span)
        held = followed.held_or_following(HISTORY)
        assert held.window((0, 1500)) == followed.window(HISTORY)
        assert followed.window((0, 1500))[1] == 1500
        assert held.held_or_following((0, 1500)) == followed


def test_v_switches_between_all_steps_and_the_newest() -> None:
    view = ChartView()
    assert view.recent_or_all(HISTORY).span == "recent"
    assert view.recent_or_all(HISTORY).recent_or_all(HISTORY) == view
    assert ChartView(span=20.0).recent_or_all(HISTORY) == view


def test_v_in_a_held_view_shows_all_steps_and_holds_them() -> None:
    view = zoomed_to(100, 200).recent_or_all(HISTORY)
    assert view.window(HISTORY) == HISTORY
    assert view.window((0, 2000)) == HISTORY


# --- zoom and pan -----------------------------------------------------------------------------


def test_zooming_keeps_the_step_in_place() -> None:
    view = ChartView().zoomed(2, HISTORY, log=False, about=300)
    assert view.window(HISTORY) == (150, 650)
    assert view.zoomed(0.5, HISTORY, log=False, about=300).window(HISTORY) == HISTORY


def test_zooming_a_logarithmic_axis_keeps_the_step_in_place() -> None:
    history = (0.0, 100_000.0)
    view = zoomed_to(1, 10_000).zoomed(2, history, log=True, about=100)
    assert view.window(history) == (10, 1000)


def test_zooming_while_following_keeps_the_newest_step_in_view() -> None:
    view = ChartView().zoomed(2, HISTORY, log=False)
    assert view == ChartView(span=500.0)
    assert view.window((0, 3000)) == (2500, 3000)


def test_zooming_into_the_past_holds_the_window() -> None:
    view = ChartView().zoomed(4, HISTORY, log=False, about=100)
    assert view.window((0, 3000)) == view.window(HISTORY) == (75, 325)


def test_zooming_a_held_window_without_a_step_keeps_its_middle() -> None:
    assert zoomed_to(200, 400).zoomed(2, HISTORY, log=False).window(HISTORY) == (250, 350)


def test_panning_stops_at_both_ends() -> None:
    view = zoomed_to(400, 600)
    assert view.panned(-0.5, HISTORY, log=False).window(HISTORY) == (300, 500)
    assert view.panned(0.5, HISTORY, log=False).window(HISTORY) == (500, 700)
    assert view.panned(-50, HISTORY, log=False).window(HISTORY) == (0, 200)
    assert view.panned(50, HISTORY, log=False).window(HISTORY) == (800, 1000)


def test_panning_beyond_the_end_changes_nothing() -> None:
    for view in (ChartView(), ChartView(span="recent")):
        assert view.panned(0.5, HISTORY, log=False) is view


def test_home_and_end() -> None:
    view = ChartView(span="recent").at_oldest(HISTORY)
    assert view.window(HISTORY) == (0, 200)
    assert view.at_newest().window((0, 1500)) == (1300, 1500)


STEPS = st.integers(1, 300_000)


@settings(deadline=None)
@given(
    history=st.tuples(STEPS, STEPS).map(lambda ends: (min(ends) - 1, max(ends))),
    moves=st.lists(
        st.tuples(
            st.sampled_from(["zoom", "pan", "crosshair", "home", "end", "hold", "recent"]),
            st.floats(-2, 2).filter(lambda amount: abs(amount) > 0.01),
            st.booleans(),
        ),
        max_size=20,
    ),
)
def test_the_window_always_stays_within_the_history(
    history: tuple[float, float],
    moves: list[
        tuple[Literal["zoom", "pan", "crosshair", "home", "end", "hold", "recent"], float, bool]
    ],
) -> None:
    view = ChartView()
    for move, amount, log in moves:
        match move:
            case "zoom":
                about = None if view.crosshair is None else float(view.crosshair)
                view = view.zoomed(2**amount, history, log=log, about=about)
            case "pan":
                view = view.panned(amount, history, log=log)
            case "crosshair":
                view = view.crosshair_moved(amount / 20, history, log=log)
            case "home":
                view = view.at_oldest(history)
            case "end":
                view = view.at_newest()
            case "hold":
                view = view.held_or_following(history)
            case "recent":
                view = view.recent_or_all(history)
        first, last = view.window(history)
        assert history[0] <= first < last <= history[1]
        assert last - first >= min(CLOSEST, history[1] - history[0])
        assert view.crosshair is None or history[0] <= view.crosshair <= history[1]


# --- the crosshair ----------------------------------------------------------------------------


def test_the_crosshair_appears_at_the_newest_step_in_view() -> None:
    for share in (-0.01, 0.01):
        assert ChartView().crosshair_moved(share, HISTORY, log=False).crosshair == 1000
    assert zoomed_to(100, 200).crosshair_moved(1, HISTORY, log=False).crosshair == 200


def test_the_crosshair_moves_by_its_share_of_the_window() -> None:
    view = ChartView(crosshair=500)
    assert view.crosshair_moved(-0.02, HISTORY, log=False).crosshair == 480
    view = ChartView(crosshair=100)
    assert view.crosshair_moved(1 / 3, HISTORY, log=True).crosshair == 1000


def test_the_crosshair_moves_at_least_one_step() -> None:
    for log in (False, True):
        view = ChartView(crosshair=5)
        assert view.crosshair_moved(1e-6, HISTORY, log=log).crosshair == 6
        assert view.crosshair_moved(-1e-6, HISTORY, log=log).crosshair == 4


def test_the_window_moves_along_with_the_crosshair() -> None:
    view = zoomed_to(400, 500).with_crosshair(401, HISTORY)
    view = view.crosshair_moved(-0.05, HISTORY, log=False)
    assert (view.crosshair, view.window(HISTORY)) == (396, (396, 496))
    view = zoomed_to(400, 500).with_crosshair(500, HISTORY)
    view = view.crosshair_moved(0.05, HISTORY, log=False)
    assert (view.crosshair, view.window(HISTORY)) == (505, (405, 505))


def test_the_crosshair_stops_at_both_ends() -> None:
    view = ChartView(crosshair=1000).crosshair_moved(0.1, HISTORY, log=False)
    assert view == ChartView(crosshair=1000)
    assert ChartView(crosshair=3).crosshair_moved(-0.1, HISTORY, log=False).crosshair == 0


def test_a_crosshair_out_of_view_moves_to_the_nearest_edge() -> None:
    view = zoomed_to(400, 500)
    for at, edge in ((100, 400), (900, 500)):
        there = view.with_crosshair(at, HISTORY)
        assert there.crosshair_moved(0.1, HISTORY, log=False).crosshair == edge


def test_no_crosshair() -> None:
    assert ChartView(crosshair=3).with_crosshair(None, HISTORY) == ChartView()


# --- places, smoothing ------------------------------------------------------------------------


def test_places_and_steps() -> None:
    assert place(1000, log=True) == pytest.approx(3)
    assert place(0, log=True) == 0
    assert step_at(3, log=True) == 1000
    assert place(7, log=False) == step_at(7, log=False) == 7


def test_smoothing_wraps_around() -> None:
    view, seen = ChartView(), []
    for _ in range(3):
        view = view.smoother()
        seen.append(view.smoothing)
    assert seen == ["light", "strong", "none"]

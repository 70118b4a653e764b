from __future__ import annotations

from typing import Any

import pytest

from grok_tui.runs.timeline import Timeline


def line(step: int, time: float, event: str) -> dict[str, Any]:
    return {"step": step, "time": time, "event": event}


# 100 steps in 10 s, a pause of 50 s, 100 steps in 20 s; a week later 200 more in 10 s.
TWO_SITTINGS = [
    line(0, 1000.0, "started"),
    line(100, 1010.0, "paused"),
    line(100, 1060.0, "resumed"),
    line(200, 1080.0, "stopped"),
    line(200, 605_000.0, "started"),
    line(400, 605_010.0, "checkpoint saved"),
]


def test_pauses_and_the_time_between_sittings_do_not_count() -> None:
    pace = Timeline.of(TWO_SITTINGS)
    seconds = [pace.seconds_at(step) for step in (0, 50, 100, 150, 200, 300, 400)]
    assert seconds == pytest.approx([0, 5, 10, 20, 30, 35, 40])


def test_steps_and_seconds_are_each_others_inverse() -> None:
    pace = Timeline.of(TWO_SITTINGS)
    for step in (0.0, 0.5, 99.0, 250.5, 400.0, 777.0):
        assert pace.step_at(pace.seconds_at(step)) == pytest.approx(step)


def test_beyond_the_last_event_it_continues_at_the_mean_speed() -> None:
    assert Timeline.of(TWO_SITTINGS).seconds_at(500) == pytest.approx(50)


def test_a_killed_run_lacks_only_the_time_after_its_last_event() -> None:
    killed = [*TWO_SITTINGS[:1], line(500, 1050.0, "checkpoint saved")]
    again = [line(500, 9000.0, "started"), line(1000, 9050.0, "stopped")]
    assert Timeline.of([*killed, *again]).seconds_at(1000) == pytest.approx(100)


def test_without_times_the_timeline_is_a_guess() -> None:
    pace = Timeline.of([line(0, 1000.0, "started")])
    assert pace.seconds_at(120) == pytest.approx(2)


def test_a_clock_set_back_does_not_move_steps_back() -> None:
    lines = [line(0, 1000.0, "started"), line(10, 900.0, "phase"), line(20, 910.0, "phase")]
    pace = Timeline.of(lines)
    assert pace.seconds_at(20) == pytest.approx(10)
    assert pace.seconds_at(5) <= pace.seconds_at(10) <= pace.seconds_at(20)

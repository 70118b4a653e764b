"""Speed and time left, from the work of the last 30 seconds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grok_tui.config.schema import Config
from grok_tui.view.speed import WINDOW, RecentSpeed

CONFIG = Config(steps=1000, eval_every=10, analyze_every=100, checkpoint_every=500).model_dump()


def after(speed: RecentSpeed, *chunks: tuple[int, float]) -> RecentSpeed:
    """After some chunks: steps and seconds of each."""
    for count, seconds in chunks:
        speed = speed.after("step", seconds, count)
    return speed


def test_a_new_run_has_no_pace() -> None:
    assert RecentSpeed().steps_per_second(CONFIG) is None
    assert RecentSpeed().seconds_left(CONFIG, 0) is None
    unknown = after(RecentSpeed(), (10, 0.0))  # as in a recording
    assert unknown.steps_per_second(CONFIG) is None


def test_steps_count_not_chunks() -> None:
    """A chunk of one step is slower by step; time left must not jump with its share."""
    speed = RecentSpeed()
    left = []
    for _ in range(100):
        for count, seconds in ((49, 0.49), (1, 0.05)):
            speed = after(speed, (count, seconds))
            left.append(speed.seconds_left(CONFIG, 0))
    assert left[-1] == pytest.approx(1000 * 0.54 / 50, rel=0.01)
    settled = np.array(left[20:], dtype=float)
    assert settled.max() / settled.min() < 1.1


@given(st.lists(st.tuples(st.integers(1, 100), st.floats(1e-4, 20.0)), min_size=1))
def test_the_speed_is_that_of_the_last_seconds(chunks: list[tuple[int, float]]) -> None:
    """It lies between those of the chunks that the window can hold."""
    rate = after(RecentSpeed(), *chunks).steps_per_second({})
    covered, rates = 0.0, []
    for count, seconds in reversed(chunks):
        rates.append(count / seconds)
        if covered >= WINDOW + 1:  # a short chunk leaves together with the one after it
            break
        covered += seconds
    assert rate is not None
    assert min(rates) * 0.999 <= rate <= max(rates) * 1.001


def test_an_old_speed_is_forgotten() -> None:
    slow = after(RecentSpeed(), *[(1, 1.0)] * 100)
    assert slow.steps_per_second({}) == pytest.approx(1)
    fast = after(slow, *[(100, 1.0)] * int(WINDOW + 2))
    assert fast.steps_per_second({}) == pytest.approx(100)
    assert len(fast.spans) <= WINDOW + 2  # memory does not grow


def test_a_slow_evaluation_counts_as_often_as_it_comes() -> None:
    """It may take longer than the window, and lie further back."""
    config = {**CONFIG, "eval_every": 400}
    speed = after(RecentSpeed().after("evaluation", 60.0), *[(100, 1.0)] * 50)
    for step, evaluations in ((0, 3), (399, 3), (400, 2), (801, 1), (999, 1)):
        expected = (1000 - step) * 0.01 + evaluations * 60
        assert speed.seconds_left(config, step) == pytest.approx(expected)
    assert speed.seconds_left(config, 1000) == 0
    assert speed.steps_per_second(config) == pytest.approx(1 / (0.01 + 60 / 400))


def test_one_hiccup_is_soon_forgotten() -> None:
    speed = after(RecentSpeed().after("evaluation", 60.0), (10, 0.1))
    for _ in range(40):
        speed = after(speed.after("evaluation", 0.1), (100, 1.0))
    assert speed.seconds_left(CONFIG, 0) == pytest.approx(1000 * 0.01 + 100 * 0.1)

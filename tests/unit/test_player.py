from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grok_tui.runs.timeline import Timeline
from grok_tui.sources.player import SPEEDS, Player

# 100 steps at 10 a second, then 900 at 90 a second.
PACE = Timeline(np.array([0.0, 100.0, 1000.0]), np.array([0.0, 10.0, 20.0]))
PLAYER = Player(PACE, 1000)


def test_it_plays_as_fast_as_the_run() -> None:
    assert PLAYER.after(5).step == 50
    assert PLAYER.after(15).step == 550
    assert PLAYER.after(5).after(10).step == 550


@pytest.mark.parametrize("speed", SPEEDS)
def test_playing_time_is_inverse_to_the_speed(speed: float) -> None:
    player = Player(PACE, 1000, speed=speed)
    assert player.after(16 / speed).at == pytest.approx(640)
    assert player.seconds_left == pytest.approx(20 / speed)


def test_it_stops_at_the_last_step_and_replays_from_the_first() -> None:
    ended = PLAYER.after(1e9)
    assert (ended.step, ended.playing, ended.seconds_left) == (1000, False, 0.0)
    again = ended.toggled()
    assert (again.step, again.playing) == (0, True)


def test_it_does_not_move_while_paused() -> None:
    paused = PLAYER.after(5).toggled()
    assert paused.after(100) == paused
    assert paused.toggled().after(1).step == 60


def test_steps_pause_and_stay_within_the_run() -> None:
    player = PLAYER.after(5)
    assert (player.moved(1).step, player.moved(1).playing) == (51, False)
    assert player.moved(-100).step == 0
    assert player.moved(5000).step == 1000


def test_seeking_keeps_playing_except_at_the_end() -> None:
    assert (PLAYER.sought(77).step, PLAYER.sought(77).playing) == (77, True)
    assert (PLAYER.sought(5000).step, PLAYER.sought(5000).playing) == (1000, False)
    assert PLAYER.sought(-5).step == 0


def test_the_speeds_end_at_a_quarter_and_at_64() -> None:
    slowest, fastest = PLAYER, PLAYER
    for _ in SPEEDS:
        slowest, fastest = slowest.faster(-1), fastest.faster(1)
    assert (slowest.speed, PLAYER.faster(1).speed, fastest.speed) == (0.25, 2.0, 64.0)


@given(st.lists(st.floats(0, 5), max_size=20), st.sampled_from(SPEEDS))
def test_playing_never_moves_back(waits: list[float], speed: float) -> None:
    player = Player(PACE, 1000, speed=speed)
    for wait in waits:
        later = player.after(wait)
        assert player.at <= later.at <= 1000
        player = later

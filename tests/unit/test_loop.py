from __future__ import annotations

from types import SimpleNamespace

import pytest

from grok_tui.training import loop
from grok_tui.training.loop import CHUNK_SECONDS, ChunkLength, StopWatch
from grok_tui.training.schedule import SCHEDULE_LENGTH


def test_a_screen_is_updated_at_least_eight_times_a_second() -> None:
    assert CHUNK_SECONDS <= 1 / 8


def test_the_first_chunk_is_one_step() -> None:
    assert ChunkLength().length(100) == 1


@pytest.mark.parametrize(
    ("seconds_per_step", "at_most", "expected"),
    [
        (CHUNK_SECONDS / 10.5, 1000, 10),
        (CHUNK_SECONDS / 10.5, 7, 7),
        (CHUNK_SECONDS / 10.5, 1, 1),
        (CHUNK_SECONDS * 50, 1000, 1),  # a slow machine still makes progress
        (CHUNK_SECONDS / 1e6, 10**6, SCHEDULE_LENGTH),
    ],
)
def test_a_chunk_takes_the_intended_time(
    seconds_per_step: float, at_most: int, expected: int
) -> None:
    chunk = ChunkLength()
    chunk.record(4, 4 * seconds_per_step)
    assert chunk.length(at_most) == expected


def test_the_length_adapts_to_a_slower_machine() -> None:
    chunk = ChunkLength()
    chunk.record(100, CHUNK_SECONDS)
    lengths = []
    for _ in range(30):
        lengths.append(chunk.length(1000))
        chunk.record(lengths[-1], lengths[-1] * CHUNK_SECONDS / 20.5)
    assert lengths == sorted(lengths, reverse=True)
    assert 20 < lengths[1] < 100  # one slow chunk changes it only partly
    assert lengths[-1] == 20


def test_the_speed_counts_steps_not_chunks() -> None:
    chunk = ChunkLength()
    assert chunk.rate() == 0
    for _ in range(100):
        chunk.record(1, 0.01)
        chunk.record(49, 1.0)
    assert chunk.rate() == pytest.approx(50 / 1.01)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1000.0)
    clock.perf_counter = lambda: clock.now
    monkeypatch.setattr(loop, "time", clock)
    return clock


def test_the_stopwatch_continues_from_earlier_sittings(clock: SimpleNamespace) -> None:
    watch = StopWatch({"wall": 50.0, "compile": 3.0, "eval": 1.0})
    clock.now += 8
    watch.add("eval", 0.5)
    watch.add("compile", 2)
    watch.add("eval", 0.25)
    assert watch.total() == {
        "wall": 58.0,
        "compile": 5.0,
        "eval": 1.75,
        "analysis": 0.0,
        "save": 0.0,
    }
    clock.now += 2
    assert watch.total()["wall"] == 60.0  # asking did not add the first eight again


def test_the_stopwatch_of_a_new_run_starts_at_zero(clock: SimpleNamespace) -> None:
    before: dict[str, float] = {}
    watch = StopWatch(before)
    assert set(watch.total().values()) == {0.0}
    watch.add("eval", 1.0)
    assert before == {}

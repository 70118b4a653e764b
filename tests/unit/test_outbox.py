from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_tui.protocol.events import Analyzed, Evaluated, Event, Losses, Paused, Sink, Warned
from grok_tui.protocol.results import AnalysisArrays, Measures, Metrics, Pairs
from grok_tui.sources.outbox import Outbox

LIMIT = 10.0  # seconds; reached only if something hangs
METRICS = Metrics(1.0, 2.0, 0.5, 0.25, 3.0, 1e-3, 1.0)


def losses(first: int, count: int) -> Losses:
    """Losses equal to their steps, so that a lost or misplaced one is noticed."""
    values = np.arange(first, first + count, dtype=np.float32)
    return Losses(first, values, seconds=0.5)


def evaluated(step: int) -> Evaluated:
    pairs = Pairs(np.full(4, step, np.int16), np.zeros(4, np.float16))
    return Evaluated(step, METRICS, 0.1, pairs)


class Reader:
    """Takes the first event, then blocks until `release` is set, then takes the rest."""

    def __init__(self) -> None:
        self.stuck, self.release = threading.Event(), threading.Event()
        self.got: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.stuck.set()
        assert self.release.wait(LIMIT)
        self.got.append(event)


def started(send: Sink) -> Outbox:
    outbox = Outbox(send)
    outbox.start()
    return outbox


def in_time(function: Callable[[], None]) -> None:
    """Call the function and fail if it hangs."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert not thread.is_alive()


def through_a_stuck_reader(*events: Event) -> list[Event]:
    """The events that arrive if these are put while the reader is stuck on another."""
    reader = Reader()
    outbox = started(reader)
    outbox.put(Paused(0))
    assert reader.stuck.wait(LIMIT)
    for event in events:
        outbox.put(event)
    reader.release.set()
    in_time(outbox.close)
    assert reader.got[0] == Paused(0)
    return reader.got[1:]


def test_a_reader_that_keeps_up_gets_every_event_as_it_was() -> None:
    got: list[Event] = []
    arrived = threading.Semaphore(0)

    def send(event: Event) -> None:
        got.append(event)
        arrived.release()

    outbox = started(send)
    events = [losses(1, 2), losses(3, 1), evaluated(3), evaluated(4)]
    for event in events:
        outbox.put(event)
        assert arrived.acquire(timeout=LIMIT)
    in_time(outbox.close)
    assert all(a is b for a, b in zip(got, events, strict=True))


def test_waiting_losses_are_joined_and_none_is_lost() -> None:
    (joined,) = through_a_stuck_reader(losses(1, 3), losses(4, 1), losses(5, 20))
    assert isinstance(joined, Losses)
    assert (joined.first_step, joined.step, joined.seconds) == (1, 24, 1.5)
    np.testing.assert_array_equal(joined.train_loss, np.arange(1, 25))
    assert joined.train_loss.dtype == np.float32


def test_other_events_keep_losses_apart_and_in_order() -> None:
    first, edit, second = through_a_stuck_reader(losses(1, 2), Warned(2, "!"), losses(3, 2))
    assert isinstance(first, Losses)
    assert isinstance(second, Losses)
    assert edit == Warned(2, "!")
    assert (first.step, second.first_step) == (2, 3)


def test_only_the_newest_evaluation_keeps_its_pairs() -> None:
    got = through_a_stuck_reader(
        evaluated(10), losses(11, 10), evaluated(20), Warned(20, "!"), evaluated(30)
    )
    evaluations = [event for event in got if isinstance(event, Evaluated)]
    assert [e.step for e in evaluations] == [10, 20, 30]
    assert [e.metrics for e in evaluations] == [METRICS] * 3
    assert evaluations[0].pairs is None
    assert evaluations[1].pairs is None
    np.testing.assert_array_equal(evaluations[2].pairs.answers, [30] * 4)


def test_only_the_newest_analysis_keeps_its_arrays() -> None:
    measures = Measures(0.1, 0.2, (), {})
    arrays = AnalysisArrays(*(np.zeros(0) for _ in fields(AnalysisArrays)))
    analyses = [Analyzed(step, measures, 0.1, arrays) for step in (10, 20)]
    got = through_a_stuck_reader(analyses[0], evaluated(10), losses(11, 10), analyses[1])
    first, evaluation, _, second = got
    assert isinstance(first, Analyzed)
    assert (first.step, first.measures, first.arrays) == (10, measures, None)
    assert isinstance(evaluation, Evaluated)
    assert evaluation.pairs is not None
    assert isinstance(second, Analyzed)
    assert second.arrays is not None


KINDS = st.lists(st.sampled_from(["losses", "evaluated", "warning"]), max_size=20)


@settings(deadline=None, max_examples=50)
@given(KINDS)
def test_every_number_arrives_once_and_in_order(kinds: list[str]) -> None:
    put: list[Event] = []
    step = 0
    for kind in kinds:
        if kind == "losses":
            put.append(losses(step + 1, 3))
            step += 3
        else:
            put.append(evaluated(step) if kind == "evaluated" else Warned(step, str(len(put))))
    got = through_a_stuck_reader(*put)

    def steps(events: list[Event]) -> list[float]:
        return [x for e in events if isinstance(e, Losses) for x in e.train_loss.tolist()]

    assert steps(got) == list(range(1, step + 1))
    assert [e.message for e in got if isinstance(e, Warned)] == [
        e.message for e in put if isinstance(e, Warned)
    ]
    evaluations = [e for e in got if isinstance(e, Evaluated)]
    assert [e.step for e in evaluations] == [e.step for e in put if isinstance(e, Evaluated)]
    kept = [e.pairs is not None for e in evaluations]
    assert kept == [False] * (len(kept) - 1) + [True] * bool(kept)
    # No event overtakes another, so their steps never decrease.
    ends = [e.step for e in got]
    assert ends == sorted(ends)
    assert not any(isinstance(a, Losses) and isinstance(b, Losses) for a, b in pairwise(got))


def test_put_never_waits_for_the_reader() -> None:
    reader = Reader()
    outbox = started(reader)

    def put_many() -> None:
        for step in range(500):
            outbox.put(losses(step + 1, 1))

    in_time(put_many)
    assert not reader.got
    reader.release.set()
    in_time(outbox.close)
    assert sum(len(e.train_loss) for e in reader.got if isinstance(e, Losses)) == 500


def test_close_waits_until_everything_is_sent() -> None:
    reader = Reader()
    outbox = started(reader)
    outbox.put(Paused(0))
    outbox.put(Warned(1, "last"))
    assert reader.stuck.wait(LIMIT)
    closer = threading.Thread(target=outbox.close, daemon=True)
    closer.start()
    closer.join(0.05)
    assert closer.is_alive()  # the reader is stuck, so the event cannot have been sent
    reader.release.set()
    closer.join(LIMIT)
    assert not closer.is_alive()
    assert reader.got == [Paused(0), Warned(1, "last")]


def test_closing_an_idle_outbox_returns() -> None:
    got: list[Event] = []
    in_time(started(got.append).close)
    assert got == []


@pytest.mark.parametrize("error", [BrokenPipeError, ConnectionResetError, OSError])
def test_a_dead_reader_blocks_neither_put_nor_close(error: type[OSError]) -> None:
    gone = threading.Event()

    def send(event: Event) -> None:
        gone.set()
        raise error

    outbox = started(send)
    outbox.put(Paused(0))
    assert gone.wait(LIMIT)
    outbox.put(losses(1, 1))
    outbox.put(evaluated(1))
    in_time(outbox.close)

"""The reducer, event by event, and the values derived from the state."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from summaries import summary

from grok_tui.config.schema import Config
from grok_tui.protocol.events import (
    Analyzed,
    CheckpointSaved,
    CommandRejected,
    Compiling,
    ConfigApplied,
    Evaluated,
    Event,
    Failed,
    Inspected,
    Losses,
    Paused,
    PhaseChanged,
    Resumed,
    Started,
    Stopped,
    Warned,
)
from grok_tui.protocol.results import AnalysisArrays, Measures, Metrics, Pairs
from grok_tui.view.progress import time_left_text
from grok_tui.view.state import LOG_LENGTH, Mark, SessionState, reduce

CONFIG = Config(steps=1000, eval_every=10).model_dump(mode="json")
MEASURES = Measures(0.1, 0.2, (3,), {"W_E": 1.0}, restricted_loss=0.5)
METRICS = Metrics(
    train_loss=0.5, test_loss=4.5, train_acc=0.75, test_acc=0.25,
    weight_norm=33.0, lr=1e-3, weight_decay=1.0,
)  # fmt: skip


def after(*events: Event, state: SessionState | None = None) -> SessionState:
    state = state or SessionState(CONFIG)
    for event in events:
        state = reduce(state, event)
    return state


def losses(first: int, count: int, seconds: float = 1.0) -> Losses:
    return Losses(first, np.arange(first, first + count, dtype=np.float32), seconds)


def unchanged(before: SessionState, now: SessionState, *but: str) -> None:
    """Check that every field is the same object, except those named."""
    for name in SessionState.__dataclass_fields__:
        if name not in but:
            assert getattr(now, name) is getattr(before, name), name


def test_the_initial_state_is_compiling() -> None:
    state = SessionState(CONFIG)
    assert (state.word, state.step, state.ended, state.metrics) == ("COMPILING", 0, False, None)
    assert state.steps_per_second is None
    assert state.seconds_left is None


def test_compiling() -> None:
    state = after(Compiling("compiling the evaluation", 2, 4))
    assert (state.word, state.stage) == ("COMPILING", "compiling the evaluation")
    assert (state.stage_done, state.stage_total) == (2, 4)


def test_started() -> None:
    resolved = {**CONFIG, "device": "CPU"}
    state = after(Started(500, resolved, "CPU", 10, 20, 1.5))
    assert (state.word, state.step, state.device) == ("RUNNING", 500, "CPU")
    assert state.config == resolved


def test_losses() -> None:
    before = SessionState(CONFIG)
    state = after(losses(1, 3), losses(4, 2), state=before)
    assert state.step == 5
    np.testing.assert_array_equal(state.train_loss.steps, [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(state.train_loss.values, [1, 2, 3, 4, 5])
    unchanged(before, state, "step", "train_loss", "speed", "milestones")


def test_evaluated() -> None:
    state = after(losses(1, 10), Evaluated(10, METRICS, 0.5), Evaluated(20, METRICS, 0.5))
    assert state.metrics is METRICS
    for series, value in (
        (state.test_loss, 4.5), (state.train_acc, 0.75), (state.test_acc, 0.25)
    ):  # fmt: skip
        np.testing.assert_array_equal(series.steps, [10, 20])
        np.testing.assert_array_equal(series.values, [value, value])
    assert state.train_loss.length == 10  # of the steps alone


def test_paused_and_resumed() -> None:
    running = after(Started(0, CONFIG, "CPU", 10, 20, 1.5), losses(1, 7))
    paused = after(Paused(7), state=running)
    assert (paused.word, paused.step) == ("PAUSED", 7)
    resumed = after(Resumed(7), state=paused)
    assert (resumed.word, resumed.step) == ("RUNNING", 7)
    unchanged(running, resumed, "word", "step", "log")


def test_config_applied() -> None:
    state = after(ConfigApplied(30, "weight_decay", 1.0, 1.25))
    assert state.config == {**CONFIG, "weight_decay": 1.25}
    assert CONFIG["weight_decay"] == 1.0
    (mark,) = state.marks
    assert (mark.step, mark.kind) == (30, "edit")
    assert "1.25" in mark.text
    for word in ("weight_decay", "1", "1.25"):
        assert word in state.message


def test_command_rejected() -> None:
    before = after(Started(0, CONFIG, "CPU", 10, 20, 1.5))
    state = after(CommandRejected(5, "step", "pause first"), state=before)
    assert state.message == "step: pause first"
    unchanged(before, state, "message", "pending", "log")


def test_phase_changed() -> None:
    state = after(PhaseChanged(40, "GROKKED", "three in a row"))
    assert state.marks == (Mark(40, "phase", "GROKKED"),)


def test_marks_keep_their_order() -> None:
    state = after(
        PhaseChanged(0, "MEMORIZING", "new"),
        ConfigApplied(10, "lr", 1e-3, 2e-3),
        PhaseChanged(40, "GROKKED", "three in a row"),
    )
    assert [(mark.step, mark.kind) for mark in state.marks] == [
        (0, "phase"), (10, "edit"), (40, "phase")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("event", "word"),
    [
        (Warned(3, "checkpoint skipped"), "checkpoint skipped"),
        (CheckpointSaved(3, "a/b"), "a/b"),
    ],
)
def test_events_that_only_give_a_message(event: Event, word: str) -> None:
    before = SessionState(CONFIG)
    state = after(event, state=before)
    assert word in state.message
    unchanged(before, state, "message", "checkpoint", "log")


@pytest.mark.parametrize(
    ("event", "word"),
    [
        (Stopped(50, "completed", summary(steps=50)), "STOPPED"),
        (Failed(50, "diverged at step 50", "diverged", summary(steps=50)), "FAILED"),
    ],
)
def test_the_end(event: Stopped | Failed, word: str) -> None:
    state = after(losses(1, 50), event)
    assert (state.word, state.ended, state.step) == (word, True, 50)
    assert event.reason in state.message
    assert state.train_loss.length == 50  # the final charts stay


def test_the_reducer_never_changes_older_states() -> None:
    before = after(losses(1, 2), Evaluated(2, METRICS, 0.5)).requested("lr", 0.5)
    one = after(losses(3, 2), ConfigApplied(4, "lr", 1e-3, 0.5), state=before)
    other = after(losses(3, 5), state=before)
    assert (before.step, one.step, other.step) == (2, 4, 7)
    assert before.train_loss.length == 2
    assert one.train_loss.length == 4
    assert other.train_loss.length == 7
    assert before.pending == {"lr": 0.5}
    assert before.config["lr"] == 1e-3
    assert before.marks == ()


# --- pending edits ------------------------------------------------------------------------


def pending(*edits: tuple[str, Any]) -> SessionState:
    state = SessionState(CONFIG)
    for name, value in edits:
        state = state.requested(name, value)
    return state


def test_an_edit_is_pending_until_it_is_confirmed() -> None:
    state = pending(("lr", 0.5))
    assert (state.config["lr"], state.wanted("lr"), state.wanted("beta1")) == (1e-3, 0.5, 0.9)
    confirmed = after(ConfigApplied(3, "lr", 1e-3, 0.5), state=state)
    assert (confirmed.pending, confirmed.config["lr"]) == ({}, 0.5)
    assert confirmed.wanted("lr") == 0.5


def test_a_newer_edit_stays_pending_when_an_older_one_is_confirmed() -> None:
    state = after(ConfigApplied(3, "lr", 1e-3, 0.5), state=pending(("lr", 0.5), ("lr", 0.625)))
    assert (state.config["lr"], state.wanted("lr")) == (0.5, 0.625)
    state = after(ConfigApplied(3, "lr", 0.5, 0.625), state=state)
    assert (state.config["lr"], state.pending) == (0.625, {})


def test_fields_are_pending_on_their_own() -> None:
    both = pending(("lr", 0.5), ("beta1", 0.5))
    assert after(ConfigApplied(3, "lr", 1e-3, 0.5), state=both).pending == {"beta1": 0.5}
    assert after(CommandRejected(3, "set", "no", "beta1"), state=both).pending == {"lr": 0.5}
    assert after(CommandRejected(3, "step", "no"), state=both).pending == both.pending


@pytest.mark.parametrize("end", [Stopped(5, "completed"), Failed(5, "broke")])
def test_nothing_stays_pending_after_the_end(end: Event) -> None:
    state = after(end, state=pending(("lr", 0.5)))
    assert state.pending == {}
    assert state.wanted("lr") == state.config["lr"] == 1e-3


# --- speed and time to the end ------------------------------------------------------------


def test_speed_and_time_left_count_all_work() -> None:
    state = after(Started(0, CONFIG, "CPU", 10, 20, 1.5), losses(1, 200, seconds=2.0))
    left = 800 * 0.01
    assert state.seconds_left == pytest.approx(left)
    for event, more in (
        (Evaluated(200, METRICS, 0.5), 80 * 0.5),
        (Analyzed(200, MEASURES, 2.0), 8 * 2.0),
        (CheckpointSaved(200, "a/b", 0.25), 2 * 0.25),
    ):
        state, left = after(event, state=state), left + more
        assert state.seconds_left == pytest.approx(left)
    assert state.steps_per_second == pytest.approx(1 / (0.01 + 0.5 / 10 + 2 / 100 + 0.25 / 500))


def test_waiting_is_no_work() -> None:
    state = after(Started(0, CONFIG, "CPU", 10, 20, 1.5), losses(1, 200), Paused(200))
    waited = after(CheckpointSaved(200, "a/b", 600.0), Resumed(200), state=state)
    assert waited.seconds_left == state.seconds_left
    assert waited.steps_per_second == state.steps_per_second


def test_an_analysis_without_arrays_keeps_the_shown_ones() -> None:
    arrays = AnalysisArrays(*(np.full(2, i) for i in range(len(fields(AnalysisArrays)))))
    first = after(Analyzed(100, MEASURES, 0.1, arrays))
    second = after(Analyzed(200, replace(MEASURES, restricted_loss=None), 0.1), state=first)
    assert [step for step, _ in second.analyses.measures] == [100, 200]
    assert (second.analyses.arrays, second.analyses.step) == (arrays, 100)
    assert second.analyses.restricted_loss.steps.tolist() == [100]
    assert first.analyses.measures == ((100, MEASURES),)
    inspected = Inspected(100, 7, np.zeros(3, dtype=np.float32))
    assert after(inspected, state=second).analyses.inspected is inspected


def test_seconds_left_follows_an_edit_of_the_last_step() -> None:
    state = after(losses(1, 200, seconds=2.0), ConfigApplied(200, "steps", 1000, 300))
    assert state.seconds_left == pytest.approx(1.0)
    assert time_left_text(state) == "1 s to step 300"
    assert after(ConfigApplied(200, "steps", 300, 100), state=state).seconds_left == 0


@pytest.mark.parametrize("end", [Stopped(5, "completed"), Failed(5, "broke")])
def test_an_ended_run_has_no_time_left(end: Event) -> None:
    assert after(losses(1, 5), end).seconds_left is None


def test_the_task_comes_from_the_start_with_its_split() -> None:
    mask = np.zeros(113 * 113, dtype=np.bool_)
    mask[:7] = True
    config = Config().model_dump(mode="json")
    state = after(Started(0, config, "CPU", 7, 20, 1.5, mask), state=SessionState(config))
    assert state.task is not None
    assert state.task.modulus == 113
    np.testing.assert_array_equal(state.task.train_mask, mask)


def test_pairs_stay_until_newer_ones_arrive() -> None:
    pairs = Pairs(np.arange(4, dtype=np.int16), np.zeros(4, np.float16))
    state = after(Evaluated(10, METRICS, 0.5, pairs), Evaluated(20, METRICS, 0.5))
    assert state.pairs is pairs
    assert state.pairs_step == 10


def test_a_planned_change_is_for_the_next_run() -> None:
    state = SessionState(CONFIG).planning("n_heads", 8).planning("modulus", 97)
    assert state.planned == {"n_heads": 8, "modulus": 97}
    assert state.config == CONFIG
    assert state.planning("n_heads", CONFIG["n_heads"]).planned == {"modulus": 97}


def test_a_continued_sitting_keeps_the_history() -> None:
    ended = after(losses(1, 20), Stopped(20, "completed", summary(grokked=True)))
    state = ended.continued()
    assert (state.word, state.step, state.ended) == ("COMPILING", 20, False)
    assert state.train_loss.length == 20
    assert not state.message


def test_a_repeated_phase_is_marked_once() -> None:
    state = after(
        PhaseChanged(0, "MEMORIZING", "at first"), PhaseChanged(9, "MEMORIZING", "yet")
    )
    assert [mark.step for mark in state.marks] == [0]


def test_recorded_steps_and_evaluations_have_no_speed() -> None:
    state = after(losses(1, 10, seconds=0.0), Evaluated(10, METRICS, 0.0))
    assert state.steps_per_second is None
    assert after(losses(11, 10, seconds=1.0), state=state).steps_per_second == 10


def test_the_log_keeps_the_newest_lines() -> None:
    state = after(*(Warned(0, f"number {i}") for i in range(LOG_LENGTH + 5)))
    assert len(state.log) == LOG_LENGTH
    assert state.log[-1].text == f"number {LOG_LENGTH + 4}"

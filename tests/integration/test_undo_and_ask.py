"""Undo through the whole history of edits, and questions to the network while it trains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import reference
from small_runs import Recording, exact, go_on, on, record, small, train

from grok_tui.protocol.commands import Ask, Pause, SaveCheckpoint, SetField, Stop, Undo
from grok_tui.protocol.events import (
    Answered,
    CheckpointSaved,
    CommandRejected,
    Compiling,
    ConfigApplied,
    Evaluated,
    Paused,
    Started,
)
from grok_tui.runs.reader import edits
from grok_tui.tasks.registry import make_task

pytestmark = pytest.mark.usefixtures("cpu")

CONFIG = small(steps=40, eval_every=10, checkpoint_every=20)
STOP = Stop("enough", save=False)


def applied(run: Recording) -> list[tuple[str, object, object, bool]]:
    return [(e.field, e.old, e.new, e.undo) for e in run.of(ConfigApplied)]


def test_undo_reverts_the_newest_remaining_edit() -> None:
    changes = [SetField("lr", 1e-3), SetField("weight_decay", 2.0), SetField("lr", 5e-4)]
    script = [*changes, Undo(), SetField("beta1", 0.5), *[Undo()] * 4, STOP]
    run = train(
        CONFIG,
        (on(Compiling), [Pause()]),
        (on(Paused), script),
    )
    assert applied(run) == [
        ("lr", 3e-3, 1e-3, False),
        ("weight_decay", 1.0, 2.0, False),
        ("lr", 1e-3, 5e-4, False),
        ("lr", 5e-4, 1e-3, True),
        ("beta1", 0.9, 0.5, False),
        ("beta1", 0.5, 0.9, True),
        ("weight_decay", 2.0, 1.0, True),
        ("lr", 1e-3, 3e-3, True),
    ]
    (rejected,) = run.of(CommandRejected)
    assert (rejected.command, rejected.field) == ("undo", None)
    assert "nothing left to undo" in rejected.reason


def test_an_edit_that_changes_nothing_is_confirmed_but_not_undone() -> None:
    script = [SetField("lr", 1e-3), SetField("lr", 1e-3), Undo(), STOP]
    run = train(CONFIG, (on(Compiling), [Pause()]), (on(Paused), script))
    assert [new for _, _, new, _ in applied(run)] == [1e-3, 1e-3, 3e-3]


def test_an_impossible_undo_gives_a_reason() -> None:
    run = train(
        CONFIG,
        (on(Compiling), [SetField("steps", 60)]),
        (on(Evaluated, 50), [Undo(), STOP]),
    )
    (rejected,) = run.of(CommandRejected)
    assert (rejected.command, rejected.field) == ("undo", "steps")
    assert "is too few" in rejected.reason


def test_a_resumed_run_can_undo_what_an_earlier_sitting_edited(tmp_path: Path) -> None:
    record(
        CONFIG,
        tmp_path,
        (on(Evaluated, 10), [SetField("lr", 1e-3), SetField("lr", 2e-3), Undo()]),
        (on(Evaluated, 20), [SetField("weight_decay", 2.0), SaveCheckpoint()]),
        (on(CheckpointSaved, 20), []),
        (on(Evaluated, 30), [SetField("beta1", 0.5), STOP]),
    )  # fmt: skip
    kept = edits(tmp_path, 20)
    assert kept == (("lr", 3e-3), ("weight_decay", 1.0))
    run = go_on(tmp_path, (on(Started), [Undo(), Undo(), Undo(), STOP]), edits=kept)
    assert applied(run) == [("weight_decay", 2.0, 1.0, True), ("lr", 1e-3, 3e-3, True)]
    assert edits(tmp_path, 20) == ()


def test_flags_that_change_a_resumed_run_can_be_undone(tmp_path: Path) -> None:
    record(CONFIG, tmp_path, (on(Evaluated, 20), [Stop("enough")]))
    run = go_on(tmp_path, (on(Started), [Undo(), STOP]), lr=1e-2)
    assert applied(run) == [("lr", 3e-3, 1e-2, False), ("lr", 1e-2, 3e-3, True)]


def test_an_answer_uses_the_weights_at_its_step() -> None:
    run = train(
        CONFIG,
        (on(Compiling), [Ask(3, 4)]),
        (on(Evaluated, 20), [SaveCheckpoint(), Ask(12, 0), STOP]),
    )
    first, second = run.of(Answered)
    assert [(e.step, e.a, e.b) for e in (first, second)] == [(0, 3, 4), (20, 12, 0)]
    for answered in (first, second):
        weights = exact(run.store.at(answered.step).weights)
        pair = np.array([answered.a]), np.array([answered.b])
        logits = reference.logits(weights, *pair, CONFIG.n_heads)[0]
        expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        np.testing.assert_allclose(answered.probabilities, expected, rtol=1e-10)


@pytest.mark.parametrize(("a", "b"), [(13, 0), (0, 13), (-1, 2), (2, 0)])
def test_a_question_without_an_answer_is_refused(a: int, b: int) -> None:
    config = CONFIG.changed(operation="divide")
    run = train(config, (on(Compiling), [Ask(a, b), Ask(5, 1), STOP]))
    (rejected,) = run.of(CommandRejected)
    pair = f"{a}, {b} is not a pair of this task"
    assert rejected.reason == f"{pair}: a is 0 to 12, b is 1 to 12"
    assert [(e.a, e.b) for e in run.of(Answered)] == [(5, 1)]


def test_an_evaluation_has_answer_and_loss_of_every_pair() -> None:
    run = train(CONFIG, (on(Evaluated, 20), [SaveCheckpoint(), STOP]))
    task, pairs = make_task(CONFIG), run.of(Evaluated)[-1].pairs
    weights = exact(run.store.at(20).weights)
    logits = reference.logits(weights, task.a, task.b, CONFIG.n_heads)
    exps = np.exp(logits - logits.max(-1, keepdims=True))
    right = (exps / exps.sum(-1, keepdims=True))[np.arange(len(logits)), task.answer]
    assert pairs is not None
    np.testing.assert_array_equal(pairs.answers, logits.argmax(-1))
    np.testing.assert_allclose(pairs.loss, -np.log(right), rtol=2e-3)  # half precision
    assert run.of(Started)[0].train_mask is not None
    np.testing.assert_array_equal(run.of(Started)[0].train_mask, task.train_mask)

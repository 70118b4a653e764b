"""The effect of each command on a run, and of each live edit on the next update."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import reference
from small_runs import Line, Recording, exact, on, reference_gradients, small, train

from grok_tui.config.schema import Config
from grok_tui.protocol.commands import Pause, Resume, SaveCheckpoint, SetField, Step, Stop
from grok_tui.protocol.events import (
    CheckpointSaved,
    CommandRejected,
    Compiling,
    ConfigApplied,
    Evaluated,
    Event,
    Losses,
    Paused,
    Resumed,
    Started,
)
from grok_tui.protocol.snapshot import Snapshot

pytestmark = pytest.mark.usefixtures("cpu")

# Each edit adds to those before it.
EDITS: dict[str, Any] = {
    "lr": 6e-3,
    "weight_decay": 20.0,
    "beta1": 0.5,
    "beta2": 0.9,
    "eps": 1e-2,
    "warmup_steps": 40,
    "decay": "coupled",
}
FIRST_EDIT = 20
CONFIG = small(steps=1000, eval_every=10, checkpoint_every=500)


def _edit_script() -> list[Line]:
    script: list[Line] = [
        (on(Compiling), [SetField("weight_decay", 2.0), Pause()]),
        (on(Paused, 0), [Step(FIRST_EDIT)]),
    ]
    for i, (field, value) in enumerate(EDITS.items()):
        commands = [SaveCheckpoint(), SetField(field, value), Step()]
        script.append((on(Paused, FIRST_EDIT + i), commands))
    last = FIRST_EDIT + len(EDITS)
    return [*script, (on(Paused, last), [SaveCheckpoint(), Step(2)]), (on(Paused), [_UNSAVED])]


_UNSAVED = Stop("thrown away", save=False)


@pytest.fixture(scope="module")
def edited(cpu: str) -> Recording:
    """A paused run that takes one step after each edit."""
    return train(CONFIG, *_edit_script())


def _update(config: Config, before: Snapshot) -> reference.Weights:
    """The weights one update after a snapshot, in float64."""
    step = before.step + 1
    adamw = reference.AdamW(
        exact(before.first_moment), exact(before.second_moment), *before.beta_products
    )
    return adamw.update(
        exact(before.weights),
        reference_gradients(config, before)[1],
        lr=config.lr * min(1.0, step / config.warmup_steps),
        weight_decay=config.weight_decay,
        beta1=config.beta1,
        beta2=config.beta2,
        eps=config.eps,
        coupled=config.decay == "coupled",
    )


def _distance(one: reference.Weights, other: reference.Weights) -> float:
    return float(np.sqrt(sum(((one[name] - other[name]) ** 2).sum() for name in one)))


@pytest.mark.parametrize("field", EDITS)
def test_a_live_edit_changes_the_very_next_update(edited: Recording, field: str) -> None:
    i = list(EDITS).index(field)
    before = edited.store.at(FIRST_EDIT + i)
    after = exact(edited.store.at(FIRST_EDIT + i + 1).weights)
    old = Config(**before.config)
    new = old.changed(**{field: EDITS[field]})
    assert getattr(old, field) != getattr(new, field)

    moved = _distance(after, exact(before.weights))
    expected, unedited = _update(new, before), _update(old, before)
    assert _distance(after, expected) < 1e-4 * moved
    assert _distance(after, unedited) > 1e-2 * moved


def test_an_edit_is_confirmed_once_with_both_values(edited: Recording) -> None:
    found = [(e.step, e.field, e.new) for e in edited.of(ConfigApplied)]
    expected = [(FIRST_EDIT + i, f, v) for i, (f, v) in enumerate(EDITS.items())]
    assert found == [(0, "weight_decay", 2.0), *expected]
    assert [e.old for e in edited.of(ConfigApplied)] == [
        1.0,
        3e-3,
        2.0,
        0.9,
        0.98,
        1e-8,
        10,
        "decoupled",
    ]


def test_commands_sent_while_compiling_are_carried_out_after_the_start(
    edited: Recording,
) -> None:
    names = edited.names()
    start = names.index("started")
    assert set(names[:start]) == {"compiling"}
    assert names[start : start + 3] == ["started", "config applied", "paused"]
    assert edited.of(Paused)[0] == Paused(0)
    assert edited.of(Losses)[0].first_step == 1


def test_an_edit_never_touches_weights_or_moments(edited: Recording) -> None:
    assert edited.of(Started)[0].config["weight_decay"] == 1.0
    assert len(edited.losses()) == FIRST_EDIT + len(EDITS) + 2
    # The loss after each edit uses the weights before it.
    for i in range(len(EDITS)):
        snapshot = edited.store.at(FIRST_EDIT + i)
        expected, _ = reference_gradients(CONFIG, snapshot)
        assert edited.losses()[snapshot.step] == pytest.approx(expected, rel=1e-5)


def test_a_stop_without_saving_saves_nothing(edited: Recording) -> None:
    assert edited.end.step == FIRST_EDIT + len(EDITS) + 2
    assert edited.store.snapshots[-1].step == FIRST_EDIT + len(EDITS)
    assert edited.summary.exit == "thrown away"


def _told(run: Recording) -> list[Event]:
    """The events that answer commands."""
    kinds = (Paused, Resumed, ConfigApplied, CommandRejected, CheckpointSaved)
    return [event for event in run.events if isinstance(event, kinds)]


BAD_EDITS: list[tuple[str, object, str]] = [
    ("modulus", 17, "modulus can only change in a new run"),
    ("device", "CUDA", "device can only change in a new run"),
    ("lr", -1.0, "above 0"),
    ("lr", "fast", "'fast'"),
    ("beta1", 1.0, "below 1"),
    ("decay", "sideways", "'sideways'"),
    ("lr", float("nan"), "finite number"),
    ("speed", 1, "no such setting"),
    ("steps", 3, "is too few"),
    ("steps", 2, "is too few"),
]


@pytest.fixture(scope="module")
def commanded(cpu: str) -> Recording:
    """A run that gets every command, valid and invalid."""
    return train(
        CONFIG,
        (on(Compiling), [Pause()]),
        (on(Paused, 0), [Step(2)]),
        (on(Losses), [Step(1)]),  # requested again before they are done: they add up
        (
            on(Paused, 3),
            [Step(0), *(SetField(f, v) for f, v, _ in BAD_EDITS), SaveCheckpoint(), Step()],
        ),
        (on(Paused, 4), [SaveCheckpoint(), SaveCheckpoint(), Resume(), Resume()]),
        (on(Evaluated, 10), [Step(1)]),
        (on(Evaluated, 20), [Pause(), Pause(), SaveCheckpoint()]),
        (on(CheckpointSaved, 20), [SetField("lr", 1e-3), Stop("enough")]),
    )


def test_commands_are_answered_in_order(commanded: Recording) -> None:
    told = [(e.name, e.step) for e in _told(commanded)]
    rejected = ("command rejected", 3)
    assert told == [
        ("paused", 0),
        ("checkpoint saved", 0),
        ("resumed", 0),
        ("paused", 3),
        *[rejected] * (1 + len(BAD_EDITS)),
        ("checkpoint saved", 3),
        ("resumed", 3),
        ("paused", 4),
        ("checkpoint saved", 4),
        ("resumed", 4),
        ("command rejected", 10),
        ("paused", 20),
        ("checkpoint saved", 20),
        ("config applied", 20),
        ("checkpoint saved", 20),
    ]
    assert commanded.end.step == 20
    assert commanded.end.reason == commanded.summary.exit == "enough"
    assert len(commanded.losses()) == 20


def test_rejections_give_reasons(commanded: Recording) -> None:
    none, *edits, running = commanded.of(CommandRejected)
    assert (running.command, running.field) == ("step", None)
    assert "pause first" in running.reason
    assert "ask for 1 or more" in none.reason
    for event, (field, _, reason) in zip(edits, BAD_EDITS, strict=True):
        assert (event.command, event.field) == ("set", field)
        assert reason in event.reason
        assert "\n" not in event.reason


def test_rejected_edits_change_nothing(commanded: Recording) -> None:
    assert commanded.store.at(3).config == CONFIG.model_dump(mode="json")
    assert commanded.store.at(4).config == CONFIG.model_dump(mode="json")


def test_an_edit_after_a_checkpoint_is_in_the_next_one(commanded: Recording) -> None:
    first, second = (s for s in commanded.store.snapshots if s.step == 20)
    assert (first.config["lr"], second.config["lr"]) == (3e-3, 1e-3)
    assert {k: w.tobytes() for k, w in first.weights.items()} == {
        k: w.tobytes() for k, w in second.weights.items()
    }


def test_eval_every_and_steps_can_be_edited(cpu: str) -> None:
    run = train(
        CONFIG,
        (
            on(Evaluated, 10),
            [SetField("eval_every", 4), SetField("checkpoint_every", 6), SetField("steps", 20)],
        ),
    )
    assert [e.step for e in run.of(Evaluated)] == [10, 12, 16, 20]
    assert [e.step for e in run.of(CheckpointSaved)] == [0, 12, 18, 20]
    assert (run.end.step, run.end.reason) == (20, "completed")
    assert len(run.losses()) == 20


def test_without_a_store_a_checkpoint_is_refused(cpu: str) -> None:
    run = train(CONFIG, (on(Compiling), [SaveCheckpoint(), Stop()]), store=False)
    (rejected,) = run.of(CommandRejected)
    assert rejected.command == "checkpoint"
    assert "not saved" in rejected.reason
    assert not run.of(CheckpointSaved)

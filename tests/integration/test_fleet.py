"""Runs that train together, each compared with the same run trained alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from small_runs import MemoryStore, Recording, small, train

from grok_tui.config.schema import Config
from grok_tui.protocol.events import CheckpointSaved, Evaluated, Event, Failed, Stopped
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.sweep.batching import NUMBERS
from grok_tui.training import fleet as module
from grok_tui.training.fleet import End, Fleet, Member

pytestmark = pytest.mark.usefixtures("cpu")

STEPS = 40
# Another value for each number in which replicas may differ.
OTHERS: dict[str, Any] = {
    "lr": 1e-3,
    "weight_decay": 5.0,
    "decay": "coupled",
    "beta1": 0.5,
    "beta2": 0.7,
    "eps": 1e-2,
    "warmup_steps": 30,
    "grokfast_alpha": 0.5,
    "grokfast_lambda": 5.0,
    "seed": 7,
    "data_seed": 7,
    "init": "normal",
    "init_scale": 0.5,
}


def base(**changes: Any) -> Config:
    rhythm = {"eval_every": 10, "analyze_every": 20, "checkpoint_every": 20}
    return small(**{"steps": STEPS, **rhythm, **changes})


def together(
    *configs: Config, snapshots: tuple[Snapshot, ...] = (), failing: int | None = None
) -> tuple[list[End], list[Recording]]:
    """Train as a fleet; failing: the run whose checkpoints cannot be written."""
    recordings = [Recording() for _ in configs]
    stores: list[MemoryStore] = [recording.store for recording in recordings]
    if failing is not None:
        stores[failing] = FullStore()
    members = [
        Member(config, recording, store, snapshot)
        for config, recording, store, snapshot in zip(
            configs, recordings, stores, snapshots or [None] * len(configs), strict=True
        )
    ]
    return Fleet(members).run(), recordings


class FullStore(MemoryStore):
    """A store whose disk is full after the first checkpoint."""

    def save(self, snapshot: Snapshot) -> str:
        if snapshot.step:
            raise OSError(28, "No space left on device")
        return super().save(snapshot)


def assert_same(ours: Recording, alone: Recording) -> None:
    """Check that losses, metrics and checkpoints are the same, bit for bit."""
    np.testing.assert_array_equal(ours.losses(), alone.losses())
    for mine, own in zip(ours.of(Evaluated), alone.of(Evaluated), strict=True):
        assert (mine.step, mine.metrics, mine.health) == (own.step, own.metrics, own.health)
    assert [s.step for s in ours.store.snapshots] == [s.step for s in alone.store.snapshots]
    for one, other in zip(ours.store.snapshots, alone.store.snapshots, strict=True):
        assert one.config == other.config
        assert one.beta_products == other.beta_products
        for kind in ("weights", "first_moment", "second_moment", "gradient_mean"):
            found, expected = getattr(one, kind), getattr(other, kind)
            assert {k: x.tobytes() for k, x in found.items()} == {
                k: x.tobytes() for k, x in expected.items()
            }


def said(recording: Recording) -> list[str]:
    """The names of a recording's events, without those that depend on time."""
    return [name for name in recording.names() if name not in ("compiling", "losses")]


@pytest.mark.slow
def test_replicas_may_differ_in_all_of_the_numbers() -> None:
    assert OTHERS.keys() == NUMBERS
    start = base(grad_filter="grokfast")
    configs = [start, *(start.changed(**{name: x}) for name, x in OTHERS.items())]
    ends, recordings = together(*configs)
    assert [end.name for end in ends if isinstance(end, Stopped)] == ["stopped"] * len(configs)
    for config, recording in zip(configs, recordings, strict=True):
        alone = train(config)
        assert_same(recording, alone)
        assert said(recording) == said(alone)


def test_a_diverging_run_ends_alone_and_the_others_move(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOVE_AFTER", 0.0)
    made = []
    network = module.Network

    def counted(starts: Any) -> Any:
        made.append(len(starts))
        return network(starts)

    monkeypatch.setattr(module, "Network", counted)
    configs = [base(lr=10.0), base(), base(lr=10.0, seed=1), base(weight_decay=3.0)]
    ends, recordings = together(*configs)
    assert made == [4, 2]
    assert [type(end) for end in ends] == [Failed, Stopped, Failed, Stopped]
    for i in (1, 3):
        assert_same(recordings[i], train(configs[i]))
    alone = train(configs[0])
    assert ends[0] == replace(alone.end, reason=ends[0].reason, summary=ends[0].summary)
    assert "diverged: the train loss became" in ends[0].reason


def test_each_run_stops_when_it_groks(monkeypatch: pytest.MonkeyPatch) -> None:
    easy = base(modulus=5, train_fraction=0.9, steps=400, stop_when="grokked", lr=1e-2)
    configs = [easy, easy.changed(seed=1), easy.changed(lr=1e-5)]
    ends, recordings = together(*configs)
    reasons = [end.reason for end in ends if isinstance(end, Stopped)]
    assert reasons == ["grokked", "grokked", "completed"]
    for config, recording in zip(configs[:2], recordings, strict=False):
        alone = train(config)
        assert recording.end.step == alone.end.step < 400
        assert_same(recording, alone)


def test_a_full_disk_ends_only_its_own_run() -> None:
    configs = [base(), base(seed=1)]
    ends, recordings = together(*configs, failing=0)
    assert isinstance(ends[0], OSError)
    assert isinstance(ends[1], Stopped)
    assert_same(recordings[1], train(configs[1]))


def test_a_diverging_run_whose_disk_is_full_ends_alone() -> None:
    """The report of its end is what cannot be written."""
    full, other = Recording(), Recording()

    def emit(event: Event) -> None:
        if isinstance(event, Failed):
            raise OSError(28, "No space left on device")
        full(event)

    ends = Fleet([Member(base(lr=10.0), emit), Member(base(), other)]).run()
    assert isinstance(ends[0], OSError)
    assert ends[1] == other.end
    assert other.losses().shape == (base().steps,)


def test_a_cut_off_fleet_continues_as_if_never_cut_off() -> None:
    configs = [base(), base(seed=1, weight_decay=3.0)]
    _, whole = together(*configs)
    snapshots = tuple(recording.store.at(20) for recording in whole)
    ends, rest = together(*configs, snapshots=snapshots)
    assert all(isinstance(end, Stopped) for end in ends)
    for before, after in zip(whole, rest, strict=True):
        np.testing.assert_array_equal(after.losses(), before.losses()[20:])
        assert [event.step for event in after.of(CheckpointSaved)] == [STEPS]
        for name, array in after.store.at(STEPS).weights.items():
            np.testing.assert_array_equal(array, before.store.at(STEPS).weights[name])

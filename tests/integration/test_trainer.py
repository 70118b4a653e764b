"""A run from its first event to its last, checked against NumPy by its own snapshots."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import reference
from small_runs import (
    Recording,
    exact,
    on,
    reference_gradients,
    reference_logits,
    small,
    train,
)

from grok_tui.protocol.commands import Pause, Resume, SetField, Step, Stop
from grok_tui.protocol.events import (
    CheckpointSaved,
    Compiling,
    Evaluated,
    Event,
    Failed,
    Losses,
    Paused,
    PhaseChanged,
    Resumed,
    Started,
    Stopped,
)
from grok_tui.tasks.registry import make_task
from grok_tui.training import loop, observer, run_log, trainer

pytestmark = pytest.mark.usefixtures("cpu")

EVERY = 10
CONFIG = small(steps=130, eval_every=EVERY, analyze_every=EVERY, checkpoint_every=EVERY)
# Float32 sums against float64 ones; losses and norms are means over dozens of terms.
CLOSE = 1e-5


@pytest.fixture(scope="module")
def plain(cpu: str) -> Recording:
    """130 steps without a command."""
    return train(CONFIG)


# So few pairs are held out that any seed finds the rule at once.
GROKS = small(
    modulus=7,
    train_fraction=0.9,
    lr=1e-2,
    weight_decay=0.5,
    seed=2,
    steps=500,
    stop_when="grokked",
    checkpoint_every=100_000,
)


@pytest.fixture(scope="module")
def grokking(cpu: str) -> Recording:
    """A run that ends by grokking."""
    return train(GROKS)


def test_events_come_in_order(plain: Recording) -> None:
    names = plain.names()
    assert names[:5] == ["compiling"] * 2 + ["started", "phase", "checkpoint saved"]
    assert names[-1] == "stopped"
    assert not {"compiling", "started", "phase", "stopped"} & set(names[5:-1])
    done = 0
    for event in plain.events[5:-1]:
        if isinstance(event, Losses):
            assert event.first_step == done + 1
            done = event.step
        else:  # evaluation, analysis and checkpoint come right after their step
            assert event.step == done
            assert done % EVERY == 0
    rest = [name for name in names[5:-1] if name != "losses"]
    assert rest == ["evaluated", "analyzed", "checkpoint saved"] * (CONFIG.steps // EVERY)


def test_compiling_counts_its_stages(plain: Recording) -> None:
    stages = plain.of(Compiling)
    assert [(e.done, e.total) for e in stages] == [(0, 2), (1, 2)]
    assert len({e.stage for e in stages}) == 2


def test_started_describes_the_training(plain: Recording) -> None:
    (started,) = plain.of(Started)
    assert started.step == 0
    assert started.config == CONFIG.model_dump(mode="json")
    assert (started.n_train, started.n_test) == (50, 119)
    assert started.device == "CPU"
    assert started.compile_seconds > 0


def test_every_step_reports_its_loss_once(plain: Recording) -> None:
    assert plain.of(Losses)[0].first_step == 1
    assert len(plain.losses()) == CONFIG.steps


def test_it_memorizes(plain: Recording) -> None:
    summary = plain.summary
    known = [e.step for e in plain.of(Evaluated) if e.metrics.train_acc >= 0.99]
    assert known
    assert summary.memorized_step == known[0]
    assert summary.final.train_acc == 1.0
    assert plain.losses()[0] > 2
    assert plain.losses()[-1] < 0.1
    assert summary.steps == CONFIG.steps
    assert summary.exit == plain.end.reason == "completed"
    assert not summary.grokked
    assert summary.grok_step is None


def test_evaluations_equal_the_reference(plain: Recording) -> None:
    evaluations = plain.of(Evaluated)
    assert [e.step for e in evaluations] == list(range(EVERY, CONFIG.steps + 1, EVERY))
    task = make_task(CONFIG)
    train, test = task.train_mask, ~task.train_mask
    for event in evaluations:
        snapshot, metrics = plain.store.at(event.step), event.metrics
        logits = reference_logits(CONFIG, snapshot)
        right = logits.argmax(-1) == task.answer
        squares = sum((w**2).sum() for w in exact(snapshot.weights).values())
        assert metrics.to_dict() == pytest.approx(
            {
                "train_loss": reference.cross_entropy(logits[train], task.answer[train]),
                "test_loss": reference.cross_entropy(logits[test], task.answer[test]),
                "train_acc": right[train].mean(),
                "test_acc": right[test].mean(),
                "weight_norm": squares**0.5,
                "lr": CONFIG.lr,
                "weight_decay": CONFIG.weight_decay,
            },
            rel=CLOSE,
        )
        assert event.pairs is not None
        np.testing.assert_array_equal(event.pairs.answers, logits.argmax(-1))


def test_a_loss_uses_the_weights_before_its_step(plain: Recording) -> None:
    losses = plain.losses()
    for step in range(0, CONFIG.steps, EVERY):
        expected, _ = reference_gradients(CONFIG, plain.store.at(step))
        assert losses[step] == pytest.approx(expected, rel=CLOSE)


def test_compiling_changes_no_bit(plain: Recording) -> None:
    from model_for import model_for

    from grok_tui.training.network import Network, Start

    first = plain.store.at(0)
    drawn = model_for(CONFIG).initial_weights()
    assert {k: w.tobytes() for k, w in first.weights.items()} == {
        k: w.tobytes() for k, w in drawn.items()
    }
    assert not any(m.any() for m in (*first.first_moment.values(),))
    assert not any(v.any() for v in (*first.second_moment.values(),))

    later = plain.store.at(50)
    network = Network([Start.of(CONFIG, later)])
    assert len(list(network.compile())) == 2
    kinds = ("weights", "first_moment", "second_moment")
    found = [network.copies(kind)[0] for kind in kinds]
    for arrays, before in zip(
        found, (later.weights, later.first_moment, later.second_moment), strict=True
    ):
        assert {k: a.tobytes() for k, a in arrays.items()} == {
            k: a.tobytes() for k, a in before.items()
        }
    assert network.step == 50
    assert network.beta_products == [later.beta_products]


def test_a_resumed_trainer_keeps_the_split_of_its_snapshot(plain: Recording) -> None:
    before = plain.store.at(130)
    snapshot = replace(before, train_mask=np.roll(before.train_mask, 1))
    run = train(CONFIG.changed(steps=131), snapshot=snapshot)
    expected, _ = reference_gradients(CONFIG, snapshot)
    elsewhere, _ = reference_gradients(CONFIG, before)
    assert expected > 2 * elsewhere
    assert run.losses()[0] == pytest.approx(expected, rel=CLOSE)
    assert run.of(Started)[0].step == 130
    assert [s.step for s in run.store.snapshots] == [131]


def test_a_run_ends_when_it_has_grokked(grokking: Recording) -> None:
    accuracies = [(e.step, e.metrics.test_acc) for e in grokking.of(Evaluated)]
    above = [acc >= 0.99 for _, acc in accuracies]
    third = next(i for i in range(2, len(above)) if all(above[i - 2 : i + 1]))
    assert third == len(above) - 1, "it went on after the third evaluation"
    summary = grokking.summary
    assert summary.grok_step == accuracies[third - 2][0]
    assert summary.grokked
    assert summary.exit == "grokked"
    assert summary.memorized_step <= summary.grok_step
    assert summary.final.test_acc >= 0.99
    assert [p.phase for p in grokking.of(PhaseChanged)] == ["MEMORIZING", "CLEANUP", "GROKKED"]
    assert grokking.of(PhaseChanged)[-1].step == summary.steps == accuracies[-1][0]


def test_stop_when_can_be_edited_after_grokking(grokking: Recording) -> None:
    end = grokking.store.snapshots[-1]
    config = GROKS.changed(stop_when="never")
    run = train(
        config, (on(Evaluated), [SetField("stop_when", "grokked")]), snapshot=end, store=False
    )
    assert run.end.reason == "grokked"
    assert run.end.step == end.step + config.eval_every
    assert run.summary.grok_step == grokking.summary.grok_step


def test_stop_while_compiling_ends_without_training(cpu: str) -> None:
    run = train(CONFIG, (on(Compiling), [Stop("not now")]))
    assert run.names() == ["compiling", "started", "phase", "checkpoint saved", "stopped"]
    assert isinstance(run.end, Stopped)
    assert run.end.reason == run.summary.exit == "not now"
    assert run.summary.steps == 0
    assert run.summary.final is None


def test_the_seconds_of_events_add_up_to_all_that_passed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Here time passes while events are recorded, and a little at every look at the clock."""
    now = 0.0

    def perf_counter() -> float:
        nonlocal now
        now += 1e-6
        return now

    class Slow(Recording):
        def __call__(self, event: Event) -> None:
            nonlocal now
            super().__call__(event)
            now += 1.0

    for module in (trainer, run_log, observer, loop):
        monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=perf_counter))
    run = Slow([(on(Evaluated, 20), [Pause(), Resume()])])
    trainer.Trainer(small(steps=40, eval_every=10), run.inbox, run, run.store).run()
    at = [place for place, event in enumerate(run.events) if isinstance(event, Losses)]
    told = sum(getattr(event, "seconds", 0.0) for event in run.events[: at[-1] + 1])
    paused = [place for place, event in enumerate(run.events) if isinstance(event, Paused)]
    before_pause = paused[0] - max(place for place in at if place < paused[0])
    waited = before_pause + len(run.of(Paused)) + len(run.of(Resumed))
    assert told == pytest.approx(at[-1] - at[0] - waited, abs=0.1)


@pytest.mark.parametrize("steps", [1, 9, 10, 25])
def test_the_last_step_is_evaluated(steps: int) -> None:
    run = train(small(steps=steps, eval_every=10))
    last = run.of(Evaluated)[-1]
    assert last.step == steps
    assert last.health is not None
    assert run.summary.final == last.metrics


def test_a_run_stopped_between_evaluations_keeps_the_last_one() -> None:
    config = small(steps=100, eval_every=10, checkpoint_every=100)
    run = train(config, (on(Evaluated, 10), [Pause(), Step(5), SetField("eval_every", 50)]),
                (on(Paused, 15), [Stop("quit")]))  # fmt: skip
    (last,) = run.of(Evaluated)
    assert (run.summary.steps, last.step) == (15, 10)
    assert run.summary.final == last.metrics
    resumed = train(config, (on(Started), [Stop("quit")]), snapshot=run.store.at(15))
    assert not resumed.of(Evaluated)
    assert resumed.summary.final == last.metrics


def test_nan_weights_fail_at_once(plain: Recording) -> None:
    snapshot = plain.store.at(50)
    weights = {**snapshot.weights, "W_U": np.full_like(snapshot.weights["W_U"], np.inf)}
    run = train(CONFIG, snapshot=replace(snapshot, weights=weights))
    assert isinstance(run.end, Failed)
    assert run.end.step == 51
    assert "at step 51" in run.end.reason
    assert not run.of(Losses)
    assert not run.of(CheckpointSaved)
    assert run.summary.steps == 50

"""Interventions in a run: their equations, live switches, checkpoints, exact resumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import published
import pytest
import reference
import safetensors.numpy
from model_for import model_for
from small_runs import (
    Line,
    Recording,
    exact,
    go_on,
    on,
    record,
    reference_gradients,
    reference_logits,
    small,
    train,
)

from grok_tui.config.schema import Config
from grok_tui.protocol.commands import Pause, Resume, SaveCheckpoint, SetField, Step, Stop, Undo
from grok_tui.protocol.events import Compiling, Evaluated, Paused
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.tasks.registry import make_task
from grok_tui.training.network import Network, Start

pytestmark = pytest.mark.usefixtures("cpu")

SMOOTH = {
    "eps": 1e-4,
    "warmup_steps": 4,
}  # near 0, a gradient's direction is only rounding error
CASES: dict[str, dict[str, Any]] = {
    "grokfast": {"grad_filter": "grokfast", "decay": "coupled", "weight_decay": 0.01},
    "orthograd": {"grad_filter": "orthograd"},
    "orthograd and coupled decay": {
        "grad_filter": "orthograd", "decay": "coupled", "weight_decay": 0.01
    },
    "sphere": {"norm_constraint": "sphere", "weight_decay": 0.0, "init_scale": 0.8},
    "stablemax": {"loss": "stablemax"},
    "muon": {"optimizer": "muon", "lr": 0.02},
    "muon, grokfast and sphere in two layers": {
        "optimizer": "muon", "grad_filter": "grokfast", "norm_constraint": "sphere",
        "n_layers": 2,
    },
}  # fmt: skip
STEPS = 6


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_several_steps_match_the_published_equations(name: str, kernels: None) -> None:
    config = small(steps=STEPS, **SMOOTH, **CASES[name])
    run = train(config)
    start, end = run.store.at(0), run.store.at(STEPS)
    weights = exact(start.weights)
    update = published.Published(published.norm(weights))
    for _ in range(STEPS):
        _, gradients = reference_gradients(config, _with(start, weights))
        weights = update(config, weights, gradients)
    for weight, expected in weights.items():
        moved = np.linalg.norm(expected - start.weights[weight])
        assert np.linalg.norm(end.weights[weight] - expected) < 1e-3 * moved, weight
    assert end.gradient_mean.keys() == update.means.keys()
    for weight, h in update.means.items():
        assert np.linalg.norm(end.gradient_mean[weight] - h) < 1e-3 * np.linalg.norm(h), weight


def _with(snapshot: Snapshot, weights: reference.Weights) -> Snapshot:
    return replace(snapshot, weights=weights)


# --- live switches ------------------------------------------------------------------------

EDITS: list[tuple[str, Any]] = [
    ("grad_filter", "grokfast"),
    ("grokfast_alpha", 0.5),
    ("grokfast_lambda", 9.0),
    ("norm_constraint", "sphere"),
    ("grad_filter", "orthograd"),
    ("norm_constraint", "none"),
    ("grad_filter", "none"),
    ("grad_filter", "grokfast"),
]
FIRST_EDIT = 4
SWITCHED = small(steps=1000, grokfast_alpha=0.8, grokfast_lambda=4.0, **SMOOTH)


@pytest.fixture(scope="module")
def switched(cpu: str) -> Recording:
    """A paused run that takes two steps after each edit, and saves before and after each."""
    script: list[Line] = [(on(Compiling), [Pause()]), (on(Paused, 0), [Step(FIRST_EDIT)])]
    for i, (field, value) in enumerate(EDITS):
        edit = [SaveCheckpoint(), SetField(field, value), Step()]
        at = FIRST_EDIT + 2 * i
        script += [(on(Paused, at), edit), (on(Paused, at + 1), [SaveCheckpoint(), Step()])]
    end = [SaveCheckpoint(), Stop("enough", save=False)]
    return train(SWITCHED, *script, (on(Paused), end))


def _one_step(config: Config, before: Snapshot) -> reference.Weights:
    initial = published.norm(exact(model_for(config).initial_weights()))
    update = published.Published(
        initial,
        reference.AdamW(
            exact(before.first_moment), exact(before.second_moment), *before.beta_products
        ),
        means=exact(before.gradient_mean),
        steps=before.step,
    )
    return update(config, exact(before.weights), reference_gradients(config, before)[1])


def _distance(one: reference.Weights, other: reference.Weights) -> float:
    return float(np.sqrt(sum(((one[name] - other[name]) ** 2).sum() for name in one)))


@pytest.mark.slow
@pytest.mark.parametrize("edit", range(len(EDITS)))
def test_a_switch_changes_the_very_next_update(switched: Recording, edit: int) -> None:
    at = FIRST_EDIT + 2 * edit
    field, value = EDITS[edit]
    for step in (at, at + 1):
        before, after = switched.store.at(step), exact(switched.store.at(step + 1).weights)
        old = Config(**before.config)
        new = old.changed(**{field: value})
        moved = _distance(after, exact(before.weights))
        assert _distance(after, _one_step(new, before)) < 1e-4 * moved
        if step == at:
            assert _distance(after, _one_step(old, before)) > 1e-2 * moved


@pytest.mark.long
def test_the_mean_gradient_starts_at_zero_whenever_it_is_switched_on(
    switched: Recording,
) -> None:
    for step, snapshot in {s.step: s for s in switched.store.snapshots}.items():
        used = Config(**snapshot.config).grad_filter == "grokfast"
        assert bool(snapshot.gradient_mean) == used, step
    for i in (0, len(EDITS) - 1):
        before = switched.store.at(FIRST_EDIT + 2 * i)
        after = switched.store.at(FIRST_EDIT + 2 * i + 1)
        _, gradients = reference_gradients(Config(**after.config), before)
        alpha = after.config["grokfast_alpha"]
        for name, g in gradients.items():
            expected = (1 - alpha) * g
            found = after.gradient_mean[name]
            assert np.linalg.norm(found - expected) < 1e-4 * np.linalg.norm(expected), name


@pytest.mark.long
def test_the_norm_is_that_of_step_0_even_if_switched_on_late(switched: Recording) -> None:
    initial = published.norm(exact(switched.store.at(0).weights))
    assert initial == pytest.approx(
        published.norm(exact(model_for(SWITCHED).initial_weights())), rel=1e-12
    )
    for snapshot in switched.store.snapshots:
        assert snapshot.initial_norm == pytest.approx(initial, rel=1e-12)
    on_sphere = FIRST_EDIT + 2 * EDITS.index(("norm_constraint", "sphere"))
    for step, kept in ((on_sphere, False), (on_sphere + 1, True), (on_sphere + 4, True)):
        norm = published.norm(exact(switched.store.at(step).weights))
        assert (abs(norm / initial - 1) < 1e-6) == kept, step


def test_the_norm_of_an_older_checkpoint_is_drawn_again(cpu: str) -> None:
    config = small(seed=3)
    drawn = model_for(config).initial_weights()
    zeros = {name: np.zeros_like(w) for name, w in drawn.items()}
    halves = {name: w / 2 for name, w in drawn.items()}
    mask, fields = make_task(config).train_mask, config.model_dump(mode="json")
    old = Snapshot(5, halves, zeros, zeros, (0.5, 0.5), mask, fields, {}, {})
    found = Network([Start.of(config, old)]).initial_norms
    assert found == [pytest.approx(published.norm(exact(drawn)), rel=1e-12)]
    new = replace(old, initial_norm=12.5)
    assert Network([Start.of(config, new)]).initial_norms == [12.5]


def test_switching_off_drops_the_mean_even_without_a_step(cpu: str) -> None:
    """A run that is cut between two switches could not know about the first."""
    edits = [SetField("grad_filter", "none"), Undo(), SaveCheckpoint(), Stop("x", save=False)]
    run = train(
        small(steps=9, grad_filter="grokfast"),
        (on(Compiling), [Pause()]),
        (on(Paused, 0), [Step(2)]),
        (on(Paused, 2), [SaveCheckpoint(), *edits]),
    )
    kept, forgotten = (s.gradient_mean for s in run.store.snapshots if s.step == 2)
    assert all(h.any() for h in kept.values())
    assert forgotten.keys() == kept.keys()
    assert not any(h.any() for h in forgotten.values())


# --- run directories ----------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_a_run_that_was_cut_equals_an_uncut_one(name: str, tmp_path: Path) -> None:
    config = small(steps=20, checkpoint_every=20, eval_every=5, **CASES[name])
    record(config, tmp_path / "straight")
    record(config.changed(steps=7), tmp_path / "cut")
    go_on(tmp_path / "cut", steps=11)
    go_on(tmp_path / "cut", steps=20)
    metrics = [(tmp_path / run / "metrics.jsonl").read_bytes() for run in ("straight", "cut")]
    assert metrics[0] == metrics[1]
    last = [
        safetensors.numpy.load_file(tmp_path / run / "checkpoints/step-00000020.safetensors")
        for run in ("straight", "cut")
    ]
    assert last[0].keys() == last[1].keys()
    for array, values in last[0].items():
        assert values.tobytes() == last[1][array].tobytes(), array
    has_means = any(array.startswith("gradient_mean/") for array in last[0])
    assert has_means == (config.grad_filter == "grokfast")


@pytest.mark.long
def test_a_filter_switched_on_survives_a_cut(tmp_path: Path) -> None:
    def script(*then: Any) -> list[Line]:
        return [
            (on(Compiling), [Pause()]),
            (on(Paused, 0), [Step(3)]),
            (on(Paused, 3), [SetField("grad_filter", "grokfast"), then[0]]),
            *((on(Paused, 8), [command]) for command in then[1:]),
        ]

    config = small(steps=12, eval_every=4)
    record(config, tmp_path / "straight", *script(Resume()))
    record(config, tmp_path / "cut", *script(Step(5), Stop("cut")))
    go_on(tmp_path / "cut")
    metrics = [(tmp_path / run / "metrics.jsonl").read_bytes() for run in ("straight", "cut")]
    assert metrics[0] == metrics[1]


# --- the loss -----------------------------------------------------------------------------


@pytest.mark.slow
def test_evaluations_use_the_loss_of_the_run(cpu: str) -> None:
    config = small(steps=10, eval_every=5, loss="stablemax")
    run = train(config)
    task = make_task(config)
    event = run.of(Evaluated)[-1]
    logits = reference_logits(config, run.store.at(10))
    for half, found in (
        (task.train_mask, event.metrics.train_loss),
        (~task.train_mask, event.metrics.test_loss),
    ):
        expected = reference.stablemax(logits[half], task.answer[half])
        assert found == pytest.approx(expected, rel=1e-4)
        assert found != pytest.approx(
            reference.cross_entropy(logits[half], task.answer[half]), rel=1e-3
        )

"""Analyses while a real, small network trains."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import reference
from small_runs import exact, on, small, train

from grok_tui.analysis.analyst import Analyst
from grok_tui.models.registry import model_of
from grok_tui.protocol.commands import Inspect, Pause, SaveCheckpoint, SetField, Stop
from grok_tui.protocol.events import (
    Analyzed,
    CommandRejected,
    Compiling,
    Evaluated,
    Failed,
    Inspected,
    Paused,
    Warned,
)
from grok_tui.protocol.results import AnalysisArrays
from grok_tui.tasks.registry import make_task

pytestmark = pytest.mark.usefixtures("cpu")

CONFIG = small(steps=40, eval_every=10, analyze_every=20, checkpoint_every=1000)
STOP = Stop("enough", save=False)


def test_an_analysis_uses_the_weights_at_its_step() -> None:
    run = train(CONFIG, (on(Analyzed, 20), [SaveCheckpoint()]))
    first, second = run.of(Analyzed)
    assert (first.step, second.step) == (20, 40)
    for analyzed in (first, second):
        weights = run.store.at(analyzed.step).weights
        task = make_task(CONFIG)
        analyst = Analyst(task, model_of(CONFIG, task))
        measures, arrays = analyst(weights)
        assert analyzed.measures == measures
        assert analyzed.seconds > 0
        assert analyzed.arrays is not None
        for field in fields(AnalysisArrays):
            np.testing.assert_array_equal(
                getattr(analyzed.arrays, field.name), getattr(arrays, field.name)
            )
    assert first.measures != second.measures


def test_analyze_every_is_live_and_independent_of_evaluations() -> None:
    run = train(CONFIG, (on(Evaluated, 10), [SetField("analyze_every", 7)]))
    assert [event.step for event in run.of(Analyzed)] == [14, 21, 28, 35]


def test_analyses_do_not_change_training() -> None:
    often, never = (
        train(CONFIG.changed(analyze_every=n), store=False).losses() for n in (1, 1000)
    )
    np.testing.assert_array_equal(often, never)


@pytest.mark.slow
def test_restricted_loss_falls_long_before_test_loss_in_a_run_that_groks() -> None:
    config = CONFIG.changed(
        modulus=31, d_mlp=128, train_fraction=0.6, steps=2000, eval_every=500, analyze_every=500
    )
    run = train(config, store=False)
    test_loss = [event.metrics.test_loss for event in run.of(Evaluated)]
    found = [event.measures for event in run.of(Analyzed)]
    restricted = [measures.restricted_loss for measures in found]
    assert test_loss[0] > 4
    assert restricted[0] is not None
    assert restricted[0] < 0.05
    last = found[3]
    assert test_loss[3] < 0.1
    assert last.excluded_loss is not None
    assert last.excluded_loss > 4
    assert last.gini_W_L > found[1].gini_W_L > found[0].gini_W_L
    assert len(last.key_frequencies) < len(found[0].key_frequencies)
    assert last.logit_fve is not None
    assert last.logit_fve > 0.8


def test_without_a_circuit_the_run_warns_once_and_trains() -> None:
    config = CONFIG.changed(operation="x3+xy")
    run = train(config, (on(Compiling), [Pause(), SaveCheckpoint(), STOP]))
    assert ["only its spectra" in event.message for event in run.of(Warned)] == [True]
    again = train(config, snapshot=run.store.at(0))
    assert not again.of(Warned)
    assert all(event.measures.restricted_loss is None for event in again.of(Analyzed))


def test_an_inspected_neuron_uses_the_weights_at_its_step() -> None:
    run = train(CONFIG, (on(Evaluated, 20), [SaveCheckpoint(), Inspect(63), STOP]))
    (inspected,) = run.of(Inspected)
    assert (inspected.step, inspected.neuron) == (20, 63)
    task, weights = make_task(CONFIG), exact(run.store.at(20).weights)
    W_L = np.zeros_like(weights["blocks.0.W_out"])
    W_L[63, 0] = 1.0  # this neuron's logits exceed the stream's
    alone = {**weights, "blocks.0.W_out": W_L, "W_U": np.eye(*weights["W_U"].shape)}
    without = {**alone, "blocks.0.W_out": np.zeros_like(W_L)}
    logits = [reference.logits(w, task.a, task.b, CONFIG.n_heads) for w in (alone, without)]
    np.testing.assert_allclose(inspected.activation, (logits[0] - logits[1])[:, 0], atol=1e-6)


@pytest.mark.parametrize("neuron", [-1, 64])
def test_a_neuron_that_does_not_exist_is_refused(neuron: int) -> None:
    run = train(CONFIG, (on(Compiling), [Inspect(neuron), STOP]))
    assert [event.reason for event in run.of(CommandRejected)] == [
        f"{neuron} is not a neuron: they are 0 to 63"
    ]
    assert not run.of(Inspected)


def test_nan_weights_end_the_run_and_are_not_analyzed() -> None:
    run = train(CONFIG, (on(Compiling), [SaveCheckpoint(), STOP]))
    snapshot = run.store.at(0)
    unused = snapshot.weights["W_pos"].copy()
    unused[0] = np.inf
    broken = replace(snapshot, weights={**snapshot.weights, "W_pos": unused})
    end = train(CONFIG.changed(eval_every=1000), snapshot=broken, store=False)
    assert isinstance(end.end, Failed)
    assert not end.of(Analyzed)


def test_a_pause_waits_for_at_most_one_analysis() -> None:
    """At the size of the paper's run, an analysis takes a fraction of a second."""
    config = CONFIG.changed(modulus=113, d_model=128, n_heads=4, d_mlp=512, analyze_every=1)
    config = config.changed(steps=1000)
    run = train(config, (on(Analyzed, 2), [Pause(), STOP]), store=False)
    assert [event.step for event in run.of(Paused)] == [2]
    assert max(event.seconds for event in run.of(Analyzed)) < 5  # even on a busy machine

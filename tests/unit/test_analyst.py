from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import planted
import pytest
import reference

from grok_tui.analysis.analyst import Analyst, why_no_circuit
from grok_tui.analysis.clock_pizza import distance_irrelevance
from grok_tui.config.schema import Config, Loss
from grok_tui.models.registry import model_of
from grok_tui.models.transformer import host
from grok_tui.models.transformer.host import attention_scores, embedding_gradients
from grok_tui.protocol.results import AnalysisArrays, Measures
from grok_tui.tasks.registry import make_task

P, KEYS = 29, (3, 7, 11)


def analyst(
    weights: reference.Weights,
    operation: str = "add",
    modulus: int = P,
    n_heads: int = 1,
    loss: Loss = "cross-entropy",
) -> Analyst:
    """An analyst for weights of this size."""
    task = make_task(Config(operation=operation, modulus=modulus))
    d_model, d_mlp = weights["blocks.0.W_in"].shape
    sizes = Config(
        d_model=d_model, d_mlp=d_mlp, n_heads=n_heads, n_layers=host.n_layers(weights)
    )
    return Analyst(task, model_of(sizes, task), loss)


def analyzed(weights: reference.Weights, **kind: Any) -> tuple[Measures, AnalysisArrays]:
    return analyst(weights, **kind)(weights)


def test_planted_frequencies_of_a_network_are_found() -> None:
    measures, arrays = analyzed(planted.pizza(P, KEYS))
    assert measures.key_frequencies == KEYS
    assert set(np.unique(arrays.neuron_frequency)) == set(KEYS)
    assert arrays.neuron_share.min() > 0.85
    for spectrum in (arrays.spectrum_W_E, arrays.spectrum_W_L):
        assert set(np.argsort(spectrum)[-3:] + 1) == set(KEYS)
    assert measures.gini_W_E > 0.7
    assert measures.restricted_loss is not None
    assert measures.excluded_loss is not None
    assert measures.restricted_loss < 0.05
    assert measures.excluded_loss > 3
    assert measures.gradient_symmetricity == pytest.approx(1)  # it depends on a + b only


def test_a_network_for_products_is_analyzed_by_discrete_logarithms() -> None:
    sums = planted.pizza(P - 1, KEYS)  # it adds modulo 28
    found = analyst(sums, operation="multiply")
    W_E, W_U = np.zeros((P + 1, 6)), np.zeros((6, P))
    W_E[found.group.elements], W_U[:, found.group.elements] = sums["W_E"][:-1], sums["W_U"]
    measures, arrays = found({**sums, "W_E": W_E, "W_U": W_U})
    assert measures.key_frequencies == KEYS
    assert arrays.n == P - 1
    assert arrays.logarithmic
    assert measures.restricted_loss is not None
    assert measures.restricted_loss < 0.01


def test_random_weights_do_not_look_like_a_circuit() -> None:
    measures, arrays = analyzed(reference.random_weights(P, 32, 64, 1), n_heads=2)
    assert measures.logit_fve is not None
    assert measures.logit_fve < 0.01
    assert measures.gini_W_L < 0.2
    assert arrays.neuron_share.max() < 0.85


def test_without_key_frequencies_the_excluded_loss_is_the_train_loss() -> None:
    """A zero W_L has no key frequencies, and excluding nothing leaves the train loss."""
    weights = reference.random_weights(P, 32, 64, 1)
    weights["blocks.0.W_out"][:] = 0
    found = analyst(weights, n_heads=2)
    measures, _ = found(weights)
    task = found.task
    logits = reference.logits(weights, task.a, task.b, 2)
    train = task.train_mask
    assert measures.key_frequencies == ()
    expected = reference.cross_entropy(logits[train], task.answer[train])
    assert measures.excluded_loss == pytest.approx(expected, rel=1e-12)


def test_under_stablemax_the_progress_losses_are_stablemax_losses() -> None:
    """A zero W_L has no key frequencies, which leaves the mean logits and the true ones."""
    weights = reference.random_weights(P, 32, 64, 1)
    weights["blocks.0.W_out"][:] = 0
    found = analyst(weights, n_heads=2, loss="stablemax")
    measures, _ = found(weights)
    task = found.task
    logits = reference.logits(weights, task.a, task.b, 2)

    def stablemax(logits: reference.Array, half: np.ndarray) -> float:
        s = np.where(logits < 0, 1 / (1 - np.minimum(logits, 0)), 1 + logits)
        right = s[np.arange(len(s)), task.answer]
        return float(np.log(s.sum(-1) / right)[half].mean())

    train = task.train_mask
    assert measures.excluded_loss == pytest.approx(stablemax(logits, train), rel=1e-12)
    restricted = stablemax(np.broadcast_to(logits.mean(0), logits.shape), ~train)
    assert measures.restricted_loss == pytest.approx(restricted, rel=1e-12)


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_the_neurons_of_the_last_layer_are_analyzed(n_layers: int) -> None:
    weights = reference.random_weights(P, 16, 24, n_layers)
    measures, arrays = analyzed(weights, n_heads=2)
    assert measures.restricted_loss is not None
    assert (measures.gradient_symmetricity is None) == (n_layers > 1)
    assert arrays.neuron_share.shape == (24,)
    assert sum(measures.sum_of_squares.values()) == pytest.approx(
        sum(np.square(w).sum() for w in weights.values())
    )


@pytest.mark.parametrize(
    ("operation", "modulus"), [("x3+xy", 13), ("multiply", 15), ("random", 13)]
)
def test_without_a_group_there_are_only_spectra_and_a_reason(
    operation: str, modulus: int
) -> None:
    weights = reference.random_weights(modulus, 16, 24, 1)
    found = analyst(weights, operation, modulus, n_heads=2)
    measures, arrays = found(weights)
    assert measures.restricted_loss is None
    assert measures.logit_fve is None
    assert arrays.spectrum_W_E.shape == (modulus // 2,)
    assert arrays.neuron_share.size == 0
    assert operation in str(why_no_circuit(found.task, 24))


def test_an_analysis_that_needs_gigabytes_is_refused_with_a_reason() -> None:
    task = make_task(Config(modulus=499))
    assert "too many" in str(why_no_circuit(task, 512))
    assert why_no_circuit(make_task(Config()), 512) is None


def test_attention_scores_are_those_of_the_forward_pass() -> None:
    weights = reference.random_weights(P, 16, 24, 1)
    scores = attention_scores(weights, 2)
    x = weights["W_E"][[4, 9, P]] + weights["W_pos"]
    for head in range(2):
        columns = slice(8 * head, 8 * head + 8)
        q = x[2] @ weights["blocks.0.W_Q"][:, columns]
        expected = x @ weights["blocks.0.W_K"][:, columns] @ q / np.sqrt(8)
        found = scores[head, 0, 4], scores[head, 1, 9], scores[head, 2, 0]
        np.testing.assert_allclose(found, expected)


def test_embedding_gradients_are_finite_differences() -> None:
    weights = reference.random_weights(P, 16, 24, 1)
    a, b, c = np.array([4, 20]), np.array([9, 3]), np.array([7, 28])
    of_a, of_b = embedding_gradients(weights, a, b, c, 2)
    for at in range(2):
        for token, gradient in ((a[at], of_a[at]), (b[at], of_b[at])):
            for x in (0, 11):
                found = []
                for shift in (1e-6, -1e-6):
                    moved = {name: w.copy() for name, w in weights.items()}
                    moved["W_E"][token, x] += shift
                    logits = reference.logits(moved, a[at : at + 1], b[at : at + 1], 2)
                    found.append(logits[0, c[at]])
                difference = (found[0] - found[1]) / 2e-6
                assert gradient[x] == pytest.approx(difference, rel=1e-5, abs=1e-8)


def test_distance_irrelevance_is_zero_or_one_at_its_ends() -> None:
    group = make_task(Config(modulus=13)).group
    i, j = np.meshgrid(np.arange(13), np.arange(13), indexing="ij")
    only_distance, only_sum = np.cos((i - j) % 13), np.cos((i + j) % 13)
    assert distance_irrelevance(only_distance, group) == pytest.approx(0, abs=1e-12)
    assert distance_irrelevance(only_sum, group) == pytest.approx(1)
    assert distance_irrelevance(np.ones((13, 13)), group) == 0


def test_an_analysis_changes_no_weight() -> None:
    weights = planted.pizza(P, KEYS)
    before = {name: w.copy() for name, w in weights.items()}
    first, second = analyzed(weights), analyzed(weights)
    assert first[0] == second[0]
    for name, w in weights.items():
        np.testing.assert_array_equal(w, before[name])
    for field in dataclasses.fields(first[1]):
        np.testing.assert_array_equal(
            getattr(first[1], field.name), getattr(second[1], field.name)
        )

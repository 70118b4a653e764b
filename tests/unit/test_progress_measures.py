from __future__ import annotations

import numpy as np
import planted
import pytest

from grok_tui.analysis import progress_measures
from grok_tui.analysis.fourier import basis
from grok_tui.analysis.neurons import CLUSTERED_SHARE, neuron_frequencies
from grok_tui.config.schema import Config
from grok_tui.tasks.groups import Group
from grok_tui.tasks.registry import make_task

KEYS = (2, 5)


def group(operation: str = "add", modulus: int = 13) -> Group:
    return make_task(Config(operation=operation, modulus=modulus)).group


def split(n: int) -> np.ndarray:
    return np.random.default_rng(0).random((n, n)) < 0.4


GROUPS = [("add", 13), ("subtract", 13), ("multiply", 13), ("divide", 13)]


@pytest.mark.parametrize(("operation", "modulus"), GROUPS)
def test_the_group_gives_the_answers_of_the_task(operation: str, modulus: int) -> None:
    task = make_task(Config(operation=operation, modulus=modulus))
    found = task.group
    right = task.answer[found.pairs]
    np.testing.assert_array_equal(right, found.elements[found.answer])
    np.testing.assert_array_equal(
        task.a[found.pairs], np.repeat(found.elements[:, None], found.n, 1)
    )
    np.testing.assert_array_equal(task.b[found.pairs], np.tile(found.elements, (found.n, 1)))
    assert found.n == (13 if operation in ("add", "subtract") else 12)


@pytest.mark.parametrize(
    ("operation", "modulus"), [("x2+y2", 13), ("random", 13), ("multiply", 15)]
)
def test_an_operation_without_a_cyclic_group_has_no_circuit(
    operation: str, modulus: int
) -> None:
    found = group(operation, modulus)
    assert not found.has_circuit
    assert found.n == modulus


@pytest.mark.parametrize(("operation", "modulus"), GROUPS)
def test_for_planted_cosines_restricted_is_the_test_loss_and_excluded_is_uniform(
    operation: str, modulus: int
) -> None:
    found = group(operation, modulus)
    neurons, W_L = planted.neurons(found, KEYS)
    by_residue = np.zeros((len(W_L), modulus))
    by_residue[:, found.elements] = W_L
    logits = neurons @ by_residue
    train = split(found.n)
    answer = found.answer[~train]
    test_loss = progress_measures.cross_entropy(logits[~train], found.elements[answer]).mean()
    by_answer = progress_measures.means_by_answer(neurons, found)
    restricted = progress_measures.restricted_loss(
        by_answer, by_residue, KEYS,
        mean_logits=logits.mean(axis=(0, 1)), elements=found.elements,
        test_counts=np.bincount(answer, minlength=found.n),
    )  # fmt: skip
    assert restricted == pytest.approx(test_loss, rel=1e-9)
    excluded = progress_measures.excluded_loss(
        by_answer, by_residue, KEYS, logits=logits, group=found, train=train
    )
    assert excluded == pytest.approx(np.log(modulus))
    assert progress_measures.logit_fve(logits, KEYS, found) == pytest.approx(1)
    assert progress_measures.logit_fve(logits, (2,), found) == pytest.approx(0.5)
    assert progress_measures.logit_fve(logits, (1, 3), found) == pytest.approx(0, abs=1e-12)


def test_projections_equal_those_onto_unit_vectors_over_all_pairs() -> None:
    found = group("subtract")
    neurons = np.random.default_rng(2).standard_normal((13, 13, 3))
    expected = np.zeros_like(neurons)
    for k in KEYS:
        for wave in (np.cos, np.sin):
            vector = wave(2 * np.pi * k * found.answer / 13)
            vector /= np.linalg.norm(vector)
            expected += vector[..., None] * np.einsum("ij,ijm->m", vector, neurons)
    part = progress_measures.key_part(progress_measures.means_by_answer(neurons, found), KEYS)
    np.testing.assert_allclose(part[found.answer], expected, atol=1e-12)


def test_logits_that_never_change_explain_nothing() -> None:
    assert progress_measures.logit_fve(np.ones((13, 13, 13)), KEYS, group()) == 0


@pytest.mark.parametrize("n", [12, 13])
def test_neurons_have_their_planted_frequency_and_share(n: int) -> None:
    i, j = (2 * np.pi * x / n for x in np.meshgrid(np.arange(n), np.arange(n), indexing="ij"))
    pure = 5 + np.cos(3 * i + 1) * np.cos(3 * j) + 0.5 * np.sin(3 * i)
    mixed = np.cos(2 * (i + j)) * 2 + np.cos(4 * (i + j))
    crossed = np.cos(2 * i) * np.cos(4 * j)
    constant = np.full((n, n), 7.0)
    neurons = np.stack([pure, mixed, crossed, constant], axis=2)
    frequency, share = neuron_frequencies(basis(n) @ neurons)
    assert frequency[:2].tolist() == [3, 2]
    np.testing.assert_allclose(share, [1, 0.8, 0, 0], atol=1e-12)
    assert share[0] > CLUSTERED_SHARE > share[1]
    assert frequency[3] == 0


def test_the_last_frequency_of_an_even_group_counts_for_neurons() -> None:
    sign = (-1.0) ** np.arange(12)
    frequency, share = neuron_frequencies(basis(12) @ (sign[:, None] * sign)[..., None])
    assert frequency.tolist() == [6]
    np.testing.assert_allclose(share, 1)

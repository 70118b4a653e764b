from __future__ import annotations

import numpy as np
import pytest

from grok_tui.analysis.predictions import Tally, distance, mistakes, probability, tally
from grok_tui.config.schema import Config
from grok_tui.protocol.results import Pairs
from grok_tui.tasks.registry import make_task
from grok_tui.tasks.task import Task
from grok_tui.view.pair_values import pair_values, pooled, probability_text, shown_table


def task_of(modulus: int, operation: str = "add", **fields: object) -> Task:
    return make_task(Config().changed(modulus=modulus, operation=operation, **fields))


def noisy(task: Task, seed: int = 0) -> Pairs:
    """Random answers of which about half are right."""
    random = np.random.default_rng(seed)
    wrong = random.random(len(task.answer)) < 0.5
    answers = np.where(wrong, random.integers(task.modulus, size=len(wrong)), task.answer)
    loss = random.exponential(2.0, len(wrong))
    return Pairs(answers.astype(np.int16), loss.astype(np.float16))


@pytest.mark.parametrize("operation", ["add", "divide", "multiply"])
@pytest.mark.parametrize("modulus", [5, 13])
def test_a_tally_counts_what_a_loop_counts(modulus: int, operation: str) -> None:
    task = task_of(modulus, operation)
    pairs = noisy(task)
    for half in (task.train_mask, ~task.train_mask):
        counted = tally(task, pairs, half)
        for residue in range(modulus):
            mine = [i for i in np.flatnonzero(half) if task.answer[i] == residue]
            assert counted.total[residue] == len(mine)
            assert counted.right[residue] == sum(pairs.answers[i] == residue for i in mine)


def test_every_pair_of_the_largest_task_is_counted_once() -> None:
    task = task_of(499)
    halves = [tally(task, noisy(task), half) for half in (task.train_mask, ~task.train_mask)]
    np.testing.assert_array_equal(halves[0].total + halves[1].total, np.full(499, 499))


def test_a_residue_without_pairs_has_no_accuracy_and_is_not_the_worst() -> None:
    counted = Tally(np.array([3, 0, 1, 1]), np.array([4, 0, 4, 4]))
    expected = np.array([0.75, np.nan, 0.25, 0.25], dtype=np.float32)
    np.testing.assert_array_equal(counted.accuracy, expected)
    assert counted.worst == 2
    assert Tally(np.zeros(3, int), np.zeros(3, int)).worst == 0


@pytest.mark.parametrize("operation", ["add", "divide"])
def test_mistakes_are_the_wrong_pairs_of_a_residue_least_likely_first(
    operation: str,
) -> None:
    task = task_of(13, operation)
    pairs = noisy(task)
    for residue in range(13):
        found = mistakes(task, pairs, residue)
        expected = {
            (int(task.a[i]), int(task.b[i]), int(pairs.answers[i]), bool(task.train_mask[i]))
            for i in range(len(task.answer))
            if task.answer[i] == residue != pairs.answers[i]
        }
        listed = zip(found.a, found.b, found.answered, found.train, strict=True)
        assert {(int(a), int(b), int(c), bool(t)) for a, b, c, t in listed} == expected
        assert (np.diff(found.probability) >= 0).all()
        assert (found.distance > 0).all()


def test_the_distance_is_the_shorter_way_around() -> None:
    task = task_of(13)
    for off, apart in [(0, 0), (1, 1), (6, 6), (7, 6), (12, 1)]:
        pairs = Pairs(
            ((task.answer + off) % 13).astype(np.int16), task.answer.astype(np.float16)
        )
        assert set(distance(task, pairs).tolist()) == {apart}
        np.testing.assert_allclose(pair_values(task, pairs, "error distance"), apart / 6)


def test_confidence_is_the_probability_or_0_for_nan() -> None:
    loss = np.array([0.0, np.log(4), np.inf, np.nan], dtype=np.float16)
    chances = probability(Pairs(np.zeros(4, np.int16), loss))
    np.testing.assert_allclose(chances, [1.0, 0.25, 0.0, 0.0], rtol=1e-3)


def test_correctness_is_1_for_wrong_answers() -> None:
    task = task_of(13)
    pairs = noisy(task)
    values = pair_values(task, pairs, "correctness")
    assert values.mean() == pytest.approx((pairs.answers != task.answer).mean())
    assert set(values.tolist()) == {0.0, 1.0}


@pytest.mark.parametrize(("operation", "columns"), [("add", 13), ("divide", 12)])
def test_the_table_has_rows_for_a_and_columns_for_b(operation: str, columns: int) -> None:
    task = task_of(13, operation)
    shown = task.train_mask
    values = shown_table(task, (100 * task.a + task.b).astype(np.float32), shown)
    assert values.shape == (13, columns)
    for (row, column), value in np.ndenumerate(values):
        at = row * columns + column
        assert np.isnan(value) if not shown[at] else value == 100 * row + task.columns[column]


@pytest.mark.parametrize("side", [1, 2, 3, 5, 13, 20])
def test_pooling_averages_the_known_values_of_each_block(side: int) -> None:
    random = np.random.default_rng(1)
    values = random.random((13, 12)).astype(np.float32)
    values[random.random(values.shape) < 0.4] = np.nan
    values[:3, :3] = np.nan
    means = pooled(values, side)
    assert means.shape == (-(-13 // side), -(-12 // side))
    for (row, column), mean in np.ndenumerate(means):
        block = values[row * side : (row + 1) * side, column * side : (column + 1) * side]
        known = block[~np.isnan(block)]
        assert np.isnan(mean) if not len(known) else mean == pytest.approx(known.mean())


@pytest.mark.parametrize(
    ("chance", "text"),
    [(1.0, "1.000"), (0.0314, "0.031"), (0.001, "0.001"), (2e-8, "2e-08"), (0.0, "0e+00")],
)
def test_small_probabilities_keep_their_magnitude(chance: float, text: str) -> None:
    assert probability_text(chance) == text

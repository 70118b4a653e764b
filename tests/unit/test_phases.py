from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_tui.core.events import Metrics
from grok_tui.core.phases import Milestones


def metrics(train_acc: float, test_acc: float) -> Metrics:
    return Metrics(
        train_loss=1.0, test_loss=1.0, train_acc=train_acc, test_acc=test_acc,
        weight_norm=1.0, lr=1e-3, weight_decay=1.0,
    )  # fmt: skip


def after(*evaluations: tuple[int, float, float]) -> Milestones:
    """The milestones after (step, train accuracy, test accuracy), one by one."""
    milestones = Milestones()
    for step, train_acc, test_acc in evaluations:
        milestones = milestones.after(step, metrics(train_acc, test_acc))
    return milestones


def evaluated(*accuracies: float) -> Milestones:
    """The milestones after evaluations at steps 10, 20, ..."""
    return after(*((10 * (i + 1), 1.0, accuracy) for i, accuracy in enumerate(accuracies)))


@pytest.mark.parametrize(
    ("accuracies", "grok_step"),
    [
        ((), None),
        ((1.0, 1.0), None),
        ((0.99, 0.99, 0.99), 10),
        ((0.5, 0.99, 1.0, 0.995), 20),
        ((1.0, 1.0, 0.98, 1.0, 1.0), None),
        ((1.0, 1.0, 0.98, 1.0, 1.0, 1.0), 40),
        ((1.0, 0.0, 1.0, 0.0, 1.0, 0.0), None),
        ((0.9899999, 1.0, 1.0), None),
        ((1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0), 10),  # once grokked, its step stays
    ],
)
def test_grokked_is_three_in_a_row_and_the_step_is_the_first_of_them(
    accuracies: tuple[float, ...], grok_step: int | None
) -> None:
    milestones = evaluated(*accuracies)
    assert milestones.grok_step == grok_step
    assert milestones.grokked is (grok_step is not None)


@pytest.mark.parametrize(
    ("train", "memorized_step"),
    [((0.5, 0.98), None), ((0.5, 0.99), 20), ((0.99, 0.5, 1.0), 10), ((0.989999, 1.0), 20)],
)
def test_memorised_is_the_first_evaluation_with_the_train_pairs_known(
    train: tuple[float, ...], memorized_step: int | None
) -> None:
    milestones = after(*((10 * (i + 1), acc, 0.0) for i, acc in enumerate(train)))
    assert milestones.memorized_step == memorized_step
    assert not milestones.grokked


def test_memorising_and_grokking_at_once() -> None:
    milestones = after((3, 1.0, 1.0), (4, 1.0, 1.0), (9, 1.0, 1.0))
    assert (milestones.memorized_step, milestones.grok_step) == (3, 3)


def test_the_badge_and_its_reason_follow_the_milestones() -> None:
    assert Milestones().phase == evaluated(0.1, 1.0, 1.0).phase == "MEMORIZING"
    assert "not yet known" in Milestones().reason
    assert "since step 10" in evaluated(0.1).reason
    grokked = evaluated(0.1, 1.0, 1.0, 1.0)
    assert grokked.phase == "GROKKED"
    assert "from step 20" in grokked.reason


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.98, 0.99, 1.0]), max_size=12),
    st.integers(0, 12),
)
def test_cut_anywhere_and_kept_as_json_the_verdict_is_the_same(
    accuracies: list[float], cut: int
) -> None:
    whole = evaluated(*accuracies)
    part = Milestones.from_dict(json.loads(json.dumps(evaluated(*accuracies[:cut]).to_dict())))
    for i, accuracy in enumerate(accuracies[cut:], start=cut):
        part = part.after(10 * (i + 1), metrics(1.0, accuracy))
    assert part == whole
    rows = [i for i in range(len(accuracies) - 2) if min(accuracies[i : i + 3]) >= 0.99]
    assert whole.grok_step == (10 * (rows[0] + 1) if rows else None)


def test_milestones_are_not_changed_by_another_evaluation() -> None:
    before = evaluated(1.0, 1.0)
    copy = Milestones.from_dict(before.to_dict())
    assert before.after(30, metrics(1.0, 1.0)).grokked
    assert before == copy

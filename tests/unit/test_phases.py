from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_tui.analysis.phases import Milestones
from grok_tui.protocol.results import Measures, Metrics


def metrics(train_acc: float, test_acc: float) -> Metrics:
    return Metrics(
        train_loss=1.0, test_loss=1.0, train_acc=train_acc, test_acc=test_acc,
        weight_norm=1.0, lr=1e-3, weight_decay=1.0,
    )  # fmt: skip


def after(*evaluations: tuple[int, float, float]) -> Milestones:
    """The milestones after evaluations (step, train accuracy, test accuracy)."""
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
def test_grokked_takes_three_in_a_row_and_counts_from_the_first(
    accuracies: tuple[float, ...], grok_step: int | None
) -> None:
    milestones = evaluated(*accuracies)
    assert milestones.grok_step == grok_step
    assert milestones.grokked is (grok_step is not None)


@pytest.mark.parametrize(
    ("train", "memorized_step"),
    [((0.5, 0.98), None), ((0.5, 0.99), 20), ((0.99, 0.5, 1.0), 10), ((0.989999, 1.0), 20)],
)
def test_memorized_is_the_first_evaluation_with_all_train_pairs_right(
    train: tuple[float, ...], memorized_step: int | None
) -> None:
    milestones = after(*((10 * (i + 1), acc, 0.0) for i, acc in enumerate(train)))
    assert milestones.memorized_step == memorized_step
    assert not milestones.grokked


def test_memorizing_and_grokking_at_once() -> None:
    milestones = after((3, 1.0, 1.0), (4, 1.0, 1.0), (9, 1.0, 1.0))
    assert (milestones.memorized_step, milestones.grok_step) == (3, 3)


def test_the_badge_and_its_reason_follow_the_milestones() -> None:
    assert Milestones().phase == evaluated(0.1, 1.0, 1.0).phase == "MEMORIZING"
    assert "not memorized yet" in Milestones().reason
    assert "at step 10" in evaluated(0.1).reason
    grokked = evaluated(0.1, 1.0, 1.0, 1.0)
    assert grokked.phase == "GROKKED"
    assert "from step 20" in grokked.reason


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.98, 0.99, 1.0]), max_size=12),
    st.integers(0, 12),
)
def test_milestones_survive_json_at_any_evaluation(accuracies: list[float], cut: int) -> None:
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


# --- phases -------------------------------------------------------------------------------


def loss_metrics(
    train_loss: float, test_loss: float, train_acc: float = 1.0, decay: float = 1.0
) -> Metrics:
    return Metrics(train_loss, test_loss, train_acc, 0.1, 50.0, 1e-3, decay)


def excluded(loss: float | None) -> Measures:
    return Measures(0.1, 0.1, (1,), {}, excluded_loss=loss)


MEMORIZED = Milestones().after(100, loss_metrics(0.1, 8.0))


def test_a_circuit_forms_once_the_excluded_loss_has_risen_from_its_minimum() -> None:
    now = MEMORIZED
    for step, loss in ((200, 0.5), (300, 0.2), (400, 0.22)):
        now = now.after_analysis(step, excluded(loss))
        assert now.phase == "MEMORIZING"
    now = now.after_analysis(500, excluded(0.231))
    assert now.phase == "CIRCUIT FORMATION"
    assert "step 500" in now.reason
    assert now.after_analysis(600, excluded(0.1)).phase == "CIRCUIT FORMATION"


def test_an_excluded_loss_of_zero_has_not_risen() -> None:
    now = MEMORIZED
    for step in (200, 300):
        now = now.after_analysis(step, excluded(0.0))
        assert now.phase == "MEMORIZING"
    assert now.least_excluded_loss == 0.0
    assert now.after_analysis(400, excluded(0.1)).phase == "CIRCUIT FORMATION"


def test_a_circuit_that_formed_while_memorizing_is_noticed() -> None:
    for share, phase in ((0.09, "MEMORIZING"), (0.1, "CIRCUIT FORMATION")):
        measures = replace(excluded(5.0), logit_fve=share)
        assert MEMORIZED.after_analysis(200, measures).phase == phase


def test_no_circuit_is_noticed_before_memorizing_or_without_measures() -> None:
    early = Milestones().after_analysis(10, excluded(0.1)).after_analysis(20, excluded(5.0))
    assert early == Milestones()
    assert MEMORIZED.after_analysis(200, excluded(None)) == MEMORIZED


def test_cleanup_starts_when_the_test_loss_halves_from_its_peak_since_memorizing() -> None:
    unknown = Milestones().after(10, loss_metrics(40.0, 90.0, train_acc=0.2))
    now = unknown.after(100, loss_metrics(0.1, 8.0)).after(200, loss_metrics(0.1, 20.0))
    assert now.phase == "MEMORIZING"
    assert now.after(300, loss_metrics(0.1, 10.1)).phase == "MEMORIZING"
    cleanup = now.after(300, loss_metrics(0.1, 10.0))
    assert cleanup.phase == "CLEANUP"
    assert "step 300" in cleanup.reason
    assert cleanup.after(400, loss_metrics(0.1, 20.0)).phase == "CLEANUP"


@pytest.mark.parametrize(
    ("decay", "patience"),
    [(1.0, 3000), (0.5, 6000), (9.0, 1000), (0.0, 20_000), (0.01, 20_000)],
)
def test_a_run_that_memorized_is_stuck_after_three_decay_times(
    decay: float, patience: int
) -> None:
    last = MEMORIZED.after(99 + patience, loss_metrics(0.1, 8.0, decay=decay))
    assert last.phase == "MEMORIZING"
    stuck = last.after(100 + patience, loss_metrics(0.1, 8.0, decay=decay))
    assert stuck.phase == "STUCK"
    assert f"memorized the train pairs {patience} steps ago or more" in stuck.reason
    formed = stuck.after_analysis(100 + patience, excluded(0.1))
    formed = formed.after_analysis(200 + patience, excluded(0.2))
    assert formed.phase == "CIRCUIT FORMATION"
    assert formed.after(300 + patience, loss_metrics(0.1, 8.0)).phase == "CIRCUIT FORMATION"


def test_a_run_is_stuck_while_its_train_loss_does_not_fall() -> None:
    now = Milestones().after(10, loss_metrics(2.0, 4.0, 0.3))
    for step in range(20, 1010, 10):  # falling by a fifth in a hundred steps would be enough
        now = now.after(step, loss_metrics(1.7, 4.0, 0.3))
        assert now.phase == "MEMORIZING"
    now = now.after(1010, loss_metrics(1.61, 4.0, 0.3))
    assert now.phase == "STUCK"
    assert "since step 10" in now.reason
    now = now.after(1020, loss_metrics(1.6, 4.0, 0.3))
    assert now.phase == "MEMORIZING"
    assert now.plateau_step == 1020


def test_once_grokked_the_badge_stays() -> None:
    now = evaluated(1.0, 1.0, 1.0).after(30_000, loss_metrics(0.1, 8.0))
    assert now.phase == "GROKKED"


ORDER = ["MEMORIZING", "STUCK", "CIRCUIT FORMATION", "CLEANUP", "GROKKED"]


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.01, 9), st.floats(0.01, 30), st.floats(0.01, 9), st.booleans()),
        max_size=40,
    )
)
def test_after_memorizing_the_badge_never_flickers(
    found: list[tuple[float, float, float, bool]],
) -> None:
    now = MEMORIZED
    badges = [now.phase]
    for i, (train_loss, test_loss, excluded_loss, right) in enumerate(found):
        step = 200 + 100 * i
        now = now.after(
            step,
            Metrics(train_loss, test_loss, 1.0, float(right), 50.0, 1e-3, 1.0),
        )
        badges.append(now.phase)
        now = now.after_analysis(step, excluded(excluded_loss))
        badges.append(now.phase)
    places = [ORDER.index(badge) for badge in badges]
    assert places == sorted(places)


def test_milestones_of_a_checkpoint_from_before_phases_can_be_read() -> None:
    old = {"memorized_step": 140, "grok_step": None, "streak_step": None, "streak": 0}
    assert Milestones.from_dict(old).memorized_step == 140

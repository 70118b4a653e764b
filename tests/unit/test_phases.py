from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_tui.analysis.phases import Milestones, Sustained
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
    assert (milestones.phase == "GROKKED") is (grok_step is not None)


@pytest.mark.parametrize(
    ("train", "memorized_step"),
    [((0.5, 0.98), None), ((0.5, 0.99), 20), ((0.99, 0.5, 1.0), 10), ((0.989999, 1.0), 20)],
)
def test_memorized_is_the_first_evaluation_with_all_train_pairs_right(
    train: tuple[float, ...], memorized_step: int | None
) -> None:
    milestones = after(*((10 * (i + 1), acc, 0.0) for i, acc in enumerate(train)))
    assert milestones.memorized_step == memorized_step
    assert milestones.phase == "MEMORIZING"


def test_memorizing_and_grokking_at_once() -> None:
    milestones = after((3, 1.0, 1.0), (4, 1.0, 1.0), (9, 1.0, 1.0))
    assert (milestones.memorized_step, milestones.grok_step) == (3, 3)


def test_the_badge_and_its_reason_follow_the_milestones() -> None:
    assert Milestones().phase == evaluated(0.1, 1.0, 1.0).phase == "MEMORIZING"
    assert "not memorized yet" in Milestones().reason
    assert "memorized at step 10," in evaluated(0.1).reason
    grokked = evaluated(0.1, 1.0, 1.0, 1.0)
    assert grokked.phase == "GROKKED"
    assert "since step 20" in grokked.reason


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
    assert before.after(30, metrics(1.0, 1.0)).phase == "GROKKED"
    assert before == copy


# --- phases -------------------------------------------------------------------------------

P = 113


def looked(
    train_loss: float = 0.1,
    test_loss: float = 8.0,
    train_acc: float = 1.0,
    test_acc: float = 0.01,
    decay: float = 1.0,
) -> Metrics:
    return Metrics(train_loss, test_loss, train_acc, test_acc, 50.0, 1e-3, decay)


def analyzed(
    excluded: float | None = None, fve: float | None = None, keys: int = 4
) -> Measures:
    frequencies = tuple(range(1, keys + 1))
    return Measures(0.1, 0.1, frequencies, {}, excluded_loss=excluded, logit_fve=fve)


MEMORIZED = Milestones(n_answers=P).after(100, looked())


def continued(now: Milestones, *evaluations: Metrics, every: int = 10) -> list[Milestones]:
    """The milestones after each of some more evaluations, from step 110 on."""
    after = []
    for i, metrics in enumerate(evaluations):
        now = now.after(110 + every * i, metrics)
        after.append(now)
    return after


def phases(now: Milestones, *evaluations: Metrics) -> list[str]:
    return [milestones.phase for milestones in continued(now, *evaluations)]


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 4))
def test_a_condition_changes_after_as_many_looks_in_a_row(seen: list[bool], row: int) -> None:
    condition, holds = Sustained(), False
    for i, now in enumerate(seen):
        condition = condition.after(i, seen=now, in_a_row=row)
        newest = seen[max(0, i + 1 - row) : i + 1]
        if len(newest) == row and len(set(newest)) == 1 and newest[0] != holds:
            holds = newest[0]
            assert condition.since == i + 1 - row
        assert condition.holds == holds


def test_a_run_that_loses_what_it_had_is_lost_until_it_has_it_again() -> None:
    lost = looked(train_loss=3.4, test_loss=3.4, train_acc=0.03, test_acc=0.03)
    good = looked(test_loss=0.01, test_acc=1.0)
    seen = phases(MEMORIZED, *[good] * 3, *[lost] * 4, *[good] * 3)
    assert seen == ["MEMORIZING"] * 2 + ["GROKKED"] * 3 + ["LOST"] * 4 + ["GROKKED"]
    last = continued(MEMORIZED, *[good] * 3, *[lost] * 4)[-1]
    assert last.reason == "grokked at step 110, test accuracy below 90% since step 140"
    assert last.grok_step == 110


@pytest.mark.parametrize("accuracies", [(0.95,) * 9, (0.5, 0.5, 0.99) * 5])
def test_a_grokked_run_that_dips_has_not_lost_it(accuracies: tuple[float, ...]) -> None:
    good = [looked(test_acc=1.0)] * 3
    dips = [looked(test_acc=accuracy) for accuracy in accuracies]
    assert set(phases(MEMORIZED, *good, *dips)[2:]) == {"GROKKED"}


def test_a_circuit_forms_once_the_excluded_loss_stays_above_its_minimum() -> None:
    now = MEMORIZED
    for step, loss in ((200, 0.5), (300, 0.2), (400, 0.22), (500, 0.231)):
        now = now.after_analysis(step, analyzed(loss))
        assert now.phase == "MEMORIZING"
    now = now.after_analysis(600, analyzed(0.24))
    assert now.phase == "CIRCUIT FORMATION"
    assert "since step 500" in now.reason
    for step in (700, 800):
        now = now.after_analysis(step, analyzed(0.1))
    assert now.phase == "MEMORIZING"


def test_an_excluded_loss_of_zero_has_not_risen() -> None:
    now = MEMORIZED
    for step in (200, 300, 400):
        now = now.after_analysis(step, analyzed(0.0))
        assert now.phase == "MEMORIZING"
    assert now.least_excluded_loss == 0.0
    for step in (500, 600):
        now = now.after_analysis(step, analyzed(0.1))
    assert now.phase == "CIRCUIT FORMATION"


@pytest.mark.parametrize(
    ("share", "keys", "phase"),
    [
        (0.09, 4, "MEMORIZING"),
        (0.1, 4, "CIRCUIT FORMATION"),
        (0.9, P // 4, "CIRCUIT FORMATION"),
        (0.9, P // 4 + 1, "MEMORIZING"),
    ],
)
def test_a_circuit_that_formed_while_memorizing_has_few_key_frequencies(
    share: float, keys: int, phase: str
) -> None:
    now = MEMORIZED
    for step in (200, 300):
        now = now.after_analysis(step, analyzed(5.0, share, keys))
    assert now.phase == phase


def test_no_circuit_is_noticed_before_memorizing_or_without_measures() -> None:
    new = Milestones(n_answers=P)
    assert new.after_analysis(10, analyzed(0.1)).after_analysis(20, analyzed(5.0)) == new
    assert MEMORIZED.after_analysis(200, analyzed()) == MEMORIZED


def test_cleanup_starts_when_the_test_loss_stays_below_half_of_its_peak() -> None:
    early = Milestones(n_answers=P).after(10, looked(40.0, 90.0, 0.2)).after(100, looked())
    half = looked(test_loss=10.0, test_acc=0.2)
    seen = continued(early, looked(test_loss=20.0), half, half, half)
    assert [now.phase for now in seen] == ["MEMORIZING"] * 3 + ["CLEANUP"]
    assert "since step 120" in seen[-1].reason
    back = looked(test_loss=15.0, test_acc=0.2)
    assert phases(seen[-1], back, back, back) == ["CLEANUP"] * 2 + ["MEMORIZING"]


@given(st.lists(st.tuples(st.floats(1e-7, 3.0), st.floats(0.1, 30.0)), max_size=30))
def test_no_loss_starts_a_cleanup_while_the_test_pairs_are_guessed(
    losses: list[tuple[float, float]],
) -> None:
    """As when a jump of the train loss halves the test loss."""
    seen = [looked(train, test, test_acc=1 / P + 0.09) for train, test in losses]
    assert set(phases(MEMORIZED, *seen)) <= {"MEMORIZING"}


@pytest.mark.parametrize(
    ("decay", "patience"),
    [(1.0, 3000), (0.3, 10_000), (9.0, 1000), (0.0, 2000), (0.1, 2000)],
)
def test_a_run_that_memorized_is_stuck_after_three_decay_times(
    decay: float, patience: int
) -> None:
    last = MEMORIZED.after(99 + patience, looked(decay=decay))
    assert last.phase == "MEMORIZING"
    stuck = last.after(100 + patience, looked(decay=decay))
    assert stuck.phase == "STUCK"
    assert stuck.reason == "train pairs memorized, nothing better since step 100"
    better = looked(test_acc=0.05, decay=decay)
    assert stuck.after(110 + patience, better).phase == "MEMORIZING"
    formed = stuck
    for more in (10, 20):
        formed = formed.after_analysis(100 + patience + more, analyzed(5.0, 0.5))
    assert formed.phase == "CIRCUIT FORMATION"


def test_a_run_that_stays_half_way_is_stuck() -> None:
    half = looked(test_loss=2.0, test_acc=0.7)
    seen = continued(MEMORIZED, *[half] * 4, every=400)
    assert [now.phase for now in seen] == ["MEMORIZING"] * 2 + ["CLEANUP", "STUCK"]


def test_a_run_is_stuck_while_its_train_loss_does_not_fall() -> None:
    def after(now: Milestones, step: int, train_loss: float) -> Milestones:
        return now.after_loss(train_loss).after(step, looked(9.9, 4.0, 0.3))

    now = after(Milestones(), 10, 2.0)
    for step in range(20, 1010, 10):  # falling by a fifth in a hundred steps would be enough
        now = after(now, step, 1.7)
        assert now.phase == "MEMORIZING"
    now = after(now, 1010, 1.61)
    assert now.phase == "STUCK"
    assert "since step 10" in now.reason
    now = after(now, 1020, 1.6)
    assert now.phase == "MEMORIZING"
    assert now.plateau_step == 1020


def test_forgotten_train_pairs_begin_anew() -> None:
    forgot = looked(train_loss=3.0, train_acc=0.4)
    seen = continued(MEMORIZED, *[looked(test_loss=2.0, test_acc=0.5)] * 3, *[forgot] * 3)
    assert [now.phase for now in seen[2:]] == ["CLEANUP"] * 3 + ["MEMORIZING"]
    assert seen[-1].reason == "train pairs not memorized yet"
    assert seen[-1].memorized_step == 100


def test_milestones_of_older_checkpoints_can_be_read() -> None:
    old = {"memorized_step": 140, "grok_step": None, "streak_step": None, "streak": 0}
    assert Milestones.from_dict(old).reason.startswith("memorized at step 140,")
    assert Milestones.from_dict({**old, "grok_step": 900}).phase == "GROKKED"

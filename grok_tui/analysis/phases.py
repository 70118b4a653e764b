"""The phases of a run, from its evaluations and analyses alone.

Only the numbers here define the phases. They come from recorded runs (docs/analysis.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from grok_tui.protocol.results import Measures, Metrics

Phase = Literal["MEMORIZING", "STUCK", "CIRCUIT FORMATION", "CLEANUP", "GROKKED", "LOST"]

MEMORIZED_TRAIN_ACC = 0.99
GROKKED_TEST_ACC = 0.99
GROKKED_IN_A_ROW = 3
# Below these accuracies memorized train pairs count as forgotten, learned test pairs as lost.
FORGOTTEN_TRAIN_ACC = 0.9
LOST_TEST_ACC = 0.9
# A circuit: the key frequencies explain this share of the logits, or the excluded loss is this
# many times its lowest since memorizing; at two analyses in a row.
CIRCUIT_FVE = 0.1
EXCLUDED_RISE = 1.15
CIRCUIT_IN_A_ROW = 2
# Cleanup: the test loss is at most this share of its highest since memorizing, and the test
# accuracy exceeds that of guessing by this much; at three evaluations in a row.
CLEANUP_SHARE = 0.5
ABOVE_CHANCE = 0.1
CLEANUP_IN_A_ROW = 3
# Stuck: the train pairs are memorized, and for this many times 1 / (lr * weight decay) steps,
# and at least so many, nothing about the test pairs has improved. Weight decay shrinks a weight
# to 1/e in 1 / (lr * weight decay) steps; slower than this, no run grokked within 40,000 steps,
# and there is nothing to wait for.
STUCK_DECAY_TIMES, STUCK_STEPS_MIN = 3.0, 1000
SLOWEST_DECAY, STUCK_STEPS_IDLE = 1.6e-4, 2000
# A cleanup is quick: it is stuck after a third of that, and at least so many steps.
STUCK_STEPS_CLEANUP = 300
# Improvements: the test accuracy or the share of explained logits exceeds its best by this
# much, or the test loss is below its lowest by this share.
BETTER_SHARE, BETTER_LOSS = 0.02, 0.05
# Also stuck: the train loss did not fall by this share in this many steps before memorizing.
PLATEAU_STEPS = 1000
PLATEAU_FALL = 0.2


@dataclass(frozen=True, slots=True)
class Sustained:
    """A condition that changes only after it was seen otherwise several times in a row.

    since: the first step of the row that changed it last, None if it never changed.
    row, row_step: length and first step of the present row that speaks against it.
    """

    holds: bool = False
    since: int | None = None
    row: int = 0
    row_step: int | None = None

    def after(self, step: int, *, seen: bool, in_a_row: int) -> Sustained:
        """The condition after one more look at it."""
        if seen == self.holds:
            return Sustained(self.holds, self.since)
        start = step if self.row_step is None else self.row_step
        if self.row + 1 >= in_a_row:
            return Sustained(seen, start)
        return Sustained(self.holds, self.since, self.row + 1, start)


@dataclass(frozen=True, slots=True)
class Milestones:
    """What the evaluations and analyses so far have shown; a pure fold over them.

    n_answers: of the task; 0 if unknown. train_loss: at the newest step, in nats.
    memorized_step: first evaluated step with train accuracy >= 0.99.
    grok_step: first of three evaluations in a row with test accuracy >= 0.99, for the first
    time. memorized, grokked, circuit, cleanup: whether that is so now.
    highest_test_loss, least_excluded_loss: since memorizing, in nats.
    better_step, best_test_acc, best_test_loss, best_fve: when one of these last improved
    clearly since memorizing, and the best of each.
    plateau_step, plateau_loss: when the train loss last fell clearly, and to which value.
    stuck: why the run is stuck now, empty if it is not.
    """

    n_answers: int = 0
    train_loss: float = 0.0
    memorized_step: int | None = None
    grok_step: int | None = None
    memorized: Sustained = field(default_factory=Sustained)
    grokked: Sustained = field(default_factory=Sustained)
    circuit: Sustained = field(default_factory=Sustained)
    cleanup: Sustained = field(default_factory=Sustained)
    highest_test_loss: float | None = None
    least_excluded_loss: float | None = None
    better_step: int = 0
    best_test_acc: float = 0.0
    best_test_loss: float | None = None
    best_fve: float = 0.0
    plateau_step: int = 0
    plateau_loss: float | None = None
    stuck: str = ""

    @property
    def phase(self) -> Phase:
        """The badge's text. Each phase ends when its reason is gone."""
        if self.grokked.holds:
            return "GROKKED"
        if self.grok_step is not None:
            return "LOST"
        if self.stuck:
            return "STUCK"
        if self.cleanup.holds:
            return "CLEANUP"
        return "CIRCUIT FORMATION" if self.circuit.holds else "MEMORIZING"

    @property
    def reason(self) -> str:  # noqa: PLR0911  one case each
        """Why the run is in this phase, as text for the user."""
        match self.phase:
            case "GROKKED":
                return f"test pairs learned since step {self.grokked.since}"
            case "LOST":
                return (
                    f"grokked at step {self.grok_step}, test accuracy below"
                    f" {LOST_TEST_ACC:.0%} since step {self.grokked.since}"
                )
            case "STUCK":
                return self.stuck
            case "CLEANUP":
                return (
                    "test loss below half of its peak and test accuracy above chance since"
                    f" step {self.cleanup.since}"
                )
            case "CIRCUIT FORMATION":
                return f"key frequencies in use since step {self.circuit.since}"
        if self.memorized.holds:
            return f"memorized at step {self.memorized.since}, test pairs not yet"
        return "train pairs not memorized yet"

    def after_loss(self, train_loss: float) -> Milestones:
        """The milestones after more steps; train_loss: at the last of them, in nats."""
        return replace(self, train_loss=train_loss)

    def after(self, step: int, metrics: Metrics) -> Milestones:
        """The milestones after one more evaluation, at the newest step.

        The train loss of the step is what a run records, so only that is used.
        """
        now = self
        if now.memorized_step is None and metrics.train_acc >= MEMORIZED_TRAIN_ACC:
            now = replace(now, memorized_step=step)
        now = now._after_train(step, metrics)._after_test(step, metrics)
        return now._stuck_or_not(step, metrics)

    def after_analysis(self, step: int, measures: Measures) -> Milestones:
        """The milestones after one more analysis."""
        excluded = measures.excluded_loss
        if not self.memorized.holds or excluded is None:
            return self
        before = self.least_excluded_loss
        least = excluded if before is None else min(excluded, before)
        explained = measures.logit_fve or 0.0
        risen = excluded > least and excluded >= EXCLUDED_RISE * least  # the least may be 0
        # If most frequencies are key, explaining the logits by them says nothing.
        few = 4 * len(measures.key_frequencies) <= self.n_answers
        seen = few and (risen or explained >= CIRCUIT_FVE)
        now = replace(
            self,
            least_excluded_loss=least,
            circuit=self.circuit.after(step, seen=seen, in_a_row=CIRCUIT_IN_A_ROW),
        )
        if few and explained > self.best_fve + BETTER_SHARE:
            now = replace(now, best_fve=explained, better_step=step, stuck="")
        return now

    def _after_train(self, step: int, metrics: Metrics) -> Milestones:
        """With the train pairs memorized or forgotten, which ends all that followed."""
        least = FORGOTTEN_TRAIN_ACC if self.memorized.holds else MEMORIZED_TRAIN_ACC
        in_a_row = GROKKED_IN_A_ROW if self.memorized.holds else 1
        memorized = self.memorized.after(
            step, seen=metrics.train_acc >= least, in_a_row=in_a_row
        )
        if memorized.holds == self.memorized.holds:
            return replace(self, memorized=memorized)
        return replace(
            self,
            memorized=memorized,
            circuit=Sustained(),
            cleanup=Sustained(),
            highest_test_loss=None,
            least_excluded_loss=None,
            better_step=step,
            best_test_acc=0.0,
            best_test_loss=None,
            best_fve=0.0,
            plateau_step=step,
            plateau_loss=None,
            stuck="",
        )

    def _after_test(self, step: int, metrics: Metrics) -> Milestones:
        acc, loss = metrics.test_acc, metrics.test_loss
        least = LOST_TEST_ACC if self.grokked.holds else GROKKED_TEST_ACC
        grokked = self.grokked.after(step, seen=acc >= least, in_a_row=GROKKED_IN_A_ROW)
        now = replace(self, grokked=grokked)
        if now.grok_step is None and grokked.holds:
            now = replace(now, grok_step=grokked.since)
        if not now.memorized.holds:
            return now
        highest = max(loss, now.highest_test_loss or 0.0)
        seen = loss <= CLEANUP_SHARE * highest and acc >= self.chance + ABOVE_CHANCE
        cleanup = now.cleanup.after(step, seen=seen, in_a_row=CLEANUP_IN_A_ROW)
        now = replace(now, highest_test_loss=highest, cleanup=cleanup)
        lowest = now.best_test_loss
        if acc > now.best_test_acc + BETTER_SHARE:
            now = replace(now, best_test_acc=acc, better_step=step)
        if lowest is None or loss < (1 - BETTER_LOSS) * lowest:
            now = replace(now, best_test_loss=loss, better_step=step)
        return now

    @property
    def chance(self) -> float:
        """The accuracy of guessing."""
        return 1 / self.n_answers if self.n_answers else 0.0

    def _stuck_or_not(self, step: int, metrics: Metrics) -> Milestones:
        if self.memorized.holds:
            patience = _patience(metrics.lr * metrics.weight_decay)
            if self.cleanup.holds:
                patience = max(patience // 3, STUCK_STEPS_CLEANUP)
            stuck = (
                f"train pairs memorized, nothing better since step {self.better_step}"
                if step - self.better_step >= patience
                else ""
            )
            return replace(self, stuck=stuck)
        if (
            self.plateau_loss is None
            or self.train_loss <= (1 - PLATEAU_FALL) * self.plateau_loss
        ):
            return replace(self, plateau_step=step, plateau_loss=self.train_loss, stuck="")
        if step - self.plateau_step < PLATEAU_STEPS:
            return self
        stuck = (
            f"train pairs not memorized, train loss not down by a fifth since step"
            f" {self.plateau_step}"
        )
        return replace(self, stuck=stuck)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(known: Mapping[str, Any]) -> Milestones:
        """From `to_dict`; fields of older versions are ignored."""
        mine = {f.name: known[f.name] for f in fields(Milestones) if f.name in known}
        for name in ("memorized", "grokked", "circuit", "cleanup"):
            if isinstance(mine.get(name), Mapping):
                mine[name] = Sustained(**mine[name])
        now = Milestones(**mine)
        if now.memorized_step is not None and now.memorized.since is None:
            now = replace(now, memorized=Sustained(holds=True, since=now.memorized_step))
        if now.grok_step is not None and now.grokked.since is None:
            now = replace(now, grokked=Sustained(holds=True, since=now.grok_step))
        return now


def _patience(decay_per_step: float) -> int:
    """Steps from the last improvement until a run is stuck.

    decay_per_step: lr * weight decay.
    """
    if decay_per_step < SLOWEST_DECAY:
        return STUCK_STEPS_IDLE
    return round(max(STUCK_DECAY_TIMES / decay_per_step, STUCK_STEPS_MIN))

"""The milestones that a run has passed, and the phase that follows from them.

Only the numbers here define the phases. They come from recorded runs of `nanda`, `quick`,
`stackexchange` and the operation `random` (see docs/analysis.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from grok_tui.protocol.results import Measures, Metrics

MEMORIZED_TRAIN_ACC = 0.99
GROKKED_TEST_ACC = 0.99
GROKKED_IN_A_ROW = 3
# A circuit forms once the excluded loss is this many times its lowest since memorizing, or the
# key frequencies explain this share of the logits.
EXCLUDED_RISE = 1.15
CIRCUIT_FVE = 0.1
# Cleanup: the test loss is at most this share of its highest since memorizing.
CLEANUP_SHARE = 0.5
# Stuck: no circuit within this many times 1 / (lr * weight decay) steps of memorizing, clamped
# to these bounds. Weight decay shrinks a weight to 1/e in 1 / (lr * weight decay) steps.
STUCK_DECAY_TIMES = 3.0
STUCK_STEPS_MIN, STUCK_STEPS_MAX = 1000, 20_000
# Also stuck: the train loss did not fall by this share in this many steps before memorizing.
PLATEAU_STEPS = 1000
PLATEAU_FALL = 0.2


@dataclass(frozen=True, slots=True)
class Milestones:
    """What the evaluations and analyses so far have shown; a pure fold over them.

    memorized_step: first evaluated step with train accuracy >= 0.99.
    grok_step: first of three evaluations in a row with test accuracy >= 0.99.
    streak_step, streak: start and length of the current streak of such evaluations.
    circuit_step, cleanup_step: when a circuit began to form, and when cleanup began.
    highest_test_loss, least_excluded_loss: since memorizing, in nats.
    plateau_step, plateau_loss: when the train loss last fell clearly, and to which value.
    stuck: why the run is stuck now, empty if it is not.
    """

    memorized_step: int | None = None
    grok_step: int | None = None
    streak_step: int | None = None
    streak: int = 0
    circuit_step: int | None = None
    cleanup_step: int | None = None
    highest_test_loss: float | None = None
    least_excluded_loss: float | None = None
    plateau_step: int = 0
    plateau_loss: float | None = None
    stuck: str = ""

    @property
    def grokked(self) -> bool:
        return self.grok_step is not None

    @property
    def phase(self) -> str:
        """The badge's text. A run never returns to an earlier phase, except from `STUCK`."""
        if self.grokked:
            return "GROKKED"
        if self.cleanup_step is not None:
            return "CLEANUP"
        if self.circuit_step is not None:
            return "CIRCUIT FORMATION"
        return "STUCK" if self.stuck else "MEMORIZING"

    @property
    def reason(self) -> str:
        """Why the run is in this phase, as text for the user."""
        match self.phase:
            case "GROKKED":
                return (
                    f"test accuracy stayed at or above {GROKKED_TEST_ACC}"
                    f" for {GROKKED_IN_A_ROW} evaluations from step {self.grok_step}"
                )
            case "CLEANUP":
                return (
                    f"by step {self.cleanup_step} the test loss had fallen to half of its peak"
                    " since memorizing"
                )
            case "CIRCUIT FORMATION":
                return (
                    f"since step {self.circuit_step} the network uses the key frequencies:"
                    " without them the train loss is higher, or they explain 10% of the logits"
                )
            case "STUCK":
                return self.stuck
        if self.memorized_step is not None:
            return (
                f"memorized the train pairs at step {self.memorized_step};"
                " the test pairs are not learned yet"
            )
        return "the train pairs are not memorized yet"

    def after(self, step: int, metrics: Metrics) -> Milestones:
        """The milestones after one more evaluation."""
        now = self
        if now.memorized_step is None and metrics.train_acc >= MEMORIZED_TRAIN_ACC:
            now = replace(now, memorized_step=step)
        now = now._after_test(step, metrics)._after_accuracy(step, metrics.test_acc)
        return now._stuck_or_not(step, metrics)

    def after_analysis(self, step: int, measures: Measures) -> Milestones:
        """The milestones after one more analysis."""
        excluded = measures.excluded_loss
        if self.memorized_step is None or excluded is None:
            return self
        before = self.least_excluded_loss
        least = excluded if before is None else min(excluded, before)
        now = replace(self, least_excluded_loss=least)
        explained = measures.logit_fve is not None and measures.logit_fve >= CIRCUIT_FVE
        risen = excluded > least and excluded >= EXCLUDED_RISE * least  # the least may be 0
        if now.circuit_step is None and (risen or explained):
            now = replace(now, circuit_step=step, stuck="")
        return now

    def _after_test(self, step: int, metrics: Metrics) -> Milestones:
        if self.memorized_step is None:
            return self
        highest = max(metrics.test_loss, self.highest_test_loss or 0.0)
        now = replace(self, highest_test_loss=highest)
        if now.cleanup_step is None and metrics.test_loss <= CLEANUP_SHARE * highest:
            now = replace(now, cleanup_step=step)
        return now

    def _after_accuracy(self, step: int, test_acc: float) -> Milestones:
        if test_acc < GROKKED_TEST_ACC:
            return replace(self, streak_step=None, streak=0)
        start = self.streak_step if self.streak_step is not None else step
        now = replace(self, streak_step=start, streak=self.streak + 1)
        if now.grok_step is None and now.streak >= GROKKED_IN_A_ROW:
            now = replace(now, grok_step=start)
        return now

    def _stuck_or_not(self, step: int, metrics: Metrics) -> Milestones:
        if self.memorized_step is not None:
            patience = _patience(metrics.lr * metrics.weight_decay)
            waited = step - self.memorized_step
            stuck = (
                f"memorized the train pairs {patience} steps ago or more, and no circuit forms"
                if waited >= patience and self.circuit_step is None
                else ""
            )
            return replace(self, stuck=stuck)
        if (
            self.plateau_loss is None
            or metrics.train_loss <= (1 - PLATEAU_FALL) * self.plateau_loss
        ):
            now = replace(self, plateau_step=step, plateau_loss=metrics.train_loss)
            return replace(now, stuck="")
        if step - self.plateau_step < PLATEAU_STEPS:
            return self
        stuck = (
            f"the train loss has not fallen by a fifth since step {self.plateau_step}, and the"
            " train pairs are not memorized"
        )
        return replace(self, stuck=stuck)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Milestones:
        return Milestones(**fields)


def _patience(decay_per_step: float) -> int:
    """Steps from memorizing until a run without a circuit is stuck.

    decay_per_step: lr * weight decay.
    """
    if decay_per_step <= 0:
        return STUCK_STEPS_MAX
    steps = STUCK_DECAY_TIMES / decay_per_step
    return round(min(max(steps, STUCK_STEPS_MIN), STUCK_STEPS_MAX))

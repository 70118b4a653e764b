"""Which milestones a run has passed, and the badge that follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from grok_tui.core.events import Metrics

MEMORIZED_TRAIN_ACC = 0.99
GROKKED_TEST_ACC = 0.99
GROKKED_IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class Milestones:
    """What the evaluations so far have shown; a pure fold over them.

    memorized_step: first evaluated step with train accuracy >= 0.99.
    grok_step: first of three evaluations in a row with test accuracy >= 0.99.
    streak_step, streak: start and length of the current row of such evaluations.
    """

    memorized_step: int | None = None
    grok_step: int | None = None
    streak_step: int | None = None
    streak: int = 0

    @property
    def grokked(self) -> bool:
        return self.grok_step is not None

    @property
    def phase(self) -> str:
        """The badge: `GROKKED`, or `MEMORIZING` before that."""
        return "GROKKED" if self.grokked else "MEMORIZING"

    @property
    def reason(self) -> str:
        """Why the badge is what it is, in words."""
        if self.grokked:
            return (
                f"test accuracy stayed at or above {GROKKED_TEST_ACC}"
                f" for {GROKKED_IN_A_ROW} evaluations from step {self.grok_step}"
            )
        if self.memorized_step is not None:
            return f"the train pairs are known since step {self.memorized_step}, not the others"
        return "the train pairs are not yet known"

    def after(self, step: int, metrics: Metrics) -> Milestones:
        """The milestones after one more evaluation."""
        now = self
        if now.memorized_step is None and metrics.train_acc >= MEMORIZED_TRAIN_ACC:
            now = replace(now, memorized_step=step)
        if metrics.test_acc < GROKKED_TEST_ACC:
            return replace(now, streak_step=None, streak=0)
        start = now.streak_step if now.streak_step is not None else step
        now = replace(now, streak_step=start, streak=now.streak + 1)
        if now.grok_step is None and now.streak >= GROKKED_IN_A_ROW:
            now = replace(now, grok_step=start)
        return now

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_dict(fields: Mapping[str, Any]) -> Milestones:
        return Milestones(**fields)

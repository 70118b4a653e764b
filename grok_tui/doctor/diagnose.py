"""The diagnosis: all rules applied to one case."""

from __future__ import annotations

from collections.abc import Callable

from grok_tui.doctor import rules_progress, rules_setup
from grok_tui.doctor.case import Case, Verdict
from grok_tui.doctor.derived import Derived, derive

# Verdicts of equal confidence are sorted in this order.
RULES: tuple[Callable[[Derived], Verdict | None], ...] = (
    rules_progress.diverged,
    rules_setup.not_learnable,
    rules_setup.no_delay_expected,
    rules_progress.grokked,
    rules_progress.numerical_collapse,
    rules_setup.init_too_small,
    rules_setup.init_too_large,
    rules_setup.coupled_decay,
    rules_setup.lr_too_high,
    rules_setup.lr_too_low,
    rules_setup.weight_decay_too_high,
    rules_setup.weight_decay_too_low,
    rules_setup.train_fraction_too_small,
    rules_progress.too_few_steps,
    rules_progress.on_track,
)


def diagnose(case: Case) -> list[Verdict]:
    """The verdicts on a run or a config, at least one, the most confident first."""
    facts = derive(case)
    verdicts = [verdict for rule in RULES if (verdict := rule(facts)) is not None]
    return sorted(verdicts, key=lambda v: -v.confidence) or [rules_progress.too_early(facts)]

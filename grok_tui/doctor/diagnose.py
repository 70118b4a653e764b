"""The diagnosis: which rules apply to a case, by what its curves have shown so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grok_tui.doctor import rules_limits, rules_progress, rules_setup
from grok_tui.doctor.case import Case, Verdict
from grok_tui.doctor.derived import Derived, derive

Rule = Callable[[Derived], Verdict | None]

# What the curves show by themselves; the first verdict stands alone. A run that has grokked or
# is on its way is not told what prevents it.
OUTCOMES: Sequence[Rule] = (
    rules_progress.diverged,
    rules_setup.not_learnable,
    rules_progress.no_delay,
    rules_progress.grokked,
    rules_progress.lost,
    rules_progress.too_few_steps_under_way,
    rules_progress.on_track,
)
# What may prevent grokking. Verdicts of equal confidence are sorted in this order.
CAUSES: Sequence[Rule] = (
    rules_progress.numerical_collapse,
    rules_setup.init_too_small,
    rules_setup.init_too_large,
    rules_setup.coupled_decay,
    rules_setup.lr_too_high,
    rules_setup.lr_too_low,
    rules_setup.weight_decay_too_high,
    rules_setup.weight_decay_too_low,
    rules_limits.eps_too_large,
    rules_limits.beta1_too_large,
    rules_limits.beta2_too_small,
    rules_limits.warmup_too_long,
    rules_limits.model_too_small,
    rules_limits.filter_too_strong,
    rules_limits.evaluated_too_rarely,
    rules_setup.train_fraction_too_small,
    rules_progress.slingshot,
    rules_progress.too_few_steps,
)
# If no cause is known.
OPEN: Sequence[Rule] = (
    rules_setup.no_delay_expected,
    rules_progress.not_known,
    rules_progress.too_early,
)


def diagnose(case: Case) -> list[Verdict]:
    """The verdicts on a run or a config, at least one, the most confident first."""
    facts = derive(case)
    for rule in OUTCOMES:
        if verdict := rule(facts):
            return [verdict]
    causes = [verdict for rule in CAUSES if (verdict := rule(facts))]
    if causes:
        return sorted(causes, key=lambda v: -v.confidence)
    return [next(verdict for rule in OPEN if (verdict := rule(facts)))]

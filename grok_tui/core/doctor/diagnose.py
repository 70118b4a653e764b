"""All rules on one case."""

from __future__ import annotations

from collections.abc import Callable

from grok_tui.core.doctor import outlook, setup
from grok_tui.core.doctor.case import Case, Verdict
from grok_tui.core.doctor.facts import Facts, facts_of

# Of two verdicts that are as sure, the one that stands first here comes first.
RULES: tuple[Callable[[Facts], Verdict | None], ...] = (
    outlook.diverged,
    setup.not_learnable,
    setup.no_delay_expected,
    outlook.grokked,
    outlook.numerical_collapse,
    setup.init_too_small,
    setup.init_too_large,
    setup.coupled_decay,
    setup.lr_too_high,
    setup.lr_too_low,
    setup.weight_decay_too_high,
    setup.weight_decay_too_low,
    setup.train_fraction_too_small,
    outlook.too_few_steps,
    outlook.on_track,
)


def diagnose(case: Case) -> list[Verdict]:
    """What can be said of a run or a config, the principal verdict first."""
    facts = facts_of(case)
    found = [verdict for rule in RULES if (verdict := rule(facts)) is not None]
    return sorted(found, key=lambda v: -v.confidence) or [outlook.too_early(facts)]

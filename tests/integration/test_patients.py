"""The doctor's verdicts on a small version of every patient, trained here."""

from __future__ import annotations

import pytest

from benchmarks.doctor import HALVES, KINDS, case_from, small_version
from grok_tui.doctor import diagnose

pytestmark = pytest.mark.usefixtures("cpu")

# Not used by a recorded run. Not every seed of a healthy run groks within its steps.
SEED, HEALTHY_SEED = 20, 21
FAST = ("healthy", "no-decay", "cold")


# The recorded runs of `tests/data` try the rules for every kind in the fast suite, too.
@pytest.mark.parametrize(
    "kind",
    [kind if kind in FAST else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS],
)
def test_the_doctor_finds_what_is_wrong_with_a_small_patient(kind: str) -> None:
    seed = HEALTHY_SEED if kind in ("healthy", "half-data") else SEED
    assert seed not in {recorded for half in HALVES.values() for *_, recorded in half}
    verdicts = diagnose(case_from(small_version(kind, seed=seed)))
    assert verdicts[0].id == KINDS[kind][0]
    assert verdicts[0].evidence

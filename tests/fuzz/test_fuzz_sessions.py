"""A minute of random sessions in a pseudo-terminal; `make fuzz` runs longer."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from sessions import Act, burst, fuzz, reduced

SECONDS = 60.0


@pytest.mark.long
@pytest.mark.usefixtures("cpu")
@pytest.mark.filterwarnings("ignore:.*forkpty.*:DeprecationWarning")
def test_nothing_that_happens_to_a_session_breaks_it(tmp_path: Path) -> None:
    assert fuzz(tmp_path, seed=0, seconds=SECONDS, say=print) == []


def test_the_same_seed_does_the_same() -> None:
    assert burst(random.Random(3)) == burst(random.Random(3)) != burst(random.Random(4))


def test_a_finding_is_reduced_to_what_it_needs() -> None:
    acts = [Act("send", bytes([number])) for number in range(40)]
    needed = [acts[7], acts[31]]
    assert reduced(acts, lambda fewer: all(act in fewer for act in needed), 200) == needed

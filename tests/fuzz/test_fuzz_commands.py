"""A minute of random calls of the command: no traceback, no success with the work undone."""

from __future__ import annotations

import pytest
from fuzz_commands import fuzz


@pytest.mark.slow
def test_random_calls_of_the_command() -> None:
    count, wrong = fuzz(seed=0, seconds=60)
    assert count > 10
    assert not wrong, "\n".join(map(ascii, wrong))

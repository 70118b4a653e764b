from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from garbage import Fuzz, fuzzed
from hypothesis import strategies as st
from made_run import made_run


@pytest.fixture(params=[20, pytest.param(500, marks=pytest.mark.long)], ids=["few", "many"])
def fuzz(request: pytest.FixtureRequest, record_property: Callable[[str, Any], None]) -> Fuzz:
    """Checks some cases of a kind, and many more in the slow suite, which counts them."""

    def run(kind: str, cases: st.SearchStrategy[Any], check: Callable[[Any], None]) -> None:
        record_property(f"garbage {kind}", fuzzed(request.param, cases, check))

    return run


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undamaged run directory."""
    return made_run(tmp_path_factory.mktemp("fuzz") / "whole")

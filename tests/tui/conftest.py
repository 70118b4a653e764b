from __future__ import annotations

import gc
from pathlib import Path

import pytest

from grok_tui.tui.widgets import chart


@pytest.fixture(scope="session", autouse=True)
def frozen_modules() -> None:
    """What was imported lives as long as the tests: no collection need look at it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's config folder, empty: a test never touches the real one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "grok-tui"


@pytest.fixture(autouse=True)
def quick_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts are drawn as soon as something changed: on a busy machine they would wait long."""
    monkeypatch.setattr(chart, "pause_after", lambda seconds: 0.01)

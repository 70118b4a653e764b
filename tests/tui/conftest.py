from __future__ import annotations

import asyncio
import gc
import math
from pathlib import Path

import pytest
import textual.app
import textual.constants
import textual.pilot

from grok_tui.tui.panes import doctor
from grok_tui.tui.screens import run_view
from grok_tui.tui.widgets import chart

# A timer that is due within so many seconds is waited for, too, the screen's next frame; but
# not more than so many of them, since those of an application that ends never stop.
FRAME_SECONDS, FRAMES = 1 / 50, 12
# So often the loop may find something to do in a row: two that wait here keep each other busy.
TURNS = 100


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
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Charts, numbers and verdicts come soon after a change, and nothing glides into place."""
    monkeypatch.setattr(chart, "pause_after", lambda seconds: 0.01)
    monkeypatch.setattr(run_view, "NUMBERS_SECONDS", 0.01)
    monkeypatch.setattr(doctor, "EXAMINE_SECONDS", 0.2)
    monkeypatch.setattr(textual.constants, "TEXTUAL_ANIMATIONS", "none")


@pytest.fixture(autouse=True)
def quick_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pilot goes on as soon as the application has nothing more to do.

    Textual's own sleeps for 20 ms, twice for a key, until the process hardly used its CPU.
    """
    for module in (textual.app, textual.pilot):
        monkeypatch.setattr(module, "wait_for_idle", nothing_to_do)


async def nothing_to_do(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Wait until the event loop has neither a callback ready nor a timer due in a moment."""
    loop = asyncio.get_running_loop()
    for _ in range(FRAMES):
        for _ in range(TURNS):
            await asyncio.sleep(0)
            if not loop._ready:
                break
        due = min((t.when() for t in loop._scheduled if not t.cancelled()), default=math.inf)
        if due > loop.time() + FRAME_SECONDS:
            return
        await asyncio.sleep(max(0.0, due - loop.time()))

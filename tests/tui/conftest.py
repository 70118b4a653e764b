from __future__ import annotations

import asyncio
import gc
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import textual.app
import textual.constants
import textual.pilot
from terminal import Start, Terminal

from grok_tui.tui.panes import doctor
from grok_tui.tui.screens import run_view
from grok_tui.tui.widgets import chart

# Also wait for timers that are due within this many seconds, such as the next frame, but for
# at most this many in a row: those of an application that ends never stop.
FRAME_SECONDS, FRAMES = 1 / 50, 12
# How often the loop may find work in a row: two waits at once keep each other busy.
TURNS = 100


@pytest.fixture(scope="session", autouse=True)
def frozen_modules() -> None:
    """Freeze imported objects, which live as long as the tests, for faster collections."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def config_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty config folder, so that no test touches the real one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "grok-tui"


@pytest.fixture(autouse=True)
def quick_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw charts, numbers and verdicts soon after they change; animate nothing."""
    monkeypatch.setattr(chart, "pause_after", lambda seconds: 0.01)
    monkeypatch.setattr(run_view, "NUMBERS_SECONDS", 0.01)
    monkeypatch.setattr(doctor, "EXAMINE_SECONDS", 0.2)
    monkeypatch.setattr(textual.constants, "TEXTUAL_ANIMATIONS", "none")


@pytest.fixture(autouse=True)
def quick_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a pilot continue as soon as the application has nothing more to do.

    Textual's own sleeps for 20 ms, twice per key, until the process has barely used its CPU.
    """
    for module in (textual.app, textual.pilot):
        monkeypatch.setattr(module, "wait_for_idle", nothing_to_do)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts the command in `tmp_path`, and ends it after the test."""
    terminals: list[Terminal] = []

    def begin(*arguments: str, **options: Any) -> Terminal:
        terminals.append(Terminal(tmp_path, arguments, **options))
        return terminals[-1]

    yield begin
    for terminal in terminals:
        terminal.kill()


async def nothing_to_do(min_sleep: float = 0.0, max_sleep: float = 1.0) -> None:
    """Wait until the event loop has neither a ready callback nor a timer due soon."""
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

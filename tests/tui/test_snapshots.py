"""Snapshots of the session at fixed sizes, with scripted events."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scripted import ScriptedSource, grokking, session, settled
from textual.pilot import Pilot

from grok_tui.protocol.events import Compiling, Paused

THEMES = ["midnight", "paper"]
SIZES = [(160, 48), (120, 36), (80, 24)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "{}x{}".format(*size))
@pytest.mark.parametrize("theme", THEMES)
def test_a_run_that_groks(
    snap_compare: Callable[..., bool], theme: str, size: tuple[int, int]
) -> None:
    app = session(ScriptedSource(*grokking()), theme)
    assert snap_compare(app, terminal_size=size, run_before=settled)


def test_a_run_that_compiles(snap_compare: Callable[..., bool]) -> None:
    app = session(ScriptedSource(Compiling("compiling the training step", 1, 4)))
    assert snap_compare(app, terminal_size=(80, 24), run_before=settled)


def test_a_paused_run_with_a_pending_edit(snap_compare: Callable[..., bool]) -> None:
    async def edit(pilot: Pilot[object]) -> None:
        await settled(pilot)
        await pilot.press("]")
        await settled(pilot)

    app = session(ScriptedSource(*grokking(200), Paused(200)))
    assert snap_compare(app, terminal_size=(80, 24), run_before=edit)


def test_the_quit_dialog(snap_compare: Callable[..., bool]) -> None:
    async def ask(pilot: Pilot[object]) -> None:
        await settled(pilot)
        await pilot.press("q")

    app = session(ScriptedSource(*grokking(200)))
    assert snap_compare(app, terminal_size=(80, 24), run_before=ask)

"""What takes more than one question: another run in place of this one, or a ghost beside it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from grok_tui.config.schema import build
from grok_tui.protocol.events import Ask, Event, Failed, Inspect
from grok_tui.runs.checkpoints import checkpoints_in, step_of
from grok_tui.runs.folders import recorded_folders
from grok_tui.runs.reader import recorded
from grok_tui.sources.answers import answer_from
from grok_tui.sources.launcher import Launcher, Run
from grok_tui.text import UserError
from grok_tui.tui.panes.charts import Charts
from grok_tui.tui.screens.dialogs import (
    checkpoint_question,
    ghost_question,
    go_on_question,
    restart_question,
)
from grok_tui.view.state import SessionState, Sought, reduce

if TYPE_CHECKING:
    from grok_tui.tui.screens.run_view import RunScreen


@dataclass
class Arrived(Message):
    """An event came from the source."""

    event: Event | Sought


@dataclass
class Wanted(Message):
    """Another run is to take the place of this one; `make` makes it."""

    make: Callable[[Launcher], Run]


async def restart(screen: RunScreen) -> None:
    """A new run with the current config and the changes planned in the form."""
    state = screen.state
    config = build({**state.config, **state.planned})
    if await screen.app.push_screen_wait(restart_question(state)):
        screen.post_message(Wanted(lambda launcher: launcher.again(config)))


async def branch(screen: RunScreen, until: int | None = None) -> None:
    """A new run from one of this run's checkpoints, those of a step up to `until` if given."""
    checkpoints = [c for c in _checkpoints(screen) if until is None or step_of(c) <= until]
    if not checkpoints:
        saved = screen.run.folder is not None
        why = "there is none yet; c saves one" if saved else "this run is not saved (--no-save)"
        screen.say(f"a branch needs a checkpoint: {why}")
        return
    chosen = await screen.app.push_screen_wait(
        checkpoint_question(checkpoints, live=until is None)
    )
    if chosen is not None:
        screen.post_message(Wanted(lambda launcher: launcher.branch(chosen)))


async def go_on(screen: RunScreen, failed: Failed) -> None:
    """Say why the run broke, and offer to go on from its newest checkpoint."""
    folder, checkpoints = screen.run.folder, _checkpoints(screen)
    if folder is None or not checkpoints:
        return
    if await screen.app.push_screen_wait(go_on_question(failed.reason, checkpoints[0])):
        # What diverged would diverge again: it waits for a lower learning rate.
        paused = failed.summary.get("exit") == "diverged"
        screen.post_message(Wanted(lambda launcher: launcher.resume(folder, paused=paused)))


async def ask_checkpoint(screen: RunScreen, question: Ask | Inspect) -> None:
    """Answer a question about a run that has ended, from its newest checkpoint."""
    folder = screen.run.folder
    if folder is None:
        screen.say("the run has ended and was not saved: there is nothing left to ask")
        return
    try:
        answer = await asyncio.to_thread(answer_from, folder, question)
    except (UserError, OSError) as error:
        screen.say(str(error))
        return
    screen.post_message(Arrived(answer))


async def choose_ghost(screen: RunScreen) -> None:
    """Show a recorded run's curves behind this one's."""
    folders = [f for f in await asyncio.to_thread(recorded_folders) if f != screen.run.folder]
    if not folders:
        screen.say("there is no other recorded run under runs/ to show as a ghost")
        return
    chosen = await screen.app.push_screen_wait(ghost_question(folders))
    if chosen is not None:
        await show_ghost(screen, chosen)


def _checkpoints(screen: RunScreen) -> list[Path]:
    """The run's checkpoints, the newest first."""
    folder = screen.run.folder
    return checkpoints_in(folder / "checkpoints") if folder else []


async def show_ghost(screen: RunScreen, folder: Path) -> None:
    """Read a run's curves, which may take a moment, and draw them."""
    try:
        ghost = await asyncio.to_thread(recorded_state, folder)
    except (UserError, OSError) as error:
        screen.say(f"no ghost: {error}")
        return
    screen.query_one(Charts).set_ghost(ghost, folder.name)
    screen.say(f"ghost: {folder.name}")


def recorded_state(folder: Path, step: int | None = None) -> SessionState:
    """The state that a recorded run had after `step`, or has at its end.

    Raises UserError or OSError.
    """
    config, events = recorded(folder, step)
    return functools.reduce(reduce, events, SessionState(config))

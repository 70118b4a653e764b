"""Renders a recorded run without a terminal, as a picture or as a film."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from io import StringIO

from rich.console import Console
from textual.driver import Driver
from textual.events import Resize
from textual.geometry import Size
from textual.pilot import Pilot

from grok_tui.protocol.events import Event
from grok_tui.sources.launcher import Run
from grok_tui.sources.player import Player, shown
from grok_tui.sources.recording import Recording
from grok_tui.sources.replay import ReplaySource
from grok_tui.text import UserError, one_line
from grok_tui.tui.app import SessionApp
from grok_tui.tui.screens.replay import Replay
from grok_tui.tui.screens.run_view import LEAST_HEIGHT, LEAST_WIDTH
from grok_tui.view.state import SessionState, Sought

# Frame rate of a film, and how many seconds its last frame stays.
FRAMES_PER_SECOND = 8
LAST_SECONDS = 3.0
_CLEAR, _SHOW_CURSOR = "\x1b[2J\x1b[H\x1b[?25l", "\x1b[?25h"


@dataclass(frozen=True, slots=True)
class Stage:
    """How to show a run. size: columns and rows. app_of: makes its app. pane: a number."""

    size: tuple[int, int]
    app_of: Callable[[Run], SessionApp]
    pane: int


@dataclass(frozen=True, slots=True)
class Frame:
    """Terminal output of a film, at a time in seconds from its start."""

    seconds: float
    output: str


def film(recording: Recording, stage: Stage, speed: float) -> list[Frame]:
    """Film a whole run at `speed` times its own speed. Raises UserError or OSError."""
    output: list[str] = []
    frames: list[Frame] = []

    async def shoot(screen: Replay, pilot: Pilot[object]) -> None:
        output[:] = [_CLEAR]  # in place of what opening the screen has drawn
        screen.refresh()
        for number, player in enumerate(_positions(recording, speed)):
            await _show(screen, shown(recording, player), pilot, output)
            frames.append(Frame(number / FRAMES_PER_SECOND, "".join(output)))
            output.clear()
        frames.append(Frame(frames[-1].seconds + LAST_SECONDS, _SHOW_CURSOR))

    _perform(recording, stage, output, shoot)
    return [frame for frame in frames if frame.output]


def picture(recording: Recording, stage: Stage, step: int | None) -> str:
    """The screen after a step, or at the end, as SVG. Raises UserError or OSError."""
    at = recording.last if step is None else step
    if not 0 <= at <= recording.last:
        raise UserError(f"{recording.folder} has steps 0 to {recording.last}, not {step}")
    pictures: list[str] = []
    output: list[str] = []

    async def shoot(screen: Replay, pilot: Pilot[object]) -> None:
        player = Player(recording.timeline, recording.last, at, playing=False)
        await _show(screen, shown(recording, player), pilot, output)
        title = one_line(f"grok-tui {recording.folder.resolve().name}")
        pictures.append(pilot.app.export_screenshot(title=title))

    _perform(recording, stage, output, shoot)
    return pictures[0]


def _positions(recording: Recording, speed: float) -> Iterator[Player]:
    """The player at each frame, from start to end."""
    player = Player(recording.timeline, recording.last, speed=speed)
    yield player
    while player.playing:
        player = player.after(1 / FRAMES_PER_SECOND)
        yield player


async def _show(
    screen: Replay, state: SessionState, pilot: Pilot[object], output: list[str]
) -> None:
    """Show a state, and wait until the screen has nothing more to draw.

    Changes are drawn together: a film must not depend on how busy the machine is.
    """
    with pilot.app.batch_update():
        screen.show_at_once(state)
        await pilot.pause()
    drawn = -1
    while drawn < len(output):
        drawn = len(output)
        await pilot.pause()


class _Still(ReplaySource):
    """A replay that does not move by itself."""

    def start(self, deliver: Callable[[Event | Sought], None]) -> None:
        """Do not start: the film shows each state itself."""


def _perform(
    recording: Recording,
    stage: Stage,
    output: list[str],
    shoot: Callable[[Replay, Pilot[object]], Awaitable[None]],
) -> None:
    """Open the screen, then call `shoot`; `output` collects what a terminal would get."""
    width, height = stage.size
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        raise UserError(
            f"{width}x{height} is too small: the screen needs {LEAST_WIDTH}x{LEAST_HEIGHT}"
        )
    player = Player(recording.timeline, recording.last, playing=False)
    source = _Still(recording, player)
    app = stage.app_of(Run(source, shown(recording, player), recording.folder))
    app.problems = ()  # they are no part of the run
    app.driver_class = _driver(output)
    # Colors must not depend on the terminal that this runs in.
    app.console = Console(file=StringIO(), color_system="truecolor", force_terminal=True)

    async def direct(pilot: Pilot[object]) -> None:
        screen = pilot.app.screen
        assert isinstance(screen, Replay)
        screen.action_pane(stage.pane)
        await _show(screen, screen.state, pilot, output)
        await shoot(screen, pilot)
        app.exit()

    asyncio.run(app.run_async(size=stage.size, mouse=False, auto_pilot=direct))


def _driver(output: list[str]) -> type[Driver]:
    """A driver that appends to a list instead of writing to a terminal."""

    class Camera(Driver):
        def write(self, data: str) -> None:
            output.append(data)

        def start_application_mode(self) -> None:
            size = Size(*(self._size or (80, 24)))
            self.send_message(Resize(size, size))

        def disable_input(self) -> None:
            """Do nothing: there is no input."""

        def stop_application_mode(self) -> None:
            """Do nothing: there is no terminal to restore."""

    return Camera

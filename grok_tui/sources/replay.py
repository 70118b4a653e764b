"""A recorded run as a source: it plays, pauses, and jumps to any step."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from grok_tui.protocol.commands import Ask, Command, Inspect, Pause, Resume, Step
from grok_tui.protocol.events import Event, Paused, Warned
from grok_tui.sources.answers import answer_from
from grok_tui.sources.player import Player, shown
from grok_tui.sources.recording import Recording
from grok_tui.text import reason
from grok_tui.view.state import Sought

# Time between two states while playing.
TICK_SECONDS = 1 / 16


class ReplaySource:
    """Plays a recording in its own thread and delivers the states that it reaches."""

    def __init__(self, recording: Recording, player: Player) -> None:
        self.recording = recording
        self._player = player
        self._questions: list[Ask | Inspect] = []
        self._changed = threading.Condition()
        self._news = True
        self._closed = False
        self._since = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="replay", daemon=True)

    @property
    def folder(self) -> Path:
        return self.recording.folder

    @property
    def player(self) -> Player:
        return self._player

    def start(self, deliver: Callable[[Event | Sought], None]) -> None:
        """Start playing; `deliver` is called from the replay's thread."""
        self._deliver = deliver
        self._since = time.monotonic()
        self._thread.start()

    def send(self, command: Command) -> None:
        """Obey the commands that make sense for a recorded run; ignore the others."""
        match command:
            case Pause():
                self.change(Player.paused)
            case Resume():
                self.change(lambda p: p if p.playing else p.toggled())
            case Step(count):
                self.change(lambda p: p.moved(count))
            case Ask() | Inspect():
                with self._changed:
                    self._questions.append(command)
                    self._changed.notify()

    def change(self, change: Callable[[Player], Player]) -> None:
        """Replace the player by `change` of it, for example paused or at another step."""
        with self._changed:
            self._play_to_now()
            self._player = change(self._player)
            self._news = True
            self._changed.notify()

    def close(self, timeout: float) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._closed:
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001  the boundary: the screen says it
                self._halt(error)

    def _turn(self) -> None:
        with self._changed:
            wait = TICK_SECONDS if self._player.playing else None
            self._changed.wait_for(self._woken, wait)
            if self._closed:
                return
            self._play_to_now()
            player, self._news = self._player, False
            questions, self._questions = self._questions, []
        self._deliver(Sought(shown(self.recording, player)))
        for question in questions:
            self._answer(question, player.step)

    def _halt(self, error: Exception) -> None:
        """Pause where the replay cannot go on, and say why; it can still go elsewhere."""
        with self._changed:
            self._player = self._player.paused()
            self._news, self._questions = False, []
        self._deliver(Warned(self._player.step, reason(error, "the replay")))
        self._deliver(Paused(self._player.step))

    def _play_to_now(self) -> None:
        now = time.monotonic()
        self._player = self._player.after(now - self._since)
        self._since = now

    def _woken(self) -> bool:
        return self._closed or self._news or bool(self._questions)

    def _answer(self, question: Ask | Inspect, step: int) -> None:
        try:
            self._deliver(answer_from(self.folder, question, step))
        except Exception as error:  # noqa: BLE001  one answer less, and the replay goes on
            self._deliver(Warned(step, reason(error, "the answer")))

"""What commands have asked of a run: its config, whether it waits, when it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from grok_tui.config import Config, ConfigError, flag, is_live
from grok_tui.core.events import (
    Command,
    CommandRejected,
    ConfigApplied,
    Pause,
    Paused,
    Resume,
    Resumed,
    SaveCheckpoint,
    SetField,
    Sink,
    Step,
    Stop,
)


class Controls:
    """Obeys commands, and says so in events.

    config: with every edit so far. paused: whether to wait. stop: set once the run is to end.
    """

    def __init__(
        self,
        config: Config,
        emit: Sink,
        step: Callable[[], int],
        save: Callable[[], None] | None,
    ) -> None:
        """`step` tells the updates done so far; `save` saves, None if nothing is recorded."""
        self.config = config
        self.paused = False
        self.stop: Stop | None = None
        self._emit, self._step, self._save = emit, step, save
        self._steps_to_pause: int | None = None

    def obey(self, command: Command) -> None:
        """Do what a command asks, or reject it with a reason."""
        match command:
            case Pause():
                self._pause()
            case Resume():
                self._resume()
            case Step(count):
                self._allow(count)
            case SetField(field, value):
                self._set(field, value)
            case SaveCheckpoint():
                if self._save:
                    self._save()
                else:
                    self._reject("checkpoint", "this run is not saved (--no-save)")
            case Stop():
                self.stop = command
            case _:
                assert_never(command)

    def at_most(self, count: int) -> int:
        """`count`, or the steps left until a pause if they are fewer."""
        return count if self._steps_to_pause is None else min(count, self._steps_to_pause)

    def stepped(self, count: int) -> None:
        """`count` steps are done; pauses if no more were asked for."""
        if self._steps_to_pause is not None:
            self._steps_to_pause -= count
            if self._steps_to_pause == 0:
                self._pause()

    def _pause(self) -> None:
        self._steps_to_pause = None
        if not self.paused:
            self.paused = True
            self._emit(Paused(self._step()))

    def _resume(self) -> None:
        self._steps_to_pause = None
        if self.paused:
            self.paused = False
            self._emit(Resumed(self._step()))

    def _allow(self, count: int) -> None:
        if count < 1:
            self._reject("step", f"{count} steps cannot be done; ask for 1 or more")
        elif self._steps_to_pause is not None:  # asked again before they were done
            self._steps_to_pause += count
        elif not self.paused:
            self._reject("step", "pause first: single steps are for a paused run")
        else:
            self._resume()
            self._steps_to_pause = count

    def _set(self, field: str, value: object) -> None:
        step = self._step()
        try:
            new = self.config.changed(**{field: value})
            if not is_live(field):
                raise ConfigError(f"{flag(field)} needs a new run")
            if field == "steps" and new.steps <= step:
                raise ConfigError(f"steps: step {new.steps} is already behind; this is {step}")
        except ConfigError as error:
            self._reject("set", str(error), field)
            return
        old, self.config = self.config, new
        self._emit(ConfigApplied(step, field, getattr(old, field), getattr(new, field)))

    def _reject(self, command: str, reason: str, field: str | None = None) -> None:
        self._emit(CommandRejected(self._step(), command, reason, field))

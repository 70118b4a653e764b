"""What commands have asked of a run: its config, whether it waits, when it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, assert_never

from grok_tui.config.schema import Config, ConfigError, flag, is_live
from grok_tui.protocol.events import (
    Ask,
    Command,
    CommandRejected,
    ConfigApplied,
    Inspect,
    Pause,
    Paused,
    Resume,
    Resumed,
    SaveCheckpoint,
    SetField,
    Sink,
    Step,
    Stop,
    Undo,
)


class Controls:
    """Obeys commands, and says so in events.

    config: with every edit so far. paused: whether to wait. stop: set once the run is to end.
    edits: every edit that can be taken back, the newest last: a field and what it was before.
    """

    def __init__(
        self,
        config: Config,
        emit: Sink,
        step: Callable[[], int],
        save: Callable[[], None] | None,
        *,
        answer: Callable[[int, int], None],
        inspect: Callable[[int], None],
        edits: Sequence[tuple[str, Any]] = (),
    ) -> None:
        """`step` tells the updates done so far; `save` saves, None if nothing is recorded.

        answer: says what the network answers to a pair. inspect: says what a neuron does.
        """
        self.config = config
        self.paused = False
        self.stop: Stop | None = None
        self.edits = list(edits)
        self._emit, self._step, self._save = emit, step, save
        self._answer, self._inspect = answer, inspect
        self._steps_to_pause: int | None = None

    def obey(self, command: Command) -> None:  # noqa: C901  one case each
        """Do what a command asks, or reject it with a reason."""
        match command:
            case Pause():
                self._pause()
            case Resume():
                self._resume()
            case Step(count):
                self._allow(count)
            case SetField(field, value):
                self._edit(field, value)
            case Undo():
                self._undo()
            case SaveCheckpoint():
                if self._save:
                    self._save()
                else:
                    self._reject("checkpoint", "this run is not saved (--no-save)")
            case Ask(a, b):
                self._ask(a, b)
            case Inspect(neuron):
                self._look_at(neuron)
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

    def _edit(self, field: str, value: object) -> None:
        before = self.config
        if self._set(field, value, undo=False) and self.config != before:
            self.edits.append((field, getattr(before, field)))

    def _undo(self) -> None:
        if self.edits:
            self._set(*self.edits.pop(), undo=True)
        else:
            self._reject("undo", "there is no edit left to take back")

    def _set(self, field: str, value: object, *, undo: bool) -> bool:
        """Change a field, or reject it; tells whether it was changed."""
        step = self._step()
        try:
            new = self.config.changed(**{field: value})
            if not is_live(field):
                raise ConfigError(f"{flag(field)} needs a new run")
            if field == "steps" and new.steps <= step:
                raise ConfigError(f"steps: step {new.steps} is already behind; this is {step}")
        except ConfigError as error:
            self._reject("undo" if undo else "set", str(error), field)
            return False
        old, self.config = self.config, new
        self._emit(ConfigApplied(step, field, getattr(old, field), getattr(new, field), undo))
        return True

    def _ask(self, a: int, b: int) -> None:
        last = self.config.modulus - 1
        first_b = 1 if self.config.operation == "divide" else 0
        if 0 <= a <= last and first_b <= b <= last:
            self._answer(a, b)
        else:
            self._reject("ask", f"a must be in 0..{last} and b in {first_b}..{last}")

    def _look_at(self, neuron: int) -> None:
        if 0 <= neuron < self.config.d_mlp:
            self._inspect(neuron)
        else:
            self._reject("inspect", f"there are neurons 0..{self.config.d_mlp - 1}")

    def _reject(self, command: str, reason: str, field: str | None = None) -> None:
        self._emit(CommandRejected(self._step(), command, reason, field))

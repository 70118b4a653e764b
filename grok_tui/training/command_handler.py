"""Carries out commands, and holds what they set: the config, the pause, the stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, assert_never

from grok_tui.config.schema import Config, ConfigError, is_live
from grok_tui.protocol.commands import (
    Ask,
    Command,
    Inspect,
    Pause,
    Resume,
    SaveCheckpoint,
    SetField,
    Step,
    Stop,
    Undo,
)
from grok_tui.protocol.events import CommandRejected, ConfigApplied, Paused, Resumed, Sink
from grok_tui.tasks.task import Task
from grok_tui.text import UserError


class CommandHandler:
    """Carries out the commands of a run and reports the results as events.

    config: the config with all edits so far. paused: whether training waits. stop: the command
    that ends the run, None until then. edits: undoable edits, newest last, each a field and
    its value before.
    """

    def __init__(
        self,
        config: Config,
        emit: Sink,
        step: Callable[[], int],
        save: Callable[[], None] | None,
        *,
        task: Task,
        n_neurons: int,
        answer: Callable[[int, int], None],
        inspect: Callable[[int], None],
        edits: Sequence[tuple[str, Any]] = (),
    ) -> None:
        """step: returns the updates done so far. save: saves a checkpoint; None if unrecorded.

        answer: reports the network's answer to a pair. inspect: reports what a neuron does.
        """
        self.config = config
        self.paused = False
        self.stop: Stop | None = None
        self.edits = list(edits)
        self._emit, self._step, self._save = emit, step, save
        self._task, self._n_neurons = task, n_neurons
        self._answer, self._inspect = answer, inspect
        self._steps_to_pause: int | None = None

    def handle(self, command: Command) -> None:  # noqa: C901  one case each
        """Carry out a command, or reject it with a reason."""
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
        """`count`, or the steps left until a pause if that is fewer."""
        return count if self._steps_to_pause is None else min(count, self._steps_to_pause)

    def stepped(self, count: int) -> None:
        """Note that `count` steps were trained; pause if no more were requested."""
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
            self._reject("step", f"{count} is not a number of steps; ask for 1 or more")
        elif self._steps_to_pause is not None:  # requested again before they were done
            self._steps_to_pause += count
        elif not self.paused:
            self._reject("step", "pause first; single steps need a paused run")
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
            self._reject("undo", "there is nothing left to undo")

    def _set(self, field: str, value: object, *, undo: bool) -> bool:
        """Change a field or reject the change; returns whether it was accepted."""
        step = self._step()
        try:
            new = self.config.changed(**{field: value})
            if not is_live(field):
                raise ConfigError(f"{field} can only change in a new run")
            if field == "steps" and new.steps <= step:
                raise ConfigError(f"steps: {new.steps} is too few: this is step {step}")
        except ConfigError as error:
            self._reject("undo" if undo else "set", str(error), field)
            return False
        old, self.config = self.config, new
        self._emit(ConfigApplied(step, field, getattr(old, field), getattr(new, field), undo))
        return True

    def _ask(self, a: int, b: int) -> None:
        try:
            self._task.index(a, b)
        except UserError as error:
            self._reject("ask", str(error))
        else:
            self._answer(a, b)

    def _look_at(self, neuron: int) -> None:
        if 0 <= neuron < self._n_neurons:
            self._inspect(neuron)
        else:
            last = self._n_neurons - 1
            self._reject("inspect", f"{neuron} is not a neuron: they are 0 to {last}")

    def _reject(self, command: str, reason: str, field: str | None = None) -> None:
        self._emit(CommandRejected(self._step(), command, reason, field))

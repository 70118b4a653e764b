"""A recorder that waits: what it reports, and which commands the trainer gets afterwards."""

from __future__ import annotations

import errno

import pytest
from recordings import Asked, losses, snapshot

from grok_tui.protocol.commands import Ask, Command, Pause, Resume, SaveCheckpoint, Step, Stop
from grok_tui.protocol.events import Compiling, Event, Paused, Stopped, Warned
from grok_tui.sources.retrying_recorder import RetryingRecorder

WAITS = (
    "cannot write the run: No space left on device; training waits, press space to try again"
)
SAVED = "checkpoints/step-00000002.safetensors"


class Stubborn:
    """A writer that fails a number of times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.written: list[object] = []

    def __call__(self, event: object) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError(errno.ENOSPC, "No space left on device")
        self.written.append(event)

    def save(self, snapshot: object) -> str:
        self(snapshot)
        return SAVED


def waiting(
    failures: int, *answers: list[Command]
) -> tuple[RetryingRecorder, Stubborn, list[Event]]:
    writer, said = Stubborn(failures), list[Event]()
    return RetryingRecorder(writer, Asked(*answers), said.append), writer, said  # type: ignore[arg-type]


def test_without_failures_commands_pass_through_silently() -> None:
    recorder, writer, said = waiting(0, [Ask(1, 2)])
    recorder(losses(1, 2.0))
    assert recorder.save(snapshot(2)) == SAVED
    assert len(writer.written) == 2
    assert said == []
    assert recorder.drain(wait=False) == []
    assert recorder.drain(wait=True) == [Ask(1, 2)]


@pytest.mark.parametrize("again", [Resume(), Step(5), SaveCheckpoint()])
def test_after_a_failure_it_waits_for_a_command_to_try_again(again: Command) -> None:
    recorder, writer, said = waiting(1, [Ask(1, 2)], [again])
    recorder(losses(1, 2.0, 1.0))
    assert len(writer.written) == 1
    assert said == [Warned(2, WAITS), Paused(2)]
    # Commands that came meanwhile reach the trainer, which is paused as reported.
    assert recorder.drain(wait=True) == [Pause(), Ask(1, 2), again]
    assert recorder.drain(wait=False) == []


def test_every_failed_try_is_reported() -> None:
    recorder, _, said = waiting(3)
    assert recorder.save(snapshot(2)) == SAVED
    assert said == [Warned(2, WAITS), Paused(2)] * 3
    assert recorder.drain(wait=True) == [Pause(), Resume(), Resume(), Resume()]


def test_a_stop_tries_once_more() -> None:
    recorder, writer, _ = waiting(1, [Stop("quit")])
    recorder(losses(1, 2.0))
    assert len(writer.written) == 1
    assert recorder.drain(wait=True) == [Pause(), Stop("quit")]


def test_a_stop_while_nothing_can_be_written_is_an_error() -> None:
    recorder, _, said = waiting(2, [Stop("quit")])
    with pytest.raises(OSError, match="No space"):
        recorder(losses(1, 2.0))
    assert said == [Warned(1, WAITS), Paused(1)]


def test_a_run_can_wait_at_its_end() -> None:
    recorder, writer, said = waiting(1)
    recorder(Compiling("the step", 0, 1))
    end = Stopped(8, "completed")
    recorder(end)
    assert writer.written == [end]
    assert said == [Warned(8, WAITS), Paused(8)]

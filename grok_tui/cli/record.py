"""A headless run: the trainer in the main thread, signals as commands, progress on stderr."""

from __future__ import annotations

import signal
import sys
from types import FrameType

from grok_tui.cli.progress import make_progress
from grok_tui.protocol.events import Failed, Stop
from grok_tui.sources.job import Job, QueueInbox, run
from grok_tui.view.state import SessionState

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def record(job: Job) -> int:
    """Train and record; returns the exit code: 0, 1 if the run failed, 128 + a signal's number.

    A signal ends the run after a checkpoint; the same signal once more ends it at once.
    """
    inbox = QueueInbox()
    received: list[int] = []

    def stop(number: int, _: FrameType | None) -> None:
        received.append(number)
        inbox.put(Stop(signal.Signals(number).name))
        signal.signal(number, signal.SIG_DFL)

    # What is ignored stays ignored: `nohup` and a shell's `&` ask for that.
    heeded = [n for n in _SIGNALS if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heeded}
    progress = make_progress(SessionState(job.config.model_dump(mode="json")), sys.stderr)
    try:
        end = run(job, inbox, progress)
    finally:
        progress.close()
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        return 128 + received[0]
    return 1 if isinstance(end, Failed) else 0

"""The trainer of a session in a child process.

The child is a fresh, niced interpreter in its own process group; its standard output and
error go to a log file. It ends when its pipe closes, so none outlives a session.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

from grok_tui.protocol.commands import Command, Stop
from grok_tui.protocol.events import Event, Failed, Sink, Started, Stopped
from grok_tui.sources.job import Job, QueueInbox, run, why
from grok_tui.sources.outbox import Outbox
from grok_tui.text import reason

NICENESS = 10
# How long a child may take to save a last checkpoint after its session is gone.
ORPHAN_SECONDS = 5.0
# How long a child that is still compiling may take to exit by itself.
COMPILING_SECONDS = 1.0
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


class WorkerSource:
    """A live run: exchanges events and commands with a trainer in a child process."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._step = job.snapshot.step if job.snapshot else 0
        self._started = self._ended = self._failed = self._told_to_end = False
        self._log: Path | None = None
        self._unheard: str | None = None
        self._sending, self._closing = threading.Lock(), threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    @property
    def log(self) -> Path | None:
        """After `close`: the file with the output of a child that failed, if it had any."""
        return self._log if self._log and self._log.exists() else None

    @property
    def unheard(self) -> str | None:
        """After `close`: why the child failed, if it failed after it was told to end."""
        return self._unheard

    @property
    def pid(self) -> int | None:
        """The child's process ID, None before `start`."""
        return self._process.pid if self._process else None

    def start(self, deliver: Sink) -> None:
        """Spawn the child; `deliver` is called with its events from another thread."""
        self._connection, theirs = Pipe()
        log, name = tempfile.mkstemp(prefix="grok-tui-worker-", suffix=".log")
        self._log = Path(name)
        command = [sys.executable, "-P", "-m", "grok_tui.sources.worker", str(theirs.fileno())]
        try:
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env=_environment(),
            )
        except OSError as error:
            self._ended = True
            self._log.unlink()
            deliver(Failed(self._step, f"cannot start the trainer: {error.strerror}"))
            return
        finally:
            theirs.close()
            os.close(log)
        self._sending.acquire()  # commands wait until the thread has sent the job
        self._reader = threading.Thread(
            target=self._read, args=(deliver,), name="events", daemon=True
        )
        self._reader.start()

    def send(self, command: Command) -> None:
        """Send a command to the child; does nothing once the child has ended."""
        self._told_to_end = self._told_to_end or isinstance(command, Stop)
        with self._sending, contextlib.suppress(OSError):
            self._connection.send(command)

    def close(self, timeout: float) -> None:
        """Stop the child with a last checkpoint; kill it after `timeout` seconds.

        A child that is still compiling has nothing to save and is killed sooner.
        """
        with self._closing:
            self._close(timeout)

    def _close(self, timeout: float) -> None:
        if self._process is None or self._connection.closed:
            return
        if not self._ended:
            self.send(Stop())
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout if self._started else COMPILING_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # with any processes it started
        self._process.wait()
        if self._reader:
            self._reader.join()
        self._connection.close()
        if self._log and not (self._failed and self._log.stat().st_size):
            self._log.unlink()

    def _read(self, deliver: Sink) -> None:
        try:
            with contextlib.suppress(OSError):
                self._connection.send(self._job)
        finally:
            self._sending.release()
        while not self._ended:
            try:
                event: Event = self._connection.recv()
                if isinstance(event, Failed) and self._told_to_end:
                    self._unheard = event.reason
            except (EOFError, OSError, pickle.UnpicklingError):
                event = Failed(self._step, self._death())
            except Exception as error:  # noqa: BLE001  the boundary: the session shows it
                event = Failed(self._step, reason(error, "the connection to the trainer"))
            self._step = getattr(event, "step", self._step)
            self._started = self._started or isinstance(event, Started)
            self._failed = isinstance(event, Failed)
            self._ended = self._failed or isinstance(event, Stopped)
            deliver(event)

    def _death(self) -> str:
        """Why the child died without a last event."""
        assert self._process
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            return "the trainer has stopped responding"
        if code < 0:
            return f"the trainer was killed by {signal.Signals(-code).name}"
        lines = self._log.read_text(errors="replace").split("\n") if self._log else []
        lines = [line.strip() for line in lines if line.strip()]
        last = f": {lines[-1]}" if lines else ""
        return f"the trainer exited unexpectedly with code {code}{last}"


def _environment() -> dict[str, str]:
    """The child's environment, in which it can import this package."""
    paths = [str(_PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _take_commands(connection: Connection, inbox: QueueInbox) -> None:
    """Fill the inbox until the pipe closes, which means the session is gone."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            inbox.put(connection.recv())
    inbox.put(Stop("the session is gone"))
    time.sleep(ORPHAN_SECONDS)  # the process exits sooner unless it hangs
    os._exit(1)


def _end_at_once(died: threading.ExceptHookArgs) -> None:
    """End the process when one of its threads dies, so that the session hears of it."""
    traceback.print_exception(died.exc_value)
    sys.stderr.flush()
    os._exit(1)


def main(descriptor: int) -> None:
    """Run the child: receive a job from the pipe, train it, and send its events."""
    for ignored in (signal.SIGINT, signal.SIGHUP):  # the session decides, not the terminal
        signal.signal(ignored, signal.SIG_IGN)
    threading.excepthook = _end_at_once
    os.nice(NICENESS)
    connection = Connection(descriptor)
    outbox = Outbox(connection.send)
    outbox.start()
    job: Job = connection.recv()
    inbox = QueueInbox()
    threading.Thread(target=_take_commands, args=(connection, inbox), daemon=True).start()
    try:
        run(job, inbox, outbox.put, patient=True)
    except Exception as error:  # noqa: BLE001  the boundary: the session shows it
        outbox.put(Failed(job.snapshot.step if job.snapshot else 0, why(error)))
    outbox.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))

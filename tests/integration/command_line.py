"""Runs the installed `grok-tui` as a child process that a test can watch and stop."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).with_name("grok-tui"))
SMALL = (
    *("--modulus", "13", "--d-model", "32", "--n-heads", "2", "--d-mlp", "64"),
    *("--lr", "3e-3", "--device", "CPU"),
)
# So many steps that the run does not end while a test waits for something.
ENDLESS = (*SMALL, "--steps", "10000000")
LIMIT = 120.0
ERROR = "grok-tui: error: "


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without grok-tui's settings; warnings are errors."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GROK_TUI_")}
    return {**kept, "PYTHONWARNINGS": "error", "COLUMNS": "120", **changes}


def wait_until(condition: Callable[[], bool], what: str, limit: float = LIMIT) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {limit} s"
        time.sleep(0.005)


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    def refusal(self) -> str:
        """The one line of a refused call, without its prefix."""
        assert self.out == ""
        (line,) = self.err.splitlines()
        assert line.startswith(ERROR)
        return line.removeprefix(ERROR)


class Running:
    """A running command, whose output goes to files, so that it never waits for a reader."""

    def __init__(
        self,
        *arguments: str,
        cwd: Path | None = None,
        env: dict[str, str] | None = None,
        command: Sequence[str] = (COMMAND,),
    ) -> None:
        self._out = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._err = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            cwd=cwd,
            env=env or environment(),
            start_new_session=True,
        )

    def errors(self) -> str:
        """Standard error so far; reading it does not move the child's write position."""
        return os.pread(self._err.fileno(), 1_000_000, 0).decode()

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        def met() -> bool:
            ended = self.process.poll() is not None
            found = condition()
            assert found or not ended, f"ended before {what}: {self.errors()}"
            return found

        wait_until(met, what)

    def wait_for_error(self, text: str) -> None:
        self.wait_for(lambda: text in self.errors(), f"'{text}' on standard error")

    def wait_for_lines(self, run_dir: Path, count: int) -> None:
        self.wait_for(lambda: line_count(run_dir) >= count, f"{count} lines")

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def end(self) -> Result:
        """Wait for the end; leaves no process behind."""
        try:
            code = self.process.wait(LIMIT)
            out = os.pread(self._out.fileno(), 1_000_000, 0).decode()
            return Result(code, out, self.errors())
        finally:
            self.kill()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._out.close()
        self._err.close()


def call(*arguments: str, **options: Any) -> Result:
    return Running(*arguments, **options).end()


def line_count(run_dir: Path) -> int:
    path = run_dir / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def records(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSON-lines file, which must all be complete."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def summary(run_dir: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run_dir / "summary.json").read_text())
    return content


def checkpoint_steps(run_dir: Path) -> list[int]:
    return sorted(
        int(path.stem.removeprefix("step-")) for path in (run_dir / "checkpoints").iterdir()
    )


def contents(folder: Path) -> dict[str, bytes]:
    """The content of every file below a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }

"""Starts the process of the PyTorch port and talks to it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, Literal

from benchmarks.results import NotMeasuredError
from grok_tui.config.schema import Config
from grok_tui.protocol.results import FloatArray

# PyTorch's kind of device for tinygrad's.
KINDS = {"CPU": "cpu", "CUDA": "cuda", "NV": "cuda", "METAL": "mps"}
_ROOT = Path(__file__).resolve().parents[1]

What = Literal["train", "evaluate", "evaluate test"]


@dataclass(frozen=True, slots=True)
class Start:
    """The run for the port to train. kind: PyTorch's kind of device."""

    config: Config
    weights: Mapping[str, FloatArray]
    kind: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request to do something once and send the result, or to time `calls` calls of it.

    port: "eager" or "graphed". steps: per call of "train".
    """

    what: What
    port: str = "eager"
    steps: int = 1
    calls: int = 0


class PortClient:
    """A connection to the running port. ports: names of the available versions."""

    def __init__(self, connection: Connection, start: Start) -> None:
        self._connection = connection
        self.ports: list[str] = self._ask(start)

    def answer(self, request: Request) -> Any:
        return self._ask(request)

    def _ask(self, what: Start | Request) -> Any:
        try:
            self._connection.send(what)
            return self._connection.recv()
        except (EOFError, OSError):
            raise NotMeasuredError("the PyTorch port broke; what it said is above") from None


@contextmanager
def running_port(start: Start) -> Iterator[PortClient]:
    """Run the port in its own process, which ends with the context."""
    ours, theirs = Pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.port_server", str(theirs.fileno())],
        pass_fds=(theirs.fileno(),),
        cwd=_ROOT,
    )
    theirs.close()
    try:
        with ours:
            yield PortClient(ours, start)
    finally:
        process.wait()


def torch_kind(device: str) -> str:
    """PyTorch's kind of device for a tinygrad device. Raises NotMeasuredError if none."""
    if importlib.util.find_spec("torch") is None:
        raise NotMeasuredError("PyTorch is not installed; pip install -e '.[bench]' does it")
    if kind := KINDS.get(device.partition(":")[0]):
        return kind
    raise NotMeasuredError(f"PyTorch has no device to compare with {device}")

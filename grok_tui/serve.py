"""The session in a browser on this machine, by textual-serve."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from rich.console import Console
from textual_serve.server import Server

HOST = "127.0.0.1"


def serve(arguments: Sequence[str], port: int) -> int:
    """Serve sessions, each started with the arguments of `grok-tui`, until ctrl+c.

    Only this machine can reach them. Raises OSError if the port is taken.
    """
    command = shlex.join([sys.executable, "-m", "grok_tui", *arguments])
    server = Server(command, HOST, port, "grok-tui")
    server.console = Console(stderr=True)  # standard output is for data
    server.serve()
    return 0

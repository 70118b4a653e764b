"""The commands beside training: what each is for, and the module that does it."""

from __future__ import annotations

import importlib
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Protocol

COMMANDS: Mapping[str, str] = {
    "replay": "the session's screens, fed from a recorded run",
    "compare": "put runs side by side: a table and charts",
    "doctor": "why a run, or a config, does not grok, with evidence and a fix",
    "export": "write a run in the format of another tool",
    "sweep": "train a grid of settings and seeds, and map where it groks",
    "serve": "the session in a browser, on 127.0.0.1",
}


class Command(Protocol):
    """What the module of a command has."""

    def parse(self, arguments: Sequence[str]) -> Namespace:
        """Its options; raises UserError."""

    def run(self, options: Namespace) -> int:
        """Do it; the exit code. Raises UserError or OSError."""


def load(name: str) -> Command:
    """The module of a command, imported only when it is asked for."""
    return importlib.import_module(f"grok_tui.cli.commands.{name}")

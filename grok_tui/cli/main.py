"""The `grok-tui` command: runs the subcommand that the arguments name."""

from __future__ import annotations

import importlib
import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from grok_tui.cli.output import say
from grok_tui.cli.streams import STANDARD_OUTPUT, standard_streams
from grok_tui.text import UserError, reason

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True, slots=True)
class Command:
    """A subcommand: its summary for --help, and the module of this package that runs it."""

    about: str
    module: str


COMMANDS: Mapping[str, Command] = {
    "replay": Command("replay a recorded run on the session's screens", "replay"),
    "compare": Command("compare runs in tables and charts", "compare"),
    "doctor": Command(
        "explain why a run or a config does not grok, and what to change", "doctor"
    ),
    "export": Command("write a run in another tool's format", "export"),
    "sweep": Command("train a grid of settings and seeds, and map where it groks", "sweep"),
    "serve": Command("serve the session to a browser, on 127.0.0.1", "serve"),
    "presets": Command("list the presets", "lists"),
    "devices": Command("list devices, and which of them open here", "lists"),
    "themes": Command("list the themes", "lists"),
    "keys": Command("list the session's keys", "lists"),
}
_TRAIN = Command("train", "train")


class Module(Protocol):
    """The functions that a subcommand's module has."""

    def parse(self, name: str, arguments: Sequence[str]) -> Namespace:
        """Parse the arguments after `name`. Exits on --help and --version; raises UserError."""

    def run(self, options: Namespace) -> int:
        """Run the command and return its exit code. Raises UserError or OSError."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    named = bool(words) and words[0] in COMMANDS
    name, rest = (words[0], words[1:]) if named else ("", words)
    with standard_streams():
        try:
            code = _run(name, rest)
            sys.stdout.flush()  # an error is reported now, not when Python exits
        except UserError as error:
            say(f"error: {error}")
            return USAGE
        except OSError as error:
            if isinstance(error, BrokenPipeError) and error.filename == STANDARD_OUTPUT:
                return DONE  # `grok-tui presets | head`: the reader has seen enough
            say(f"error: {reason(error, 'the command')}")
            return FAILED
        except KeyboardInterrupt:
            return INTERRUPTED
    return code


def _run(name: str, arguments: Sequence[str]) -> int:
    # Import only the module needed: --help loads neither tinygrad nor Textual.
    path = f"grok_tui.cli.{COMMANDS.get(name, _TRAIN).module}"
    module: Module = importlib.import_module(path)
    try:
        options = module.parse(name, arguments)
    except SystemExit as end:  # --help, --version
        return DONE if end.code is None else int(end.code)
    return module.run(options)

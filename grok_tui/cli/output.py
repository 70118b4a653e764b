"""Output of commands: data on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO, cast

from grok_tui.cli.streams import Progress
from grok_tui.text import UserError


def say(text: str) -> None:
    """Print a line for the user on standard error."""
    print(f"grok-tui: {text}", file=sys.stderr, flush=True)


def report(text: str) -> None:
    """Print a line of progress on standard error, unless its reader does not take it now."""
    print(f"grok-tui: {text}", file=cast("TextIO", Progress(sys.stderr)), flush=True)


def print_json(content: Any) -> None:
    """Print data for other programs on standard output."""
    print(json.dumps(content, indent=2, allow_nan=False))


def has_screen(instead: str) -> bool:
    """Whether there is a terminal, or a browser in place of one.

    instead: what works without a screen. Raises UserError if the terminal cannot draw one.
    """
    if "TEXTUAL_DRIVER" in os.environ:
        return True
    terminal = sys.stdout.isatty() and sys.stdin.isatty()
    if terminal and (kind := os.environ.get("TERM")) in ("dumb", "unknown"):
        raise UserError(f"TERM={kind} cannot show a full screen; {instead}")
    return terminal

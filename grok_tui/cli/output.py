"""Output of commands: data on standard output, everything else on standard error."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
from typing import Any

from grok_tui.text import UserError


def tolerate_encodings() -> None:
    """Print what the terminal's encoding does not have as similar ASCII."""
    codecs.register_error("lookalike", _lookalike)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="lookalike")


def _lookalike(error: UnicodeError) -> tuple[str, int]:
    from grok_tui.tui.ascii_only import ascii_text, spelled

    if not isinstance(error, UnicodeEncodeError):
        raise error
    return ascii_text(spelled(error.object[error.start : error.end])), error.end


def say(text: str) -> None:
    """Print a line for the user on standard error."""
    print(f"grok-tui: {text}", file=sys.stderr, flush=True)


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

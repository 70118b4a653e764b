"""Starts the session's application and ends it cleanly."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import tempfile
from collections.abc import Callable
from typing import IO

from rich.console import Console

from grok_tui.sources.launcher import Launcher, Run
from grok_tui.tui.app import SessionApp, occupied_keys, session_actions
from grok_tui.tui.keys.keymap import load_keymap
from grok_tui.tui.messages import Ending
from grok_tui.tui.preferences import remembered_theme
from grok_tui.tui.terminal import shows_unicode
from grok_tui.tui.themes import choose_theme, load_themes


def make_app(
    launcher: Launcher,
    first: Run | None,
    theme_name: str | None,
    *,
    ascii_only: bool = False,
    kind: Callable[..., SessionApp] = SessionApp,
) -> SessionApp:
    """Make the session's application with the user's themes and keys. Raises UserError.

    ascii_only: draw with ASCII only, even where the terminal can show more.
    kind: called with the arguments of `SessionApp`.
    """
    themes, bad_themes = load_themes()
    keymap, bad_keys = load_keymap(session_actions(), occupied_keys())
    problems = bad_themes + bad_keys
    for problem in problems:
        _say(problem)
    theme = choose_theme(themes, theme_name, remembered_theme(), Console().color_system)
    ascii_only = ascii_only or not shows_unicode()
    return kind(first, launcher, themes, theme, keymap, problems=problems, ascii=ascii_only)


def run_session(launcher: Launcher, app: SessionApp) -> int:
    """Show the application until the user leaves; returns the exit code."""
    # Keeps a traceback off the user's screen; it goes to a file instead.
    app.error_console = Console(file=io.StringIO(), width=100)
    # Imported objects live to the end; scanning them delayed keys by up to 0.1 s.
    gc.freeze()
    try:
        ending = app.run()
        if ending is None:  # the browser disconnected, or the screen broke
            sound = app.return_code == 0
            ending = Ending(0) if sound else Ending(1, _broken(app.error_console.file))
    finally:
        lines = list(launcher.close())
    problems = [problem for problem in (ending.problem, *launcher.unheard) if problem]
    lines = [*(f"error: {problem}" for problem in problems), *lines]
    for line in dict.fromkeys(lines):  # a resumed run was opened twice
        _say(line)
    return 1 if launcher.unheard else ending.code


def _broken(output: IO[str]) -> str:
    """The message after an exception in the screen, which is a bug; saves its traceback."""
    text = output.getvalue() if isinstance(output, io.StringIO) else ""
    if not text:
        return "the session ended unexpectedly"
    descriptor, name = tempfile.mkstemp(prefix="grok-tui-", suffix=".log")
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    return f"the screen broke; please report it with {name}"


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # the terminal may be gone
        print(f"grok-tui: {line}", file=sys.stderr)

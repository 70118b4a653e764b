"""What the session remembers from one time to the next, in `preferences.toml`."""

from __future__ import annotations

import os
from pathlib import Path

import tomli_w

from grok_tui.files import base_folder, read_toml


def config_folder() -> Path:
    """The user's folder for this program; it need not exist."""
    config = base_folder("XDG_CONFIG_HOME", Path.home() / ".config")
    return config / "grok-tui"


def remembered_theme() -> str | None:
    """The theme last chosen; None if there is none, or the file says nothing sensible."""
    try:
        theme = read_toml(_file()).get("theme")
    except (OSError, ValueError):
        return None
    return theme if isinstance(theme, str) else None


def remember_theme(name: str) -> None:
    """Begin with this theme from now on; raises OSError."""
    _file().parent.mkdir(parents=True, exist_ok=True)
    partial = _file().with_name(f"preferences.{os.getpid()}")
    partial.write_text(tomli_w.dumps({"theme": name}))
    partial.replace(_file())


def _file() -> Path:
    return config_folder() / "preferences.toml"

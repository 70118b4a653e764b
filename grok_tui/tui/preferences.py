"""The user's preferences, which `preferences.toml` keeps between sessions."""

from __future__ import annotations

import os
from pathlib import Path

import tomli_w

from grok_tui.files import base_folder, read_toml


def config_folder() -> Path:
    """The user's config folder for this program; it may not exist."""
    return base_folder("XDG_CONFIG_HOME", ".config") / "grok-tui"


def remembered_theme() -> str | None:
    """The last theme used; None if there is none or the file is invalid."""
    try:
        theme = read_toml(_file()).get("theme")
    except (OSError, ValueError):
        return None
    return theme if isinstance(theme, str) else None


def remember_theme(name: str) -> None:
    """Remember the theme for later sessions. Raises OSError."""
    _file().parent.mkdir(parents=True, exist_ok=True)
    partial = _file().with_name(f"preferences.{os.getpid()}")
    partial.write_text(tomli_w.dumps({"theme": name}))
    partial.replace(_file())


def _file() -> Path:
    return config_folder() / "preferences.toml"

"""Themes: TOML files with Textual's colours and those of the charts' series."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from textual.color import Color, ColorParseError
from textual.theme import Theme as TextualTheme

from grok_tui.errors import UserError

DEFAULT_THEME = "midnight"
SERIES = ("train", "test", "edit", "phase")
_COLORS = (
    "primary", "secondary", "accent", "foreground", "background",
    "surface", "panel", "success", "warning", "error",
)  # fmt: skip


class ThemeError(UserError):
    """A theme file is wrong; the message says where."""


@dataclass(frozen=True, slots=True)
class Theme:
    """One theme file.

    colors: Textual's colour names to colours. series: (r, g, b) of each name in SERIES.
    """

    name: str
    dark: bool
    colors: dict[str, str]
    series: dict[str, tuple[int, int, int]]
    path: Path

    def textual(self) -> TextualTheme:
        """The theme as Textual registers it."""
        return TextualTheme(name=self.name, dark=self.dark, **self.colors)  # type: ignore[arg-type]


def load_themes() -> tuple[dict[str, Theme], list[str]]:
    """All themes by name, the user's over the shipped ones, and what was skipped and why."""
    themes, problems = {}, []
    for path in _files():
        try:
            theme = read_theme(path)
            themes[theme.name] = theme
        except (OSError, ThemeError, ValueError) as error:
            problems.append(f"theme {path} skipped: {error}")
    return themes, problems


def find_theme(name: str | None) -> Theme:
    """The theme of that name, or the default one; raises UserError."""
    themes, _ = load_themes()
    if (wanted := name or DEFAULT_THEME) not in themes:
        raise UserError(f"unknown theme '{wanted}'; there are: {', '.join(themes)}")
    return themes[wanted]


def read_theme(path: Path) -> Theme:
    """Read one theme file; raises ThemeError, ValueError if it is no TOML, OSError."""
    content = tomllib.loads(path.read_text())
    name, dark = content.get("name"), content.get("dark")
    if not isinstance(name, str) or not isinstance(dark, bool):
        raise ThemeError("it needs a `name` (text) and `dark` (true or false)")
    colors = dict(_parsed(content, "colors", _COLORS))
    series = dict(_parsed(content, "series", SERIES))
    return Theme(
        name,
        dark,
        {key: color.hex for key, color in colors.items()},
        {key: color.rgb for key, color in series.items()},
        path,
    )


def _parsed(
    content: dict[str, object], table: str, names: tuple[str, ...]
) -> Iterator[tuple[str, Color]]:
    values = content.get(table)
    if not isinstance(values, dict):
        raise ThemeError(f"it needs a table [{table}] with {', '.join(names)}")
    for name in names:
        if name not in values:
            raise ThemeError(f"[{table}] lacks `{name}`")
        try:
            yield name, Color.parse(values[name])
        except (ColorParseError, TypeError, AttributeError):  # the last two: it is no text
            raise ThemeError(f"[{table}] {name} = {values[name]!r} is no colour") from None


def _files() -> Iterator[Path]:
    """Shipped files first, so that a user's file of the same name replaces one."""
    package = Path(__file__).parents[1] / "themes"
    checkout = Path(__file__).parents[2] / "themes"
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    for folder in (package if package.is_dir() else checkout, config / "grok-tui" / "themes"):
        yield from sorted(folder.glob("*.toml"))

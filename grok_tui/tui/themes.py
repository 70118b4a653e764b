"""Themes: TOML files with Textual's colors and the colors of the charts' series."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES
from textual.theme import Theme as TextualTheme

from grok_tui.files import read_toml
from grok_tui.text import UserError, did_you_mean, one_line
from grok_tui.tui.preferences import config_folder

DEFAULT_THEME = "midnight"
# The theme that uses the terminal's own colors.
PALETTE_THEME = "terminal"
SERIES = ("train", "test", "edit", "phase")
# Series that a theme may leave out, and the theme color that they then have.
MORE_SERIES = {"excluded": "secondary", "restricted": "success"}
_COLORS = (
    "primary", "secondary", "accent", "foreground", "background",
    "surface", "panel", "success", "warning", "error",
)  # fmt: skip


class ThemeError(UserError):
    """A theme file is invalid; the message says where."""


@dataclass(frozen=True, slots=True)
class Theme:
    """One theme file.

    colors: by Textual's color names. series: a color for each name in SERIES and possibly
    for some in MORE_SERIES.
    Colors are as Textual writes them: #a0b1c2, or ansi_blue for the terminal's own.
    """

    name: str
    dark: bool
    colors: dict[str, str]
    series: dict[str, str]
    path: Path

    def textual(self) -> TextualTheme:
        """The theme for Textual to register, with the series' colors as variables."""
        ansi = any(color.startswith("ansi_") for color in self.colors.values())
        # ANSI colors cannot be blended, so Textual needs more colors named: take its own.
        named = BUILTIN_THEMES["ansi-dark" if self.dark else "ansi-light"].variables
        return TextualTheme(
            name=self.name,
            dark=self.dark,
            ansi=ansi,
            variables={**named, **self.variables()} if ansi else self.variables(),
            **self.colors,  # type: ignore[arg-type]
        )

    def variables(self) -> dict[str, str]:
        """The series' colors by their variable names in style sheets and charts."""
        more = {name: self.colors[color] for name, color in MORE_SERIES.items()}
        return {series_variable(name): x for name, x in {**more, **self.series}.items()}


def series_variable(name: str) -> str:
    return f"series-{name}"


def load_themes() -> tuple[dict[str, Theme], list[str]]:
    """Load all themes by name, the user's over the shipped ones; also returns problems."""
    themes, problems = {}, []
    for path in _files():
        try:
            theme = read_theme(path)
            themes[theme.name] = theme
        except (OSError, ThemeError, ValueError) as error:
            problems.append(one_line(f"theme {path} skipped: {error}"))
    return themes, problems


def choose_theme(
    themes: Mapping[str, Theme],
    name: str | None,
    remembered: str | None,
    color_system: str | None = None,
) -> str:
    """The theme to start with: the requested one, else the last one used, else the default.

    name: the requested theme. color_system: the terminal's, as Rich names it; with 16 colors,
    the default is the terminal's own palette. Raises UserError if `name` is unknown.
    """
    if name is not None and name not in themes:
        raise UserError(
            f"unknown theme '{name}'; choose one of {', '.join(themes)}"
            f"{did_you_mean(name, themes)}"
        )
    poor = PALETTE_THEME if color_system == "standard" else None
    wanted = (name, remembered, poor, DEFAULT_THEME)
    return next(n for n in wanted if n is not None and n in themes)


def read_theme(path: Path) -> Theme:
    """Read a theme file. Raises ThemeError, ValueError if it is not valid TOML, or OSError."""
    content = read_toml(path)
    name, dark = content.get("name"), content.get("dark")
    if not isinstance(name, str) or not isinstance(dark, bool):
        raise ThemeError("it needs a `name` (text) and `dark` (true or false)")
    if not name or not name.isprintable() or "[" in name:  # Textual reads `[` as markup
        raise ThemeError(f"its name {name!r} cannot be shown")
    colors = dict(_parsed(content, "colors", _COLORS))
    named = content.get("series")
    more = tuple(name for name in MORE_SERIES if isinstance(named, dict) and name in named)
    series = dict(_parsed(content, "series", SERIES + more))
    return Theme(
        name,
        dark,
        {key: _written(color) for key, color in colors.items()},
        {key: _written(color) for key, color in series.items()},
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
        except (ColorParseError, TypeError, AttributeError):  # the last two: not a string
            raise ThemeError(f"[{table}] {name} = {values[name]!r} is not a color") from None


def _written(color: Color) -> str:
    return color.hex if color.ansi is None else color.css


def _files() -> Iterator[Path]:
    """Shipped files first, so that a user's file of the same name replaces one."""
    package = Path(__file__).parents[1] / "themes"
    checkout = Path(__file__).parents[2] / "themes"
    for folder in (package if package.is_dir() else checkout, config_folder() / "themes"):
        yield from sorted(folder.glob("*.toml"))

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from textual.color import Color
from textual.theme import Theme as TextualTheme

from grok_tui.text import UserError
from grok_tui.tui.preferences import remember_theme, remembered_theme
from grok_tui.tui.themes import (
    DEFAULT_THEME,
    SERIES,
    ThemeError,
    choose_theme,
    load_themes,
    read_theme,
)

SHIPPED = sorted((Path(__file__).parents[2] / "themes").glob("*.toml"))


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder for themes, empty."""
    folder = tmp_path / "config" / "grok-tui" / "themes"
    folder.mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return folder


def content(**changes: Any) -> dict[str, Any]:
    """A valid theme file with changes; `table__color` changes a color in a table."""
    whole = tomllib.loads(SHIPPED[0].read_text()) | {"name": "mine", "dark": True}
    for key, value in changes.items():
        table, _, name = key.partition("__")
        place = whole[table] if name else whole
        if value is None:
            del place[name or table]
        else:
            place[name or table] = value
    return whole


def write(folder: Path, file: str = "a.toml", **changes: Any) -> Path:
    path = folder / file
    path.write_text(tomli_w.dumps(content(**changes)))
    return path


def test_themes_are_shipped_and_the_default_is_one() -> None:
    themes, problems = load_themes()
    assert problems == []
    assert len(themes) == len(SHIPPED) >= 2
    assert {theme.path.resolve() for theme in themes.values()} == {p.resolve() for p in SHIPPED}
    assert DEFAULT_THEME in themes


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_theme_is_valid_and_named_like_its_file(path: Path) -> None:
    theme = read_theme(path)
    assert theme.name == path.stem
    assert theme.path == path
    assert tuple(theme.series) == SERIES
    assert theme.series["train"] != theme.series["test"]
    textual = theme.textual()
    assert isinstance(textual, TextualTheme)
    assert (textual.name, textual.dark) == (theme.name, theme.dark)
    assert {"background", "foreground", "primary", "error"} <= theme.colors.keys()
    assert textual.to_color_system().generate()["background"]


def test_there_is_a_light_and_a_dark_theme() -> None:
    assert {theme.dark for theme in load_themes()[0].values()} == {True, False}


def test_colors_are_read_unchanged(mine: Path) -> None:
    path = write(mine, colors__primary="#102030", series__train="#0a141e", dark=False)
    theme = read_theme(path)
    assert theme.colors["primary"] == "#102030"
    assert theme.textual().primary == "#102030"
    assert theme.series["train"] == "#0A141E"
    assert theme.dark is False


def test_a_users_theme_is_added(mine: Path) -> None:
    path = write(mine)
    themes, problems = load_themes()
    assert problems == []
    assert len(themes) == len(SHIPPED) + 1
    assert themes["mine"].path == path


def test_a_users_theme_replaces_a_shipped_one(mine: Path) -> None:
    path = write(mine, name=DEFAULT_THEME, colors__primary="#010203")
    themes, problems = load_themes()
    assert (len(themes), problems) == (len(SHIPPED), [])
    assert themes[DEFAULT_THEME].path == path
    assert themes[DEFAULT_THEME].colors["primary"] == "#010203"


def test_only_toml_files_are_themes(mine: Path) -> None:
    (mine / "README").write_text("no theme")
    assert load_themes()[1] == []


@pytest.mark.parametrize("empty", [True, False])
def test_without_xdg_config_home_themes_come_from_the_home_folder(
    empty: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if empty:
        monkeypatch.setenv("XDG_CONFIG_HOME", "")
    else:
        monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".config" / "grok-tui" / "themes"
    assert "mine" not in load_themes()[0]  # and a missing folder is no problem
    folder.mkdir(parents=True)
    write(folder)
    assert load_themes()[0]["mine"].path == folder / "a.toml"


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"name": None}, "needs a `name`"),
    "name is a number": ({"name": 5}, "needs a `name`"),
    "name is empty": ({"name": ""}, "its name '' cannot be shown"),
    "name is markup": ({"name": "[/]"}, "its name '[/]' cannot be shown"),
    "name has two lines": ({"name": "a\nb"}, "its name 'a\\nb' cannot be shown"),
    "dark is a text": ({"dark": "yes"}, "`dark`"),
    "no colors": ({"colors": None}, "needs a table [colors]"),
    "colors are a list": ({"colors": ["red"]}, "needs a table [colors]"),
    "no series": ({"series": None}, "needs a table [series]"),
    "a color is missing": ({"colors__error": None}, "[colors] lacks `error`"),
    "a series is missing": ({"series__phase": None}, "[series] lacks `phase`"),
    "no color": ({"colors__panel": "reddish"}, "[colors] panel = 'reddish' is not a color"),
    "an empty color": ({"colors__panel": ""}, "[colors] panel = '' is not a color"),
    "a number": ({"series__edit": 7}, "[series] edit = 7 is not a color"),
    "a list": ({"series__edit": [1, 2, 3]}, "[series] edit = [1, 2, 3] is not a color"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_theme_is_reported_and_skipped(case: str, mine: Path) -> None:
    changes, says = BAD[case]
    path = write(mine, **changes)
    with pytest.raises(ThemeError) as caught:
        read_theme(path)
    assert says in str(caught.value)
    write(mine, "good.toml")
    themes, problems = load_themes()
    assert len(themes) == len(SHIPPED) + 1
    assert problems == [f"theme {path} skipped: {caught.value}"]
    assert problems[0].splitlines() == problems


@pytest.mark.parametrize(
    "raw", [b"name = ", b"\xff\xfe", b"", b"[colors]\n[colors]", b"x = " + b"[" * 9999]
)
def test_a_file_that_is_not_a_theme_is_reported_and_skipped(raw: bytes, mine: Path) -> None:
    (mine / "a.toml").write_bytes(raw)
    (mine / "b.toml").mkdir()
    themes, problems = load_themes()
    assert len(themes) == len(SHIPPED)
    first, second = problems
    assert first.startswith(f"theme {mine / 'a.toml'} skipped: ")
    assert second.startswith(f"theme {mine / 'b.toml'} skipped: ")
    assert all(problem.splitlines() == [problem] for problem in problems)


def test_an_unknown_theme_is_refused_with_the_known_names() -> None:
    themes, _ = load_themes()
    with pytest.raises(UserError) as caught:
        choose_theme(themes, "neon", None)
    assert str(caught.value) == f"unknown theme 'neon'; choose one of {', '.join(themes)}"


@pytest.mark.parametrize(
    ("asked", "remembered", "chosen"),
    [
        (None, None, DEFAULT_THEME),
        (None, "paper", "paper"),
        ("mist", "paper", "mist"),
        (None, "gone since", DEFAULT_THEME),
    ],
)
def test_the_initial_theme(asked: str | None, remembered: str | None, chosen: str) -> None:
    assert choose_theme(load_themes()[0], asked, remembered) == chosen


def test_a_terminal_of_16_colors_starts_with_its_own() -> None:
    themes = load_themes()[0]
    assert choose_theme(themes, None, None, "standard") == "terminal"
    assert choose_theme(themes, None, None, "truecolor") == DEFAULT_THEME
    assert choose_theme(themes, None, "paper", "standard") == "paper"
    assert choose_theme(themes, "mist", None, "standard") == "mist"


def test_six_themes_two_of_them_light_and_one_of_the_terminals_own_colors() -> None:
    themes = load_themes()[0].values()
    assert len(themes) >= 6
    assert sum(not theme.dark for theme in themes) >= 2
    assert [theme.name for theme in themes if theme.textual().ansi] == ["terminal"]


def test_text_contrasts_with_its_background() -> None:
    """A contrast of 4.5 for text and 3 for lines: WCAG 2.1, level AA, 1.4.3 and 1.4.11."""
    for theme in load_themes()[0].values():
        if theme.textual().ansi:
            continue  # the terminal's palette is the user's
        surface = Color.parse(theme.colors["surface"])
        pairs = {name: (Color.parse(theme.colors[name]), 4.5) for name in ("foreground",)}
        pairs |= {name: (Color.parse(color), 3.0) for name, color in theme.series.items()}
        for name, (color, least) in pairs.items():
            assert contrast(surface, color) >= least, (theme.name, name)


def contrast(x: Color, y: Color) -> float:
    """The ratio of the relative luminances of two colors, as WCAG 2.1 defines it."""

    def luminance(color: Color) -> float:
        parts = (part / 255 for part in color.rgb)
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(x), luminance(y)))
    return (high + 0.05) / (low + 0.05)


def test_a_theme_is_remembered(mine: Path) -> None:
    assert remembered_theme() is None
    remember_theme("paper")
    assert remembered_theme() == "paper"
    assert [path.name for path in mine.parent.iterdir() if path.is_file()] == [
        "preferences.toml"
    ]


@pytest.mark.parametrize("raw", ["theme = 3", "theme =", "other = 1", "theme = " + "[" * 9999])
def test_invalid_preferences_count_as_none(raw: str, mine: Path) -> None:
    mine.with_name("preferences.toml").write_text(raw)
    assert remembered_theme() is None

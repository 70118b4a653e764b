"""Changing the theme of a session by its key or by its file, and remembering it."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w
from scripted import (
    CONFIG,
    ScriptedLauncher,
    ScriptedSource,
    playing,
    run_screen,
    session,
    settled,
    status,
    training,
    until,
)
from textual.color import Color
from textual.pilot import Pilot

from grok_tui.sources.launcher import Run
from grok_tui.tui import app as app_module
from grok_tui.tui.messages import Ending
from grok_tui.tui.preferences import remembered_theme
from grok_tui.tui.start import make_app
from grok_tui.tui.themes import load_themes
from grok_tui.tui.widgets.chart import Chart
from grok_tui.view.state import SessionState


def drawn_colors(pilot: Pilot[Ending]) -> set[str]:
    """All colors in the loss chart."""
    chart = run_screen(pilot).query_one("#loss", Chart)
    lines = (chart.render_line(y) for y in range(chart.size.height))
    styles = (segment.style for line in lines for segment in line)
    return {style.color.name for style in styles if style and style.color}


def name_of(color: str) -> str:
    return Color.parse(color).rich_color.name


async def test_charts_have_the_colors_of_every_theme() -> None:
    async with session(playing(*training(1, 20))).run_test() as pilot:
        for theme in load_themes()[0].values():
            pilot.app.theme = theme.name
            await settled(pilot)
            assert name_of(theme.series["train"]) in drawn_colors(pilot), theme.name


async def test_t_goes_through_all_themes_and_remembers_the_last() -> None:
    names = list(load_themes()[0])
    start = names.index("midnight")
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await settled(pilot)
        for name in [*names[start + 1 :], *names[: start + 1]]:
            await pilot.press("t")
            await until(pilot, lambda name=name: f"theme {name}" in status(pilot))
            assert pilot.app.theme == name
            assert remembered_theme() == name
            wanted = name_of(load_themes()[0][name].series["train"])
            await until(pilot, lambda wanted=wanted: wanted in drawn_colors(pilot))


async def test_a_theme_that_cannot_be_remembered_is_still_used(
    config_folder: Path,
) -> None:
    config_folder.parent.mkdir(parents=True)
    config_folder.write_text("a file where the folder should be")
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await settled(pilot)
        await pilot.press("t")
        await until(pilot, lambda: "cannot be remembered" in status(pilot))
        assert pilot.app.theme != "midnight"


async def test_a_changed_file_changes_the_session(
    config_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "RELOAD_SECONDS", 0.02)
    path = config_folder / "themes" / "mine.toml"
    path.parent.mkdir(parents=True)

    def write(train: str) -> None:
        midnight = load_themes()[0]["midnight"]
        series = {**midnight.series, "train": train}
        content = {"name": "mine", "dark": True, "colors": midnight.colors, "series": series}
        path.write_text(tomli_w.dumps(content))

    write("#123456")
    async with session(playing(*training(1, 20)), "mine").run_test() as pilot:
        await settled(pilot)
        assert "#123456" in drawn_colors(pilot)
        write("#654321")
        await until(pilot, lambda: "#654321" in drawn_colors(pilot))
        path.write_text("no theme")
        await until(pilot, lambda: "is not reloaded" in status(pilot))
        assert "#654321" in drawn_colors(pilot)


async def test_textuals_own_themes_have_the_default_series() -> None:
    default = load_themes()[0]["midnight"]
    async with session(playing(*training(1, 20))).run_test() as pilot:
        await settled(pilot)
        pilot.app.theme = "nord"
        await until(pilot, lambda: name_of(default.series["test"]) in drawn_colors(pilot))


@pytest.mark.parametrize("first", [None, ScriptedSource()])
async def test_problems_of_the_users_files_are_shown_inside_the_session(
    first: ScriptedSource | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "grok-tui"
    (folder / "themes").mkdir(parents=True)
    (folder / "keys.toml").write_text('quit = "ctrl+p"')
    (folder / "themes" / "mine.toml").write_text("name = [/x]")
    run = first and Run(first, SessionState(CONFIG.model_dump(mode="json")))
    app = make_app(ScriptedLauncher(), run, None)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: len(app.screen.query("Toast")) == 2)
        texts = [str(toast.render()) for toast in app.screen.query("Toast")]
        assert all(any(problem in text for text in texts) for problem in app.problems)
        assert "quit keeps its default" in "".join(texts)
        assert "mine.toml" in "".join(texts)

"""The preset picker: its list, choosing from it, and estimates of how long a run takes."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from scripted import SIZES, ScriptedLauncher, rows, shown, until
from textual.pilot import Pilot
from textual.widgets import OptionList

from grok_tui.config.presets import load_preset, preset_names
from grok_tui.config.schema import Config
from grok_tui.sources.launcher import Run
from grok_tui.text import UserError
from grok_tui.tui.app import SessionApp
from grok_tui.tui.messages import Ending
from grok_tui.tui.screens.picker import PresetPicker
from grok_tui.tui.screens.run_view import RunView
from grok_tui.tui.themes import load_themes
from grok_tui.view import estimate
from grok_tui.view.estimate import Speed


@pytest.fixture(autouse=True)
def _no_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No earlier runs, and no measurement of the CPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(estimate, "measured_speed", lambda config: None)


def picking(launcher: ScriptedLauncher | None = None, theme: str = "midnight") -> SessionApp:
    return SessionApp(None, launcher or ScriptedLauncher(), load_themes()[0], theme)


async def options(pilot: Pilot[Ending]) -> OptionList:
    await until(pilot, lambda: isinstance(pilot.app.screen, PresetPicker))
    await pilot.pause()
    return pilot.app.screen.query_one(OptionList)


def words(pilot: Pilot[Ending]) -> str:
    """The text inside the frame, without the scroll bar, in one line."""
    return " ".join(re.sub("[▁-▏]", " ", " ".join(rows(pilot))).split())


@pytest.mark.parametrize("size", SIZES)
async def test_every_preset_with_its_sentence_and_step(size: tuple[int, int]) -> None:
    async with picking().run_test(size=size) as pilot:
        listed = await options(pilot)
        assert [option.id for option in listed.options] == preset_names()
        assert listed.highlighted == 0
        for option, name in zip(listed.options, preset_names(), strict=True):
            preset = load_preset(name)
            step = f"groks at step {preset.grok_step:,}" if preset.grok_step else "never groks"
            step += "; a patient for the doctor" if preset.patient else ""
            assert str(option.prompt) == f"{name}  {step}\n{preset.sentence}"
        assert load_preset("quick").sentence in words(pilot)


async def test_what_is_promised_follows_the_flags() -> None:
    class Flagged(ScriptedLauncher):
        def __init__(self, **flags: int) -> None:
            super().__init__()
            self.flags = flags

        def config_of(self, name: str) -> Config:
            return super().config_of(name).changed(**self.flags)

    for launcher, says in (
        (Flagged(seed=5), "not measured with seed 5"),
        (Flagged(n_heads=3), "cannot start: n_heads must divide d_model, 128 (got 3)"),
    ):
        async with picking(launcher).run_test(size=(120, 48)) as pilot:
            listed = await options(pilot)
            await pilot.app.workers.wait_for_complete()
            await pilot.pause()
            for option in listed.options:
                assert str(option.prompt).startswith(f"{option.id}  {says}")
                assert "groks" not in str(option.prompt).split("\n")[0]


async def test_all_presets_can_be_read_in_a_small_terminal() -> None:
    async with picking().run_test(size=(60, 16)) as pilot:
        await options(pilot)
        for name in preset_names():
            assert load_preset(name).sentence in words(pilot)
            await pilot.press("down")
            await pilot.pause()


@pytest.mark.parametrize(
    ("keys", "at"), [([], 0), (["down"], 1), (["down", "down", "up"], 1), (["end"], -1)]
)
async def test_keys_choose_a_preset(keys: list[str], at: int) -> None:
    launcher = ScriptedLauncher()
    async with picking(launcher).run_test(size=(80, 24)) as pilot:
        await options(pilot)
        await pilot.press(*keys, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunView))
    assert launcher.asked == [preset_names()[at]]


async def test_the_mouse_chooses_a_preset() -> None:
    launcher = ScriptedLauncher()
    async with picking(launcher).run_test(size=(80, 24)) as pilot:
        await options(pilot)
        row = next(y for y, text in enumerate(rows(pilot)) if "nanda" in text)
        await pilot.click(offset=(20, row))
        await until(pilot, lambda: isinstance(pilot.app.screen, RunView))
    assert launcher.asked == ["nanda"]


@pytest.mark.parametrize("key", ["q", "escape", "ctrl+c", "ctrl+q"])
async def test_it_can_be_left(key: str) -> None:
    app = picking()
    async with app.run_test() as pilot:
        await options(pilot)
        await pilot.press(key)
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == Ending(0)


async def test_a_preset_that_cannot_be_opened_is_a_usage_error() -> None:
    class Refusing(ScriptedLauncher):
        def preset(self, name: str) -> Run:
            raise UserError(f"{name} cannot be used")

    app = picking(Refusing())
    async with app.run_test() as pilot:
        await options(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == Ending(2, "quick cannot be used")


async def test_times_appear_when_they_are_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = threading.Event()

    def speed(config: Config) -> Speed:
        assert known.wait(10)
        return Speed("CPU", 3.0, 0.02, 0.02)

    monkeypatch.setattr(estimate, "measured_speed", speed)
    async with picking().run_test(size=(60, 16)) as pilot:
        listed = await options(pilot)
        await pilot.press("down")
        assert "groks at step 600" in shown(pilot)
        assert "about" not in shown(pilot)
        known.set()
        await until(pilot, lambda: "groks at step 600, about 16 s on CPU" in shown(pilot))
        await until(pilot, lambda: "groks at step 10,610, about 4 min on CPU" in shown(pilot))
        assert listed.highlighted == 1
        never = [p for p in map(load_preset, preset_names()) if p.grok_step is None]
        assert len(never) > 0
        for preset in never:
            assert str(listed.get_option(preset.name).prompt).startswith(
                f"{preset.name}  never groks; a patient for the doctor\n"
            )


async def test_a_preset_may_be_picked_before_its_time_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known, asked = threading.Event(), threading.Event()

    def speed(config: Config) -> None:
        asked.set()
        assert known.wait(10)

    monkeypatch.setattr(estimate, "measured_speed", speed)
    async with picking().run_test() as pilot:
        await options(pilot)
        await until(pilot, asked.is_set)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunView))
        known.set()
        await pilot.pause()


async def test_the_chosen_one_stands_out_in_every_theme() -> None:
    async with picking().run_test() as pilot:
        listed = await options(pilot)
        for theme in load_themes()[0]:
            pilot.app.theme = theme
            await pilot.pause()
            first, second = (listed.render_line(y) for y in (1, 3))  # the sentences
            assert next(iter(first)).style != next(iter(second)).style, theme


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (2, 60), (300, 3)])
async def test_no_size_breaks_it(size: tuple[int, int]) -> None:
    async with picking().run_test(size=size) as pilot:
        await options(pilot)
        await pilot.press("down", "up")
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: "Which run do you want to watch?" in shown(pilot))

"""Keys of the user's own in a session."""

from __future__ import annotations

from scripted import playing, rows, run_screen, session, settled, status, training, until

from grok_tui.core.events import Pause, Stop
from grok_tui.tui.charts import Chart


async def test_a_changed_key_does_the_same_and_the_old_one_nothing() -> None:
    source = playing(*training(1, 20))
    async with session(source, pause=("p", "f6")).run_test() as pilot:
        await settled(pilot)
        await pilot.press("space")
        assert source.commands == []
        await pilot.press("p")
        await pilot.press("f6")
        assert source.commands == [Pause(), Pause()]
        assert "p Pause" in " ".join(rows(pilot)[-1].split())


async def test_two_keys_that_changed_places() -> None:
    source = playing(*training(1, 20))
    async with session(source, pause=("q",), quit=("space",)).run_test() as pilot:
        await settled(pilot)
        await pilot.press("q")
        assert source.commands == [Pause()]
        await pilot.press("space")
        assert not any(isinstance(command, Stop) for command in source.commands)
        assert len(pilot.app.screen_stack) == 3  # the dialog is up


async def test_a_bracket_is_shown_as_one_after_another_key_got_its_place() -> None:
    async with session(
        playing(*training(1, 20)), **{"wd-up": ("right_curly_bracket",), "lr-up": ("f7",)}
    ).run_test() as pilot:
        await settled(pilot)
        shown = " ".join(rows(pilot)[-1].split())
        assert "[ } wd" in shown
        assert "{ f7 lr" in shown


async def test_v_shows_the_newest_steps_and_all_again() -> None:
    async with session(playing(*training(1, 1000))).run_test(size=(100, 30)) as pilot:
        await settled(pilot)
        for message, first in (("the newest steps", " 800 "), ("all steps", " 0 ")):
            await pilot.press("v")
            await until(pilot, lambda message=message: message in status(pilot))
            for chart in run_screen(pilot).query(Chart):
                axis = chart.render_line(chart.size.height - 1).text
                assert first in f" {axis} "

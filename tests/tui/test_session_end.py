"""How a session starts and ends: the picker, the quit dialog, signals and exceptions."""

from __future__ import annotations

import asyncio
import functools
import signal
import tempfile
from pathlib import Path

import pytest
from scripted import (
    CONFIG,
    STOPPED,
    ScriptedSource,
    playing,
    run_screen,
    session,
    settled,
    shown,
    status,
    training,
    until,
)
from textual.app import App

from grok_tui.protocol.commands import Resume, Stop
from grok_tui.protocol.events import Compiling, Event, Failed, Paused, Resumed, Warned
from grok_tui.sources.job import Job
from grok_tui.sources.launcher import Launcher
from grok_tui.tui.app import SessionApp
from grok_tui.tui.messages import Ending
from grok_tui.tui.screens.dialogs import QuitDialog
from grok_tui.tui.screens.run_view import RunView
from grok_tui.tui.start import make_app, run_session

# --- leaving --------------------------------------------------------------------------


async def test_quit_and_save_waits_for_the_save() -> None:
    source = playing(*training(1, 20))
    app = session(source)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("q")
        assert isinstance(app.screen, QuitDialog)
        await pilot.press("enter")
        assert source.commands == [Stop("quit")]
        assert "saving ..." in status(pilot)
        await pilot.pause(0.2)
        assert app.is_running and app.return_value is None
        source.deliver(STOPPED)
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == Ending(0)


async def test_quit_now_does_not_wait() -> None:
    source = playing(*training(1, 20))
    app = session(source)
    async with app.run_test() as pilot:
        await pilot.press("q", "down", "enter")
        assert source.commands == [Stop("quit without saving", save=False)]
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == Ending(0)


@pytest.mark.parametrize("keys", [["down", "down", "enter"], ["escape"], ["q"]], ids=str)
async def test_quit_can_be_canceled(keys: list[str]) -> None:
    source = playing(*training(1, 20))
    app = session(source)
    async with app.run_test() as pilot:
        await pilot.press("q", *keys)
        assert isinstance(app.screen, RunView)
        assert source.commands == []
        assert app.return_value is None


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+q"])
async def test_the_keys_that_end_other_programs_ask_first_and_then_save(key: str) -> None:
    source = playing(*training(1, 20))
    app = session(source)
    async with app.run_test() as pilot:
        await pilot.press(key)
        assert isinstance(app.screen, QuitDialog)
        assert source.commands == []
        await pilot.press(key)
        assert source.commands == [Stop("quit")]


async def test_quitting_while_compiling_leaves_at_once() -> None:
    app = session(ScriptedSource(Compiling("compiling the training step", 0, 4)))
    async with app.run_test() as pilot:
        await pilot.press("q", "enter")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == Ending(0)


@pytest.mark.parametrize(
    ("last", "ending"),
    [(STOPPED, Ending(0)), (Failed(20, "it broke"), Ending(1, "it broke"))],
)
async def test_an_ended_run_is_left_without_a_question(last: Event, ending: Ending) -> None:
    app = session(playing(*training(1, 20), last))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == ending


# --- a run that cannot be written -------------------------------------------------------

FULL = "cannot write the run: No space left on device"


async def test_a_full_disk_is_reported_and_space_tries_again() -> None:
    source = playing(*training(1, 20))
    app = session(source)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        for tries in (1, 2):
            source.deliver(Warned(20, f"{FULL}; training waits, press space to try again"))
            source.deliver(Paused(20))
            await until(pilot, lambda: status(pilot).startswith(" PAUSED "))
            assert f"{FULL}; training waits, press space to try again" in status(pilot)
            assert [line.text for line in run_screen(pilot).state.log][-2:] == [
                f"{FULL}; training waits, press space to try again",
                "paused",
            ]
            await pilot.press("space")
            assert source.commands == [Resume()] * tries
        source.deliver(Resumed(20))
        await until(pilot, lambda: status(pilot).startswith(" RUNNING "))


async def test_quitting_a_run_that_cannot_be_written_is_a_failure() -> None:
    source = playing(*training(1, 20), Warned(20, f"{FULL}; training waits"), Paused(20))
    app = session(source)
    lost = f"{FULL}; nothing after step 10 is recorded; the last checkpoint is at step 0"
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("q", "enter")
        assert source.commands == [Stop("quit")]
        source.deliver(Failed(20, lost))
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == Ending(1, lost)


def test_a_failure_after_the_screens_are_gone_is_reported_once(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Lost(ScriptedSource):
        log, unheard = None, f"{FULL}; nothing after step 10 is recorded"

        def __init__(self, job: Job) -> None:
            super().__init__()

    monkeypatch.setattr("grok_tui.sources.launcher.WorkerSource", Lost)
    for ending in (Ending(0), Ending(1, Lost.unheard)):
        monkeypatch.setattr(SessionApp, "run", lambda app, ending=ending: ending)
        session = Launcher(lambda _: Job(CONFIG), save=False)
        app = make_app(session, session.open(Job(CONFIG)), None)
        assert run_session(session, app) == 1
        assert capfd.readouterr().err == f"grok-tui: error: {Lost.unheard}\n"


async def test_an_interrupt_asks_first() -> None:
    source = playing(*training(1, 30))
    async with session(source).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        signal.raise_signal(signal.SIGINT)
        await until(pilot, lambda: "End this run?" in shown(pilot))
        signal.raise_signal(signal.SIGINT)
        await until(pilot, lambda: Stop("quit") in source.commands)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_saves_first(number: signal.Signals) -> None:
    source = playing(*training(1, 20))
    app = session(source)
    async with app.run_test() as pilot:
        await settled(pilot)
        signal.raise_signal(number)
        await until(pilot, lambda: source.commands)
        assert source.commands == [Stop("quit")]
        source.deliver(STOPPED)
        await until(pilot, lambda: app.return_value is not None)
    assert app.return_value == Ending(128 + number)


async def test_events_after_the_end_of_the_session_are_ignored() -> None:
    source = playing()
    app = session(source)
    async with app.run_test() as pilot:
        await settled(pilot)
        screen = run_screen(pilot)
    state = screen.state
    await asyncio.to_thread(source.deliver, Warned(3, "too late"))
    assert screen.state is state
    assert "too late" not in state.message


def test_an_exception_in_the_screen_leaves_no_traceback_on_the_terminal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(screen: RunView) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(RunView, "on_mount", broken)
    monkeypatch.setattr(SessionApp, "run", functools.partialmethod(App.run, headless=True))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    session = Launcher(lambda _: Job(CONFIG), save=False)
    assert run_session(session, make_app(session, session.open(Job(CONFIG)), None)) == 1
    output = capfd.readouterr()
    (log,) = tmp_path.iterdir()
    assert f"the screen broke; please report it with {log}" in output.err
    assert "planted" not in output.err + output.out
    assert "planted" in log.read_text()

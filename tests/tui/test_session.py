"""The session's screens with scripted events: keys, texts and sizes."""

from __future__ import annotations

import itertools
import threading

import pytest
from scripted import (
    SIZES,
    STARTED,
    STOPPED,
    ScriptedSource,
    grokking,
    losses,
    playing,
    rows,
    run_screen,
    session,
    settled,
    shown,
    status,
    training,
    until,
)

from grok_tui.protocol.commands import Pause, Resume, SetField, Step
from grok_tui.protocol.events import (
    CommandRejected,
    Compiling,
    ConfigApplied,
    Event,
    Failed,
    Paused,
    Resumed,
    Warned,
)
from grok_tui.tui.panes.charts import Charts
from grok_tui.tui.widgets import chart
from grok_tui.tui.widgets.chart import Chart
from grok_tui.tui.widgets.footer import KeysFooter, footer_line
from grok_tui.tui.widgets.status import StatusLine

# The original, which a fixture replaces by a shorter pause.
PAUSE_AFTER = chart.pause_after

# --- keys -----------------------------------------------------------------------------


# What has happened, which key is pressed then, and the command that follows.
COMMANDS: list[tuple[list[Event], str, object]] = [
    ([], "space", Pause()),
    ([Paused(0)], "space", Resume()),
    ([], "s", Step(1)),
    ([], "S", Step(100)),
    ([Resumed(0)], "space", Pause()),
    ([], "[", SetField("weight_decay", 0.8)),
    ([ConfigApplied(0, "weight_decay", 1.0, 0.8)], "]", SetField("weight_decay", 1.0)),
    ([], "{", SetField("lr", 0.0008)),
    ([ConfigApplied(0, "lr", 1e-3, 0.0008)], "}", SetField("lr", 1e-3)),
]


async def test_a_key_sends_its_command() -> None:
    source = playing()
    async with session(source).run_test() as pilot:
        for events, key, command in COMMANDS:
            for event in events:
                source.deliver(event)
            await settled(pilot)
            await pilot.press(key)
            assert source.commands == [command]
            source.commands.clear()


async def test_presses_before_the_trainer_answers_add_up() -> None:
    source = playing()
    async with session(source).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("]", "]", "]")
        values = [command.value for command in source.commands]
        assert values == [1.2, 1.5, 2.0]
        assert "weight_decay 1 → 2 pending" in status(pilot)
        for old, new in itertools.pairwise([1.0, *values]):
            assert "pending" in status(pilot)
            source.deliver(ConfigApplied(5, "weight_decay", old, new))
            await pilot.pause()
        assert "weight_decay 2 " in status(pilot)
        assert "pending" not in status(pilot)


async def test_an_edit_that_the_trainer_rejects_is_no_longer_pending() -> None:
    source = playing()
    async with session(source).run_test() as pilot:
        await pilot.press("}")
        source.deliver(CommandRejected(3, "set", "lr: too much", "lr"))
        await until(pilot, lambda: "set: lr: too much" in status(pilot))
        assert "lr 0.001 " in status(pilot)


async def test_an_edit_out_of_bounds_is_explained_and_not_sent() -> None:
    source = playing(ConfigApplied(1, "weight_decay", 1.0, 1000.0))
    async with session(source).run_test() as pilot:
        await settled(pilot)
        await pilot.press("]")
        assert "weight_decay must be from 0 to 1000 (got 1200.0)" in status(pilot)
        assert source.commands == []
        assert "pending" not in status(pilot)


async def test_weight_decay_can_be_raised_from_zero() -> None:
    source = playing(ConfigApplied(1, "weight_decay", 1.0, 0.0))
    async with session(source).run_test() as pilot:
        await settled(pilot)
        await pilot.press("]")
        assert source.commands == [SetField("weight_decay", 0.1)]


async def test_after_the_end_keys_say_why_they_do_nothing() -> None:
    source = playing(*training(1, 20), STOPPED)
    async with session(source).run_test() as pilot:
        await settled(pilot)
        for key in ("space", "s", "S", "[", "}"):
            source.deliver(Warned(20, "something else"))
            await until(pilot, lambda: "something else" in status(pilot))
            await pilot.press(key)
            assert "the run has stopped; q leaves" in status(pilot)
        assert source.commands == []
        assert "pending" not in status(pilot)


# --- words ----------------------------------------------------------------------------


async def test_compiling_is_shown_with_its_stage() -> None:
    source = ScriptedSource()
    async with session(source).run_test() as pilot:
        await pilot.pause()
        assert status(pilot).startswith(" COMPILING ")
        source.deliver(Compiling("compiling the evaluation", 2, 4))
        await until(pilot, lambda: "compiling the evaluation (3 of 4) ..." in status(pilot))
        assert "waiting for the first step" in shown(pilot)
        source.deliver(STARTED)
        await until(pilot, lambda: status(pilot).startswith(" RUNNING "))
        assert "compiling" not in status(pilot)


@pytest.mark.parametrize(
    ("event", "word", "message"),
    [
        (Paused(30), "PAUSED", ""),
        (STOPPED, "STOPPED", "stopped: completed"),
        (Failed(30, "the trainer was killed by SIGKILL"), "FAILED", "killed by SIGKILL"),
    ],
)
async def test_the_state_is_shown_as_a_word(event: Event, word: str, message: str) -> None:
    source = playing(*training(1, 30), event)
    async with session(source).run_test() as pilot:
        await settled(pilot)
        assert status(pilot).startswith(f" {word} ")
        assert message in status(pilot)


async def test_the_numbers_come_from_the_newest_events() -> None:
    async with session(playing(*training(1, 100))).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        words = " ".join(status(pilot).split())
        assert (
            "step 100 / 2,000 train 0.889 test 5.8 weight_decay 1 lr 0.001 16.7 steps/s"
            " 114 s to step 2,000 CPU" in words
        )


async def test_charts_stay_after_the_end() -> None:
    source = playing(*grokking(), STOPPED)
    async with session(source).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        before = rows(pilot)[3:-1]
        assert sum(bool(set("▀▄▌▐▖▗▘▝▚▞") & set(row)) for row in before) > 5
        await pilot.press("space", "]")
        await pilot.resize_terminal(100, 30)
        await pilot.resize_terminal(120, 36)
        await settled(pilot)
        assert rows(pilot)[3:-1] == before


# --- sizes ----------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ending", [(), (Failed(1500, "word " * 20 + "end"),)], ids=str)
async def test_nothing_is_cut_off(size: tuple[int, int], ending: tuple[Event, ...]) -> None:
    source = ScriptedSource(*grokking(), *ending)
    async with session(source).run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press(*([] if ending else ["]", "}"]))
        await settled(pilot)
        line = run_screen(pilot).query_one(StatusLine)
        screen = rows(pilot)
        for row, expected in zip(screen, status(pilot).split("\n"), strict=False):
            assert row.strip() == expected.strip()
        assert line.size.height == len(status(pilot).split("\n"))
        assert "…" not in shown(pilot)
        footer = run_screen(pilot).query_one(KeysFooter)
        assert footer_line(footer.items, size[0]).cell_length == size[0]
        keys = " ".join(screen[-1].split())
        assert keys.startswith("e Edit tab Pane " if ending else "space Pause ")
        assert ("[ ] weight_decay { } lr " in keys) is not bool(ending)
        assert "? Help " in keys
        assert keys.endswith("q Quit")
        for chart in run_screen(pilot).query_one(Charts).query(Chart):
            assert chart.size.height >= 6
            assert any("train" in r and "test" in r and f" {chart.id} " in r for r in screen)


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (2, 60), (300, 3), (13, 13)])
async def test_no_size_breaks_the_screen(size: tuple[int, int]) -> None:
    async with session(ScriptedSource(*grokking())).run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("q")
        await pilot.resize_terminal(80, 24)
        await pilot.press("escape")
        await settled(pilot)
        assert status(pilot).startswith(" RUNNING ")


async def test_charts_are_side_by_side_in_a_low_terminal() -> None:
    async with session(ScriptedSource(*grokking())).run_test(size=(60, 16)) as pilot:
        await settled(pilot)
        loss, accuracy = run_screen(pilot).query_one(Charts).query(Chart)
        assert loss.region.y == accuracy.region.y
        assert loss.region.right == accuracy.region.x


async def test_the_terminal_is_resized_while_events_come() -> None:
    source = playing()
    events = training(1, 600)
    async with session(source).run_test(size=(80, 24)) as pilot:
        for size in [(120, 36), (60, 16), (20, 5), (1, 1), (160, 48), (80, 24)]:
            for event in itertools.islice(events, 20):
                source.deliver(event)
            await pilot.resize_terminal(*size)
        await settled(pilot)
        assert "step 600" in status(pilot)
        assert any("▄" in row for row in rows(pilot))


# --- redrawing ------------------------------------------------------------------------


async def test_a_burst_of_events_is_processed() -> None:
    source = playing()
    async with session(source).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        burst = [losses(step, step) for step in range(1, 10_001)]

        def deliver() -> None:
            for event in burst:
                source.deliver(event)

        thread = threading.Thread(target=deliver)
        thread.start()
        await pilot.press("]")
        await until(pilot, lambda: "step 10,000" in status(pilot), seconds=20)
        thread.join()
        assert source.commands == [SetField("weight_decay", 1.2)]
        assert run_screen(pilot).state.train_loss.length == 10_000


@pytest.mark.parametrize(("cost", "pause"), [(0.001, 0.25), (0.04, 3.2)])
def test_drawing_takes_a_small_share_of_the_time(cost: float, pause: float) -> None:
    assert PAUSE_AFTER(cost) == pytest.approx(pause)


async def test_charts_are_drawn_less_often_when_drawing_takes_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = itertools.count(100.0, 0.04)  # so that drawing seems to take 0.04 s
    source = playing(*training(1, 20))
    async with session(source).run_test() as pilot:
        await settled(pilot)
        loss = run_screen(pilot).query_one("#loss", Chart)
        waits: list[float] = []
        monkeypatch.setattr(chart, "monotonic", lambda: next(clock))
        monkeypatch.setattr(chart, "pause_after", PAUSE_AFTER)
        monkeypatch.setattr(loss, "set_timer", lambda wait, then: waits.append(wait))
        loss.render()
        loss.show(run_screen(pilot).state)
        assert waits == [pytest.approx(3.2 - 0.04)]

"""The Ask pane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mechanisms import TASK
from scripted import (
    CONFIG,
    STOPPED,
    ScriptedSource,
    metrics,
    playing,
    rows,
    session,
    settled,
    shown,
    status,
    training,
    until,
)
from textual.pilot import Pilot

from grok_tui.protocol.commands import Ask
from grok_tui.protocol.events import Answered, Evaluated
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs import checkpoints

NAMES = {" ": "space", ",": "comma", "-": "minus", ".": "full_stop"}
SIZES = [(120, 36), (80, 24), (60, 16)]


def answered(a: int, b: int, given: int, step: int = 30) -> Answered:
    """An answer with a probability of 60 % and two runners-up."""
    probabilities = np.full(113, 0.1 / 110)
    probabilities[[given, (given + 1) % 113, (given + 2) % 113]] = 0.6, 0.2, 0.1
    return Answered(step, a, b, probabilities)


async def opened(pilot: Pilot, question: str = "12 30") -> None:
    keys = [NAMES.get(character, character) for character in question]
    await settled(pilot)
    await pilot.press("0", "enter", *keys, "enter")
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("question", ["12 30", "12,30", "12, 30"])
async def test_two_numbers_ask_for_a_pair(size: tuple[int, int], question: str) -> None:
    source = playing(*training(1, 30))
    async with session(source).run_test(size=size) as pilot:
        await opened(pilot, question)
        assert source.commands == [Ask(12, 30)]
        source.deliver(answered(12, 30, 42))
        await until(pilot, lambda: "12 + 30 = 42 (mod 113)  right" in shown(pilot))
        text = shown(pilot)
        assert "step 30; this pair is" in text
        bars = [row for row in rows(pilot) if "%" in row and "█" in row][-3:]
        shares = [row.split("%")[0].split()[-1] for row in bars]
        assert shares == ["60.0", "20.0", "10.0"]
        assert bars[0].count("█") > 2 * bars[1].count("█") > bars[2].count("█")


async def test_a_wrong_answer_names_the_right_one() -> None:
    source = playing(*training(1, 30))
    async with session(source).run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        source.deliver(answered(12, 30, 41))
        await until(pilot, lambda: "12 + 30 = 41 (mod 113)  not 42" in shown(pilot))
        (right,) = (row for row in rows(pilot) if " right" in row and "%" in row)
        assert " 42 " in right


async def test_arrows_ask_for_a_neighbor() -> None:
    source = playing(*training(1, 30))
    async with session(source).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "0 112")
        assert source.commands.pop() == Ask(0, 112)
        for key, pair in (
            ("right", (0, 0)), ("left", (0, 112)), ("left", (0, 111)),
            ("up", (1, 111)), ("down", (0, 111)), ("down", (112, 111)),
        ):  # fmt: skip
            await pilot.press(key)
            assert source.commands.pop() == Ask(*pair)


async def test_what_is_not_a_pair_is_explained_until_the_next_try() -> None:
    two, range_ = "type two whole numbers", "a is 0 to 112"
    source = playing(*training(1, 30))
    async with session(source).run_test(size=(80, 24)) as pilot:
        for question, why in (
            ("12", two), ("a -", two), ("1 2 3", two), ("", two), ("1.5 2", two),
            ("5 700", range_), ("113 0", range_), ("-5 7", range_), ("5 -7", range_),
        ):  # fmt: skip
            await opened(pilot, question)
            assert why in shown(pilot)
            source.deliver(Evaluated(40, metrics(40), 0.1))
            await settled(pilot)
            assert why in shown(pilot)
            assert source.commands == []
            await pilot.press(*["backspace"] * len(question), "escape")
            await settled(pilot)
            assert why not in shown(pilot)


async def test_there_is_nothing_to_ask_before_the_start() -> None:
    source = ScriptedSource()
    async with session(source).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert "the task is not known yet" in shown(pilot)
        assert source.commands == []


async def test_while_typing_keys_are_text_until_escape() -> None:
    source = playing(*training(1, 30))
    async with session(source).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("0", "enter")
        await settled(pilot)
        assert "two numbers, such as 12 30" in shown(pilot)
        await pilot.press("1", "space", "q", "]")
        await settled(pilot)
        assert "1 q]" in shown(pilot)
        assert source.commands == []
        assert "End this run?" not in shown(pilot)
        await pilot.press("escape", "]")
        assert len(source.commands) == 1
        await pilot.press("1")
        await settled(pilot)
        assert "loss" in shown(pilot)


async def test_the_question_is_repeated_after_an_evaluation_while_on_screen() -> None:
    source = playing(*training(1, 30))
    async with session(source).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        source.deliver(Evaluated(40, metrics(40), 0.1))
        await until(pilot, lambda: source.commands == [Ask(12, 30)] * 2)
        await pilot.press("1")
        source.deliver(Evaluated(50, metrics(50), 0.1))
        await settled(pilot)
        assert source.commands == [Ask(12, 30)] * 2
        await pilot.press("0")
        await until(pilot, lambda: source.commands == [Ask(12, 30)] * 3)


async def test_an_ended_run_answers_from_its_checkpoint(tmp_path: Path) -> None:
    weights = {
        "W_E": np.zeros((114, 4)), "W_pos": np.ones((3, 4)), "W_U": np.zeros((4, 113)),
        **{f"blocks.0.{name}": np.zeros((4, 4)) for name in ("W_Q", "W_K", "W_V", "W_O")},
        "blocks.0.W_in": np.zeros((4, 8)), "blocks.0.W_out": np.zeros((8, 4)),
    }  # fmt: skip
    weights["W_U"][:, 42] = 1.0  # so the answer is always 42
    weights = {name: weight.astype(np.float32) for name, weight in weights.items()}
    config = CONFIG.changed(d_model=4, d_mlp=8).model_dump(mode="json")
    snapshot = Snapshot(
        30, weights, weights, weights, (0.5, 0.5), TASK.train_mask, config, {}, {}
    )
    (tmp_path / "checkpoints").mkdir()
    path = checkpoints.checkpoint_path(tmp_path / "checkpoints", 30)
    checkpoints.save(path, snapshot)
    source = playing(*training(1, 30), STOPPED)
    async with session(source, folder=tmp_path).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "12 + 30 = 42 (mod 113)  right" in shown(pilot))
        assert source.commands == []


async def test_an_ended_run_that_was_not_saved_says_so() -> None:
    source: ScriptedSource = playing(*training(1, 30), STOPPED)
    async with session(source).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: "nothing left to ask" in status(pilot))


async def test_one_answer_may_follow_another_within_a_step() -> None:
    source = playing(*training(1, 30))
    async with session(source).run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        for given in (41, 42):
            source.deliver(answered(12, 30, given))
            await until(pilot, lambda given=given: f"12 + 30 = {given} (mod" in shown(pilot))

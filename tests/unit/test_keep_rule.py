"""The rule for which checkpoints to keep, alone and in a run directory."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import CONFIG, ENVIRONMENT, analyzed, losses, snapshot

from grok_tui.config.keep_rule import parse, unneeded
from grok_tui.config.schema import build
from grok_tui.config.sources import load_file
from grok_tui.protocol.events import CheckpointSaved, PhaseChanged
from grok_tui.runs import analysis_files
from grok_tui.runs.checkpoints import checkpoints_in
from grok_tui.runs.writer import RunWriter

RHYTHM = 10
STEPS = range(0, 201, RHYTHM)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("all", [("all", 0)]),
        ("first", [("first", 0)]),
        ("first, last 3, every 10, phases",
         [("first", 0), ("last", 3), ("every", 10), ("phases", 0)]),
        (" last  7 ,every 2,every 3", [("last", 7), ("every", 2), ("every", 3)]),
    ],
)  # fmt: skip
def test_a_rule_has_parts(text: str, parts: list[tuple[str, int]]) -> None:
    assert parse(text) == parts


@pytest.mark.parametrize(
    "text",
    ["", ",", "first,", "last", "last 0", "last -1", "every 1.5", "every x", "first 3", "none",
     "last 3 phases", "All", "last 123456789", "first\nlast 3"],
)  # fmt: skip
def test_an_invalid_rule_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"must list all, first, last N, every M or phases"):
        parse(text)


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ("all", set(STEPS)),
        ("first", {0, 200}),
        ("last 1", {200}),
        ("last 3", {180, 190, 200}),
        ("last 999", set(STEPS)),
        ("every 5", {0, 50, 100, 150, 200}),
        ("every 7", {0, 70, 140, 200}),
        ("phases", {50, 60, 110, 120, 200}),
        ("first, every 8, phases", {0, 50, 60, 80, 110, 120, 160, 200}),
    ],
)
def test_what_each_part_keeps(rule: str, kept: set[int]) -> None:
    """The phase changed at step 57, between two checkpoints, and at one of them, 120."""
    gone = unneeded(parse(rule), STEPS, rhythm=RHYTHM, changes=[57, 120])
    assert set(STEPS) - gone == kept


def test_no_checkpoints_means_nothing_to_remove() -> None:
    assert unneeded(parse("last 1, phases"), [], rhythm=RHYTHM, changes=[5]) == set()


PARTS = st.sampled_from(["first", "last 1", "last 3", "every 2", "every 3", "phases"])


@settings(deadline=None)
@given(
    rule=st.lists(PARTS, min_size=1, max_size=3).map(", ".join),
    changes=st.sets(st.integers(1, 200), max_size=4),
    kills=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 9)), max_size=4),
)
def test_kills_do_not_change_which_checkpoints_are_left(
    rule: str, changes: set[int], kills: list[tuple[int, int]]
) -> None:
    """kills: for each, how many checkpoints later it comes, and after how many removals."""
    there: set[int] = set()
    step = 0

    def thin_out(step: int, at_most: int = 99) -> None:
        known = [change for change in changes if change <= step]
        gone = unneeded(parse(rule), there, rhythm=RHYTHM, changes=known)
        there.difference_update(sorted(gone)[:at_most])

    for count, removals in kills:
        for _ in range(count):
            if step <= STEPS[-1]:
                there.add(step)
                thin_out(step)
                step += RHYTHM
        if step <= STEPS[-1]:
            there.add(step)
            thin_out(step, removals)
            thin_out(step)  # as it is reopened
            step += RHYTHM
    for late in range(step, STEPS[-1] + 1, RHYTHM):
        there.add(late)
        thin_out(late)
    whole = unneeded(parse(rule), STEPS, rhythm=RHYTHM, changes=changes)
    assert there == set(STEPS) - whole


def kept(run: Path) -> list[int]:
    files = checkpoints_in(run / "checkpoints")
    return sorted(int(file.stem.removeprefix("step-")) for file in files)


def test_a_run_removes_checkpoints_but_no_analyses(tmp_path: Path) -> None:
    run = tmp_path / "run"
    rule = {"keep": "last 2, phases", "checkpoint_every": 2}
    writer = RunWriter.create(run, CONFIG, ENVIRONMENT)
    writer(PhaseChanged(0, "MEMORIZING", "why"))
    for step in range(0, 13, 2):
        if step:
            writer(losses(step - 1, 2.0, 1.0))
            writer(analyzed(step))
        if step == 4:
            writer(PhaseChanged(4, "CLEANUP", "why"))
        writer(CheckpointSaved(step, writer.save(snapshot(step, **rule))))
        if step == 8:  # continues in another sitting, which reports the phase again
            writer.close()
            writer = RunWriter.reopen(run, snapshot(8, **rule))
            writer(PhaseChanged(8, "CLEANUP", "why"))
    writer.close()
    assert kept(run) == [2, 4, 10, 12]
    assert len(analysis_files.analyses_in(run)) == 6


def test_reopening_removes_checkpoints_left_by_a_kill(tmp_path: Path) -> None:
    run = tmp_path / "run"
    writer = RunWriter.create(run, CONFIG, ENVIRONMENT)
    for step in (0, 1, 2):
        writer.save(snapshot(step))
    writer.close()
    RunWriter.reopen(run, snapshot(2, keep="last 1")).close()
    assert kept(run) == [2]


def test_a_run_from_before_the_rule_keeps_all(tmp_path: Path) -> None:
    fields = CONFIG.model_dump(mode="json")
    del fields["keep"]
    lines = [f"{k} = {v!r}" for k, v in fields.items()]
    (tmp_path / "config.toml").write_text("\n".join(lines))
    assert build(load_file(tmp_path / "config.toml")) == CONFIG
    assert CONFIG.keep == "all"

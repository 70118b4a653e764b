"""The histories of runs, against handmade metrics."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from written_runs import (
    COMPLETED,
    CONFIG,
    DIVERGED,
    EDIT,
    RUN,
    STARTED,
    course,
    evaluated,
    losses,
    written,
)

from grok_tui.protocol.events import ConfigApplied, Event, Failed, Started, Stopped
from grok_tui.runs.folders import RunError
from grok_tui.runs.history import read_history
from grok_tui.runs.writer import RunWriter
from grok_tui.text import UserError
from grok_tui.view.comparison import differences, short_names


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return written(tmp_path / "run", *RUN)


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


# --- one run ------------------------------------------------------------------------------


def test_the_history_of_a_complete_run(run: Path) -> None:
    outcome = read_history(run)
    assert (outcome.steps, outcome.end, outcome.parent) == (100, "completed", None)
    milestones = outcome.milestones
    assert (milestones.memorized_step, milestones.grok_step) == (20, 70)
    assert milestones.phase == "GROKKED"
    assert outcome.key_frequencies == (2, 5)
    assert outcome.edits == (EDIT,)
    assert outcome.config == CONFIG.model_dump(mode="json")
    newest = lines(run)[-1]
    assert outcome.final == {name: newest[name] for name in outcome.final}
    assert set(outcome.final) >= {"train_loss", "test_loss", "train_acc", "test_acc"}


def test_the_curves_match_the_lines(run: Path) -> None:
    outcome = read_history(run)
    curves = {name: outcome.curve(name) for name in ("test_loss", "test_acc")}
    for name, curve in {"train_loss": outcome.train_loss, **curves}.items():
        assert curve.steps.tolist() == [line["step"] for line in lines(run) if name in line]
        expected = [line[name] for line in lines(run) if name in line]
        np.testing.assert_allclose(curve.values, expected, rtol=1e-7)


@pytest.mark.parametrize(
    ("accuracies", "memorized_step", "grok_step"),
    [
        ([(0.5, 0.1)] * 5, None, None),
        ([(0.99, 0.1), (0.98, 0.99), (1, 0.99)], 10, None),
        ([(0.98, 0.1), (1, 1), (1, 0.98), (1, 0.99), (1, 0.99), (1, 0.99)], 20, 40),
    ],
)
def test_milestones_come_from_the_metrics_not_from_the_summary(
    tmp_path: Path,
    accuracies: list[tuple[float, float]],
    memorized_step: int | None,
    grok_step: int | None,
) -> None:
    run = written(tmp_path / "run", STARTED, *course(accuracies), COMPLETED)
    (run / "summary.json").write_text('{"grok_step": 1, "memorized_step": 1}')
    found = read_history(run).milestones
    assert (found.memorized_step, found.grok_step) == (memorized_step, grok_step)


@pytest.mark.parametrize(
    ("events", "end"),
    [
        ([COMPLETED], "completed"),
        ([Stopped(10, "SIGTERM")], "SIGTERM"),
        ([DIVERGED], "diverged"),
        ([Failed(10, "cannot write the run: No space left on device")], "failed"),
        ([], "cut off"),
        ([COMPLETED, Started(10, {}, "CPU", 50, 119, 1.5)], "cut off"),
    ],
)
def test_how_a_run_ended(tmp_path: Path, events: list[Event], end: str) -> None:
    assert read_history(written(tmp_path / "run", STARTED, losses(1, 10), *events)).end == end


def test_a_run_that_is_being_written(tmp_path: Path) -> None:
    writer = RunWriter.create(tmp_path / "run", CONFIG, {})
    for event in (STARTED, losses(1, 10), evaluated(10, 1, 0.5)):
        writer(event)
    found = read_history(tmp_path / "run")
    assert (found.steps, found.end) == (9, "running")  # the writer still holds the newest line
    assert found.milestones.memorized_step is None
    writer.close()
    assert read_history(tmp_path / "run").end == "cut off"


def test_a_run_without_a_step(tmp_path: Path) -> None:
    found = read_history(written(tmp_path / "run"))
    assert (found.steps, found.end, found.key_frequencies) == (0, "cut off", None)
    assert set(found.final.values()) == {None}
    assert [len(values) for values in (found.train_loss, found.curve("test_loss"))] == [0, 0]


def test_a_run_without_an_evaluation(tmp_path: Path) -> None:
    found = read_history(
        written(tmp_path / "run", STARTED, losses(1, 7, 0.1), losses(8, 8, 0.25), COMPLETED)
    )
    assert found.steps == 8
    assert found.final["train_loss"] == 0.25
    assert found.final["test_loss"] is None
    assert found.train_loss.steps.tolist() == list(range(1, 9))


def test_a_torn_last_line_is_left_out(run: Path) -> None:
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 101, "train_l')
    assert read_history(run).steps == 100


def test_an_edit_that_changed_nothing_is_not_listed(tmp_path: Path) -> None:
    same = ConfigApplied(10, "lr", 1e-3, 1e-3)
    back = ConfigApplied(10, "weight_decay", 3.0, 1.0, undo=True)
    found = read_history(written(tmp_path / "run", STARTED, losses(1, 10), same, EDIT, back))
    assert found.edits == (same, EDIT, back)
    assert found.effective_edits == [EDIT, back]


def test_a_branch_names_its_parent(run: Path) -> None:
    parent = {"run": "runs/first", "step": 50}
    with (run / "config.toml").open("ab") as file:
        file.write(tomli_w.dumps({"parent": parent}).encode())
    assert read_history(run).parent == parent


# --- damage -------------------------------------------------------------------------------


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(run: Path) -> None:
        text = (run / name).read_text()
        assert old in text
        (run / name).write_text(text.replace(old, new))

    return change


def without(name: str) -> Callable[[Path], None]:
    return lambda run: (run / name).unlink()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (without("config.toml"), "is not a run directory"),
        (without("metrics.jsonl"), "metrics.jsonl: No such file"),
        (without("events.jsonl"), "events.jsonl: No such file"),
        (replaced("config.toml", "modulus = 13", "modulus = 12"), "modulus must be odd"),
        (replaced("config.toml", "modulus = 13", "modulus ="), "is not valid TOML"),
        (replaced("config.toml", "[environment]", "parent = 3\n[environment]"), "is damaged"),
        (
            replaced("metrics.jsonl", '"step": 7,', '"step": 8,'),
            "step 8 found where step 7 should",
        ),
        (replaced("metrics.jsonl", '{"step": 7,', "{"), "is damaged in line 7"),
        (replaced("metrics.jsonl", '"test_acc": 0.1', '"test_acc": null'), "is damaged"),
        (replaced("events.jsonl", '"reason"', '"why"'), "is damaged"),
    ],
)
def test_an_error_for_damage_names_the_folder(
    run: Path, damage: Callable[[Path], None], says: str
) -> None:
    damage(run)
    with pytest.raises((UserError, OSError)) as caught:
        read_history(run)
    error = caught.value
    # The command joins these two.
    text = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else str(error)
    assert says in text
    assert str(run) in text
    assert text.splitlines() == [text]


# --- several runs -------------------------------------------------------------------------


def test_only_the_fields_that_differ() -> None:
    others = [CONFIG.changed(seed=1), CONFIG.changed(device="CUDA"), CONFIG]
    configs = [config.model_dump(mode="json") for config in others]
    assert differences(configs) == {
        "seed": [1, 0, 0], "device": ["CPU", "CUDA", "CPU"]
    }  # fmt: skip
    assert list(differences(configs)) == ["seed", "device"]
    assert differences(configs[2:] * 2) == {}


def test_names_are_as_short_as_possible(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [Path(name) for name in ("one/a", "two/x/a", "two/y/a", "b", "two/c/")]
    assert short_names(folders) == ["one/a", "x/a", "y/a", "b", "c"]
    assert short_names([Path("/a"), Path("/x/a")]) == ["/a", "x/a"]
    assert short_names([Path(), Path("a")]) == [tmp_path.name, "a"]


def test_a_run_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "run")
    for other in (tmp_path / "run", tmp_path / "x" / ".." / "run", tmp_path / "link"):
        with pytest.raises(RunError, match=r"run is named twice"):
            short_names([tmp_path / "run", other])

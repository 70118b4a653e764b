"""The outcomes of points in a sweep's directory, and the map made of them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from summaries import summary

from grok_tui.runs.folders import RunError
from grok_tui.runs.writer import lock
from grok_tui.sweep.folder import (
    Outcome,
    SweepFolder,
    discard,
    locked,
    outcome_of,
    read_results,
)
from grok_tui.sweep.phase_map import cell, phase_map
from grok_tui.sweep.spec import Point, spec_from
from grok_tui.text import UserError

CONTENT = {
    "base": {"modulus": 13},
    "axes": {"weight_decay": [1, 3], "train_fraction": [0.3, 0.5]},
    "seeds": 3,
}
SPEC = spec_from(CONTENT)


def written(run: Path, **known: Any) -> Path:
    """A run directory with a summary, if any values are given."""
    run.mkdir(parents=True)
    (run / "config.toml").touch()
    (run / "metrics.jsonl").touch()
    line = {"event": "failed", "step": 900, "reason": "diverged: inf"}
    (run / "events.jsonl").write_text(json.dumps(line) + "\n")
    if known:
        content = summary(**{"steps": 900, "memorized_step": 100, **known}).to_dict()
        (run / "summary.json").write_text(json.dumps(content))
    return run


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, Outcome("cut off")),
        ({"exit": "completed"}, Outcome("done", 900, 100, None, 2.5, 0.25)),
        ({"exit": "grokked", "grok_step": 800}, Outcome("done", 900, 100, 800, 2.5, 0.25)),
        ({"exit": "SIGTERM"}, Outcome("cut off", 900, 100, None, 2.5, 0.25)),
        (
            {"exit": "diverged", "final": None},
            Outcome("failed", 900, 100, error="diverged: inf"),
        ),
    ],
)
def test_a_run_directory_gives_the_outcome_of_its_point(
    known: dict[str, Any], expected: Outcome, tmp_path: Path
) -> None:
    assert outcome_of(written(tmp_path / "run", **known)) == expected
    assert outcome_of(tmp_path / "no run") == Outcome("waiting")


def test_both_files_agree_and_the_directory_can_be_continued(tmp_path: Path) -> None:
    folder = SweepFolder.open(tmp_path / "sweep", SPEC)
    first = folder.points[0]
    written(folder.run_of(first), exit="grokked", grok_step=800)
    folder.broken[folder.points[1].name] = "no device"
    folder.save(folder.outcomes())

    again = SweepFolder.open(folder.path, spec_from({**CONTENT, "seeds": 4}))
    states = [outcome.state for _, outcome in again.outcomes()]
    assert states == ["done", "failed", *["waiting"] * 14]
    rows = list(read_results(folder.path))
    assert rows[0]["values"] == {"weight_decay": 1.0, "train_fraction": 0.3}
    assert [row["error"] for row in rows if row["state"] == "failed"] == ["no device"]
    table = list(csv.DictReader(io.StringIO((folder.path / "index.csv").read_text())))
    assert [row["run"] for row in table] == [row["run"] for row in rows]
    assert (table[0]["weight_decay"], table[0]["grok_step"]) == ("1.0", "800")


def test_another_sweep_or_anything_else_is_left_alone(tmp_path: Path) -> None:
    folder = SweepFolder.open(tmp_path / "sweep", SPEC)
    folder.save(folder.outcomes())
    with pytest.raises(UserError, match="a different base config"):
        SweepFolder.open(folder.path, spec_from({**CONTENT, "steps": 5}))
    with pytest.raises(UserError, match="different axes"):
        SweepFolder.open(folder.path, spec_from({**CONTENT, "axes": {"lr": [0.1]}}))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").touch()
    with pytest.raises(UserError, match="not a sweep"):
        SweepFolder.open(tmp_path / "full", SPEC)
    (folder.path / "sweep.json").write_text("{")
    with pytest.raises(UserError, match="is damaged"):
        SweepFolder.open(folder.path, SPEC)


@pytest.mark.parametrize(
    "fewer", [{"axes": {**CONTENT["axes"], "weight_decay": [3]}}, {"seeds": 1}]
)
def test_a_spec_that_leaves_out_finished_points_is_refused(
    fewer: dict[str, Any], tmp_path: Path
) -> None:
    folder = SweepFolder.open(tmp_path / "sweep", spec_from({**CONTENT, "seeds": 2}))
    done = [
        (
            point,
            Outcome("done" if point.values["weight_decay"] == 1 and point.seed else "waiting"),
        )
        for point in folder.points
    ]
    folder.save(done)
    before = (folder.path / "index.csv").read_bytes()
    with pytest.raises(UserError, match="leaves out weight_decay-1_train_fraction-0"):
        SweepFolder.open(folder.path, spec_from({**CONTENT, "seeds": 2, **fewer}))
    assert (folder.path / "index.csv").read_bytes() == before


def test_a_run_in_use_is_not_discarded(tmp_path: Path) -> None:
    run = written(tmp_path / "run")
    with lock(run), pytest.raises(RunError, match="another process"):
        discard(run)
    discard(run)
    assert not run.exists()
    discard(run)


def test_a_sweep_is_trained_by_one_process_at_a_time(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UserError, match="another process is training"):
        locked(tmp_path).__enter__()
    with locked(tmp_path):
        pass


def outcomes(steps: dict[tuple[float, float], list[int | None]]) -> list[tuple[Point, Outcome]]:
    """Outcomes of points with these steps to grok, by values; -1: failed, -2: waiting."""
    found = []
    for point in SPEC.points():
        step = steps[point.values["weight_decay"], point.values["train_fraction"]][point.seed]
        state = {-1: "failed", -2: "waiting"}.get(step or 0, "done")
        found.append((point, Outcome(state, grok_step=step if state == "done" else None)))  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([900, 1200, 1000], "1,000"),
        ([900, None, 1000], "1,000 (2 of 3)"),
        ([900, None, None], "never (1 of 3)"),
        ([None, None, None], "never"),
        ([900, -2, 1000], "..."),
        ([-1, -1, -1], "failed"),
        ([900, 1000, -1], "1,000 (2 of 3)"),
    ],
)
def test_a_cell_is_the_median_over_the_seeds(steps: list[int | None], text: str) -> None:
    whole = outcomes({(wd, f): steps for wd in (1, 3) for f in (0.3, 0.5)})
    assert cell([outcome for _, outcome in whole[::4]]).text() == text


def test_the_map_has_the_first_axis_downwards() -> None:
    never, soon, late = [None] * 3, [300] * 3, [700] * 3
    whole = outcomes({(1, 0.3): never, (1, 0.5): late, (3, 0.3): late, (3, 0.5): soon})
    assert phase_map(SPEC, whole).splitlines() == [
        "weight_decay \\ train_fraction  0.3    0.5",
        "1                              never  700",
        "3                              700    300",
    ]

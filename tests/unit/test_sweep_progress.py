"""The progress of a sweep, read from its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from summaries import summary

from grok_tui.runs.latest import Reached
from grok_tui.sweep.folder import SweepFolder
from grok_tui.sweep.progress import SweepProgress
from grok_tui.sweep.spec import spec_from


def test_progress_reports_each_ended_point_once_and_the_time_left(
    tmp_path: Path,
) -> None:
    now = 100.0
    folder = SweepFolder.open(
        tmp_path / "sweep", spec_from({"base": {"steps": 1000}, "seeds": 2})
    )
    watch = SweepProgress.begin(folder, retry=False, clock=lambda: now)
    assert [point.name for point in watch.missing] == ["seed-0", "seed-1"]
    assert watch.look() == []
    assert watch.seconds_left() is None
    runs = [folder.run_of(point) for point in folder.points]
    begin(runs[0], 250)
    now += 10
    assert watch.look() == []
    assert watch.running == {"seed-0": Reached(250, 0.5)}
    assert watch.seconds_left() == pytest.approx(10 * (750 + 1000) / 250)
    end(runs[0], steps=400)
    begin(runs[1], 100)
    assert [point.name for point in watch.look()] == ["seed-0"]
    assert watch.look() == []
    assert (watch.ended, list(watch.running)) == (1, ["seed-1"])
    assert watch.seconds_left() == pytest.approx(10 * 900 / 500)
    assert watch.outcomes["seed-0"].grok_step == 400
    again = SweepProgress(SweepFolder.open(folder.path, folder.spec))
    assert [point.name for point in again.missing] == ["seed-1"]


def begin(run: Path, step: int) -> None:
    run.mkdir(parents=True)
    (run / "config.toml").touch()
    line = f'{{"step": {step}, "train_loss": 1.0, "test_acc": 0.5}}\n'
    (run / "metrics.jsonl").write_text(line)


def end(run: Path, **known: Any) -> None:
    content = summary(memorized_step=100, grok_step=known["steps"], exit="grokked", **known)
    (run / "summary.json").write_text(json.dumps(content.to_dict()))

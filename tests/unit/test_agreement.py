"""Files of a run directory that do not belong together are noticed by whoever reads them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from made_run import CONFIG, EDITED, made_run, snapshot

from grok_tui.config.schema import Config, ConfigError
from grok_tui.config.sources import load_file
from grok_tui.protocol.events import CheckpointSaved, ConfigApplied
from grok_tui.runs import checkpoints
from grok_tui.runs.agreement import check_config
from grok_tui.runs.branch import branch
from grok_tui.runs.checkpoints import checkpoint_path
from grok_tui.runs.exporting.weights import write_weights
from grok_tui.runs.history import read_history
from grok_tui.runs.resume import resumable, where_to_resume
from grok_tui.runs.writer import RunWriter
from grok_tui.sources.recording import Recording
from grok_tui.text import UserError


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_run(tmp_path_factory.mktemp("agreement") / "run")


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "run"))


def change_config(run: Path, **fields: object) -> None:
    config = {**load_file(run / "config.toml"), **fields}
    (run / "config.toml").write_text(tomli_w.dumps(config))


def change_events(run: Path, pattern: str, by: str) -> None:
    file = run / "events.jsonl"
    changed, count = re.subn(pattern, by, file.read_text())
    assert count
    file.write_text(changed)


def foreign(run: Path, step: int, config: Config) -> None:
    checkpoints.save(checkpoint_path(run / "checkpoints", step), snapshot(step, config))


READERS: dict[str, Callable[[Path], object]] = {
    "resume": resumable,
    "branch": lambda run: branch(
        checkpoint_path(run / "checkpoints", 20), run.with_name("child")
    ),
    "compare, doctor": read_history,
    "replay, svg": Recording.open,
    "weights": lambda run: write_weights(
        run, "safetensors", None, run.with_name("w.safetensors")
    ),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda run: change_config(run, weight_decay=3.0),
            "weight_decay 1, but .* 3; put back",
        ),
        (lambda run: change_config(run, seed=5), "is of another run: seed 0, but .* seed 5"),
        (
            lambda run: change_events(run, '"new": 0.5', '"new": 0.25'),
            "has lr 0.5, but .* has lr 0.25",
        ),
        (lambda run: change_events(run, '.*"new": 0.5.*\n', ""), "has lr 0.5, but .* lr 0.001"),
    ],
)
def test_a_change_by_hand_is_refused(
    reader: str, change: Callable[[Path], None], says: str, run: Path
) -> None:
    READERS[reader](run)
    shutil.rmtree(run.with_name("child"), ignore_errors=True)
    change(run)
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file()}
    with pytest.raises(UserError, match=says):
        READERS[reader](run)
    assert {p: p.read_bytes() for p in run.rglob("*") if p.is_file()} == before


def test_a_checkpoint_of_another_run_is_skipped(run: Path) -> None:
    foreign(run, 20, EDITED.changed(data_seed=3))
    found, (first, *_) = resumable(run)
    assert found.step == 10
    assert "step-00000020.safetensors skipped" in first
    assert "of another run: data_seed 3, but config.toml has data_seed 0" in first


def _fields() -> st.SearchStrategy[dict[str, object]]:
    values: dict[str, st.SearchStrategy[object]] = {
        "lr": st.sampled_from([1e-3, 0.5, 2.0]),
        "weight_decay": st.sampled_from([0.0, 1.0, 3.0]),
        "decay": st.sampled_from(["decoupled", "coupled"]),
        "steps": st.sampled_from([20, 30]),
    }
    return st.sampled_from(list(values)).flatmap(
        lambda name: st.tuples(st.just(name), values[name]).map(lambda pair: dict([pair]))
    )


@settings(max_examples=30, deadline=None)
@given(
    edits=st.lists(st.tuples(st.integers(0, 3), _fields(), st.booleans()), max_size=6),
)
def test_a_run_agrees_with_itself_whatever_was_edited(
    edits: list[tuple[int, dict[str, object], bool]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Checkpoints come before, between and after the edits of their step."""
    run = tmp_path_factory.mktemp("agreement") / "run"
    write = RunWriter.create(run, CONFIG, {"device": "CPU", "version": "0"})
    config, saved = CONFIG, {0: CONFIG}
    for step, fields, is_saved in sorted(edits, key=lambda edit: edit[0]):
        for name, new in fields.items():
            write(ConfigApplied(step, name, getattr(config, name), new))
        config = config.changed(**fields)
        if is_saved:
            saved[step] = config
            write(CheckpointSaved(step, f"checkpoints/step-{step:08}.safetensors"))
    write.close()
    for step, saved_config in saved.items():
        check_config(run, step, saved_config.model_dump(mode="json"))
    wrong = config.changed(lr=9.0).model_dump(mode="json")
    path = "checkpoints/step-00000003.safetensors"
    with (run / "events.jsonl").open("a") as file:
        event = {"step": 3, "time": 1.0, "event": "checkpoint saved", "path": path}
        file.write(json.dumps(event) + "\n")
    with pytest.raises(UserError, match="lr 9"):
        check_config(run, 3, wrong)


def test_lost_edits_are_noted_again_when_a_damaged_run_continues(run: Path) -> None:
    lines = (run / "events.jsonl").read_bytes().splitlines(keepends=True)
    (run / "events.jsonl").write_bytes(b"".join([*lines[:2], b"\xff\n", *lines[3:]]))
    found, _ = resumable(run)
    RunWriter.reopen(run, found).close()
    assert resumable(run)[1] == []
    assert [(e.field, e.new) for e in read_history(run).edits] == [("lr", 0.5)]


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    RunWriter.create(run, CONFIG, {"device": "CPU"}).close()
    assert where_to_resume(run) == (CONFIG, None, [])
    again = RunWriter.create(run, CONFIG.changed(lr=0.1), {"device": "CPU"})
    assert load_file(run / "config.toml")["lr"] == 0.1
    with pytest.raises(UserError, match="another process is writing"):
        RunWriter.create(run, CONFIG, {})
    again.save(snapshot(0))
    again.close()
    with pytest.raises(UserError, match="is not empty"):
        RunWriter.create(run, CONFIG, {})


@pytest.mark.parametrize("left", ["", "checkpoints/", ".config.toml.partial", "events.jsonl"])
def test_what_a_kill_leaves_before_the_config_is_no_run(left: str, tmp_path: Path) -> None:
    path = tmp_path / "run" / left
    if left.endswith("/") or not left:
        path.mkdir(parents=True)
    else:
        path.parent.mkdir()
        path.write_text("half" if left.startswith(".") else "")
    RunWriter.create(tmp_path / "run", CONFIG, {"device": "CPU"}).close()
    assert where_to_resume(tmp_path / "run")[0] == CONFIG


def test_lines_without_any_checkpoint_do_not_begin_again(run: Path) -> None:
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UserError, match="there is no checkpoint"):
        where_to_resume(run)
    (run / "metrics.jsonl").unlink()
    (run / "config.toml").write_text("lr = ")
    with pytest.raises(ConfigError):
        where_to_resume(run)

"""The run directories made by `grok-tui --record` and `--resume`."""

from __future__ import annotations

import shutil
import signal
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from command_line import (
    SMALL,
    Result,
    Running,
    call,
    checkpoint_steps,
    contents,
    environment,
    line_count,
    records,
    summary,
)

from grok_tui import __version__
from grok_tui.config.schema import Config
from grok_tui.config.sources import load_file

STEPS = 300
CONFIG = (*SMALL, "--steps", str(STEPS), "--checkpoint-every", "50")
ANALYZED = {
    *("restricted_loss", "excluded_loss", "gini_W_E", "gini_W_L", "logit_fve"),
    *("key_frequencies", "sum_of_squares", "gradient_symmetricity", "distance_irrelevance"),
}
EVALUATED = {
    *("step", "train_loss", "test_loss", "train_acc", "test_acc"),
    *("weight_norm", "lr", "weight_decay"),
}
HEALTH = {"zero_loss_share", "largest_logit", "gradient_norm", "update_ratio", "spikes"}


@dataclass(frozen=True)
class Straight:
    """An uninterrupted run, a second call on the complete run, and an extension of a copy."""

    run_dir: Path
    result: Result
    before: dict[str, bytes]
    complete: Result
    extended_dir: Path
    extension: Result


def _straight(folder: Path) -> Straight:
    run_dir, extended = folder / "new" / "run", folder / "extended"
    result = call("--record", str(run_dir), *CONFIG)
    before = contents(run_dir)
    complete = call("--record", str(run_dir), "--resume", str(run_dir))
    shutil.copytree(run_dir, extended)
    more = ("--steps", "330", "--lr", "1e-3", "--beta1", "0.8", "--stop-when", "never")
    extension = call("--resume", str(extended), *more)
    return Straight(run_dir, result, before, complete, extended, extension)


@dataclass(frozen=True)
class Killed:
    """A run that was killed and then resumed."""

    run_dir: Path
    killed: Result
    resumed: Result
    from_step: int
    lines_left: int


def _killed(folder: Path) -> Killed:
    run_dir = folder / "killed"
    running = Running("--record", str(run_dir), *CONFIG)
    running.wait_for_lines(run_dir, 60)
    running.send(signal.SIGKILL)
    killed = running.end()
    from_step, lines = max(checkpoint_steps(run_dir)), line_count(run_dir)
    # As after a power cut: a torn line and half a checkpoint.
    with (run_dir / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 999, "tra')
    newest = run_dir / "checkpoints" / "step-00099999.safetensors"
    newest.write_bytes(b"torn")
    resumed = call("--resume", str(run_dir), "--record", str(run_dir))
    return Killed(run_dir, killed, resumed, from_step, lines)


@pytest.fixture(scope="module")
def futures(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Future[Straight], Future[Killed]]]:
    """Both runs at the same time, since most of each is compiling on one core."""
    folder = tmp_path_factory.mktemp("record")
    with ThreadPoolExecutor(2) as pool:
        yield pool.submit(_straight, folder), pool.submit(_killed, folder)


@pytest.fixture(scope="module")
def straight(futures: tuple[Future[Straight], Future[Killed]]) -> Straight:
    return futures[0].result()


@pytest.fixture(scope="module")
def killed(futures: tuple[Future[Straight], Future[Killed]]) -> Killed:
    return futures[1].result()


def test_a_run_exits_0_with_lines_on_standard_error_only(straight: Straight) -> None:
    result = straight.result
    assert result.code == 0
    assert result.out == ""
    lines = result.err.splitlines()
    assert "compiling the training step ..." in lines
    assert "training on CPU: 50 train pairs, 119 test pairs" in lines
    assert f"step {STEPS}: stopped: completed" in lines
    assert any(f"/ {STEPS:,}  train " in line and "steps/s" in line for line in lines)
    assert "\x1b" not in result.err
    assert "Traceback" not in result.err


def test_it_writes_the_files_of_the_contract(straight: Straight) -> None:
    assert {path.name for path in straight.run_dir.iterdir()} == {
        *("config.toml", "metrics.jsonl", "events.jsonl", "checkpoints", "summary.json"),
        "analysis",
    }
    assert checkpoint_steps(straight.run_dir) == list(range(0, STEPS + 1, 50))


def test_config_toml_is_the_resolved_config_and_the_environment(straight: Straight) -> None:
    path = straight.run_dir / "config.toml"
    content = tomllib.loads(path.read_text())
    found = content.pop("environment")
    assert content["lr"] == 3e-3
    assert content["modulus"] == 13
    assert content["device"] == "CPU"
    assert set(content) == set(Config.model_fields)
    assert set(found) == {"version", "tinygrad", "device", "matmul", "platform", "python"}
    assert found["version"] == __version__
    assert found["device"] == "CPU"
    assert Config(**load_file(path)) == Config(**content)


def test_metrics_has_every_step_and_the_evaluations(straight: Straight) -> None:
    lines = records(straight.run_dir / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, STEPS + 1))
    for line in lines:
        evaluated, analyzed = line["step"] % 10 == 0, line["step"] % 100 == 0
        expected = EVALUATED | HEALTH if evaluated else {"step", "train_loss"}
        assert set(line) == (expected | ANALYZED if analyzed else expected)
    assert {path.name for path in (straight.run_dir / "analysis").iterdir()} == {
        f"step-{step:08}.npz" for step in range(100, STEPS + 1, 100)
    }
    assert lines[0]["train_loss"] > 2 > lines[-1]["train_loss"]
    assert lines[9]["lr"] == pytest.approx(3e-3)
    assert lines[9]["weight_decay"] == 1.0


def test_events_record_the_run(straight: Straight) -> None:
    lines = records(straight.run_dir / "events.jsonl")
    names = [line["event"] for line in lines]
    assert names[0] == "started"
    assert names[-1] == "stopped"
    assert names.count("checkpoint saved") == len(checkpoint_steps(straight.run_dir))
    assert all(a["time"] <= b["time"] for a, b in pairwise(lines))
    assert all(a["step"] <= b["step"] for a, b in pairwise(lines))
    assert abs(lines[-1]["time"] - time.time()) < 3600
    for line in lines:
        if line["event"] == "checkpoint saved":
            assert (straight.run_dir / line["path"]).is_file()


def test_summary_has_its_keys(straight: Straight) -> None:
    found = summary(straight.run_dir)
    assert set(found) == {
        *("steps", "grokked", "grok_step", "memorized_step", "final", "steps_per_second"),
        *(
            "eval_seconds",
            "analysis_seconds",
            "compile_seconds",
            "wall_seconds",
            "device",
            "exit",
        ),
    }
    assert found["steps"] == STEPS
    assert found["exit"] == "completed"
    assert found["device"] == "CPU"
    assert (found["grokked"], found["grok_step"]) == (False, None)
    lines = records(straight.run_dir / "metrics.jsonl")
    known = [line["step"] for line in lines if line.get("train_acc", 0) >= 0.99]
    assert found["memorized_step"] == known[0]
    for name in EVALUATED - {"step", "train_loss"}:
        assert found["final"][name] == pytest.approx(lines[-1][name], rel=1e-6)
    assert found["final"]["train_loss"] < lines[0]["train_loss"]
    assert found["steps_per_second"] > 0
    assert 0 < found["eval_seconds"] < found["wall_seconds"]
    assert 0 < found["compile_seconds"] < found["wall_seconds"]


def test_a_complete_run_is_left_unchanged(straight: Straight) -> None:
    assert straight.complete.code == 0
    assert straight.complete.out == ""
    assert "is complete at step 300; --steps N trains it further" in straight.complete.err
    assert contents(straight.run_dir) == straight.before


def test_steps_extends_a_run_and_live_flags_become_edits(straight: Straight) -> None:
    run_dir = straight.extended_dir
    assert straight.extension.code == 0
    lines = records(run_dir / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, STEPS + 31))
    first = records(straight.run_dir / "metrics.jsonl")
    assert lines[:STEPS] == first
    assert lines[STEPS + 9]["lr"] == pytest.approx(1e-3)
    edits = [r for r in records(run_dir / "events.jsonl") if r["event"] == "config applied"]
    found = {r["field"]: (r["step"], r["old"], r["new"]) for r in edits}
    assert found == {
        "lr": (STEPS, 3e-3, 1e-3),
        "beta1": (STEPS, 0.9, 0.8),
        "steps": (STEPS, STEPS, STEPS + 30),
    }
    assert summary(run_dir)["steps"] == STEPS + 30
    assert summary(run_dir)["wall_seconds"] > summary(straight.run_dir)["wall_seconds"]


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (("--modulus", "17"), "--modulus cannot change within a run"),
        (("--seed", "3"), "--seed cannot change within a run"),
        (("--lr", "0"), "lr must be"),
        (("--preset", "quick"), "a resumed run keeps its config"),
        (("--no-save",), "--no-save"),
    ],
)
def test_what_a_resume_cannot_change_is_refused(
    straight: Straight, flags: tuple[str, ...], problem: str
) -> None:
    result = call("--resume", str(straight.run_dir), "--steps", "500", *flags)
    assert result.code == 2
    assert problem in result.refusal()
    assert contents(straight.run_dir) == straight.before


def test_a_folder_with_a_run_is_not_overwritten(straight: Straight) -> None:
    result = call("--record", str(straight.run_dir), *CONFIG)
    assert result.code == 2
    assert "is not empty" in result.refusal()
    assert "--resume" in result.err
    assert contents(straight.run_dir) == straight.before


def test_a_killed_run_continues_as_if_never_killed(straight: Straight, killed: Killed) -> None:
    assert killed.killed.code == -signal.SIGKILL
    assert killed.lines_left < STEPS
    assert 50 <= killed.from_step < STEPS
    assert killed.resumed.code == 0
    metrics = (killed.run_dir / "metrics.jsonl").read_bytes()
    assert metrics == (straight.run_dir / "metrics.jsonl").read_bytes()
    assert checkpoint_steps(killed.run_dir) == checkpoint_steps(straight.run_dir)
    assert "step-00099999.safetensors skipped" in killed.resumed.err
    events = records(killed.run_dir / "events.jsonl")
    starts = [r["step"] for r in events if r["event"] == "started"]
    assert starts == [0, killed.from_step]
    assert [r["message"] for r in events if r["event"] == "warning"]
    old, new = summary(straight.run_dir), summary(killed.run_dir)
    for name in ("steps", "memorized_step", "final", "exit"):
        assert old[name] == new[name]


def test_without_a_terminal_it_trains_into_runs(tmp_path: Path) -> None:
    fields = {"MODULUS": "13", "D_MODEL": "32", "N_HEADS": "2", "D_MLP": "64"}
    env = environment(**{f"GROK_TUI_{name}": value for name, value in fields.items()})
    running = Running("--device", "CPU", "--lr", "2e-3", cwd=tmp_path, env=env)
    running.wait_for(lambda: any(tmp_path.glob("runs/*/config.toml")), "the config")
    running.wait_for_error("compiling")
    running.send(signal.SIGKILL)
    result = running.end()
    assert result.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]
    (run_dir,) = (tmp_path / "runs").iterdir()
    assert run_dir.name.endswith("-quick")
    time.strptime(run_dir.name.removesuffix("-quick"), "%Y%m%d-%H%M%S")
    said = result.err.splitlines()[0]
    assert said == f"grok-tui: no terminal: training headless into runs/{run_dir.name}"
    content = tomllib.loads((run_dir / "config.toml").read_text())
    assert content["modulus"] == 13  # the environment over the preset
    assert content["lr"] == 2e-3  # a flag over the preset
    assert content["weight_decay"] == 3.0
    assert content["stop_when"] == "grokked"

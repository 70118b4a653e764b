from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from summaries import summary

from grok_tui.config.presets import Preset, load_preset
from grok_tui.config.schema import Config
from grok_tui.view import estimate
from grok_tui.view.estimate import (
    Speed,
    measured_speed,
    promise,
    promised_step,
    recorded_speed,
    speed_of,
)

SUMMARY = summary(
    steps=1000, steps_per_second=50.0, eval_seconds=3.0, compile_seconds=2.5, device="METAL"
).to_dict()
# The device's name, and seconds to compile, per step, and per evaluation.
SPEED = Speed("METAL", 2.5, 0.02, 0.03)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def recorded(name: str, fields: dict[str, Any], **known: Any) -> Path:
    folder = Path("runs") / name
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text(tomli_w.dumps(fields))
    (folder / "summary.json").write_text(json.dumps({**SUMMARY, **known}))
    (folder / "metrics.jsonl").touch()
    return folder


def test_seconds_include_compiling_steps_and_evaluations() -> None:
    assert SPEED.seconds(Config(eval_every=10), 600) == pytest.approx(2.5 + 12 + 1.8)
    assert SPEED.seconds(Config(eval_every=100), 600) == pytest.approx(2.5 + 12 + 0.18)


def test_a_run_of_the_same_shape_gives_the_speed() -> None:
    folder = recorded("one", {"lr": 3e-3, "seed": 7, "device": "METAL"})
    speed = recorded_speed(Config(), [folder])
    assert speed is not None
    assert (speed.device, speed.compile_seconds) == ("METAL", 2.5)
    assert speed.step_seconds == pytest.approx(0.02)
    assert speed.evaluation_seconds == pytest.approx(0.03)


def test_evaluation_time_is_divided_by_the_number_of_evaluations() -> None:
    speed = recorded_speed(Config(), [recorded("one", {"eval_every": 100})])
    assert speed is not None
    assert speed.evaluation_seconds == pytest.approx(0.3)


@pytest.mark.parametrize(
    "fields",
    [
        {"modulus": 97},
        {"train_fraction": 0.4},
        {"operation": "divide"},
        {"d_model": 64},
        {"d_mlp": 256},
        {"n_heads": 2},
        {"n_layers": 2},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_run_of_another_shape_gives_no_speed(fields: dict[str, Any]) -> None:
    assert recorded_speed(Config(), [recorded("other", fields)]) is None


def test_the_first_run_with_a_speed_is_used() -> None:
    folders = [
        recorded("other", {"modulus": 97}),
        recorded("short", {}, steps=20),
        recorded("still", {}, steps_per_second=None),
        recorded("newer", {}, device="CUDA"),
        recorded("older", {}),
    ]
    speed = recorded_speed(Config(), folders)
    assert speed is not None
    assert speed.device == "CUDA"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.toml", "steps ="),
        ("config.toml", "modulus = 4"),
        ("summary.json", "{"),
        ("summary.json", "{}"),
        ("summary.json", "[]"),
        ("summary.json", "[" * 9999),
        ("summary.json", json.dumps(SUMMARY | {"steps_per_second": float("nan")})),
        ("summary.json", json.dumps(SUMMARY | {"steps": float("inf")})),
        ("summary.json", json.dumps(SUMMARY | {"steps_per_second": 1e-320})),
        ("summary.json", None),
    ],
)
def test_a_broken_run_is_skipped(name: str, content: str | None) -> None:
    broken = recorded("broken", {})
    (broken / name).unlink()
    if content is not None:
        (broken / name).write_text(content)
    assert recorded_speed(Config(), [broken]) is None
    speed = recorded_speed(Config(), [broken, recorded("whole", {})])
    assert speed is not None


def test_earlier_runs_take_precedence_over_a_measurement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    measured = Speed("CPU", 1.0, 1.0, 1.0)
    monkeypatch.setattr(estimate, "measured_speed", lambda config: measured)
    assert speed_of(Config()) == measured
    recorded("one", {})
    speed = speed_of(Config())
    assert speed is not None
    assert speed.device == "METAL"


def test_products_are_measured_if_no_run_gives_a_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "MEASURE_SECONDS", 0.01)
    small = measured_speed(Config(modulus=13, d_mlp=64))
    large = measured_speed(Config(modulus=97, d_mlp=512))
    assert small is not None
    assert large is not None
    assert large.device == "CPU"
    assert 0 < small.step_seconds < large.step_seconds < 10
    assert large.evaluation_seconds > 0


def test_a_shape_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "MEASURE_SECONDS", 0.001)
    config = Config(modulus=17, d_mlp=32)
    assert measured_speed(config) == measured_speed(config.changed(lr=1e-2))


def test_the_speed_of_more_layers_is_not_estimated() -> None:
    assert measured_speed(Config(n_layers=2)) is None


# --- what a preset is known to do -----------------------------------------------------

QUICK, NEVER = load_preset("quick"), load_preset("impatient")


@pytest.mark.parametrize(
    ("preset", "changes", "text"),
    [
        (QUICK, {}, "groks at step 600"),
        (QUICK, {"checkpoint_every": 7, "stop_when": "grokked"}, "groks at step 600"),
        (QUICK, {"modulus": 97, "lr": 1e-4}, "not measured with modulus 97, lr 0.0001"),
        (QUICK, {"seed": 1}, "not measured with seed 1"),
        (QUICK, {"eval_every": 500}, "not measured with eval_every 500"),
        (QUICK, {"steps": 599}, "ends at step 599, before it groks at 600"),
        (QUICK, {"steps": 600}, "groks at step 600"),
        (NEVER, {}, "never groks"),
        (NEVER, {"steps": 25_000}, "not measured with steps 25000"),
    ],
)
def test_a_promise_holds_for_what_was_measured(
    preset: Preset, changes: dict[str, Any], text: str
) -> None:
    config = Config(**preset.fields).changed(**changes)
    assert promise(preset, config) == text
    assert (promised_step(preset, config) == 600) == (text == "groks at step 600")

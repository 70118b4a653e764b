"""TensorBoard's event file, read back record by record."""

from __future__ import annotations

import json
import struct
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData
from tensorboardX.record_writer import masked_crc32c
from written_runs import CONFIG, EDIT, RUN, STARTED, course, losses, written

from grok_tui.cli.main import main
from grok_tui.protocol.events import ConfigApplied, Failed, Paused, Resumed, Warned
from grok_tui.runs.exporting.tensorboard import write_events

TAGS = {
    "train_loss": "loss/train",
    "test_loss": "loss/test",
    "restricted_loss": "loss/restricted",
    "excluded_loss": "loss/excluded",
    "train_acc": "accuracy/train",
    "test_acc": "accuracy/test",
    "lr": "optimizer/lr",
    "weight_decay": "optimizer/weight_decay",
    "weight_norm": "weights/norm",
    "gini_W_E": "analysis/gini_W_E",
    "gini_W_L": "analysis/gini_W_L",
    "logit_fve": "analysis/logit_fve",
    "sum_of_squares.W_E": "sum_of_squares/W_E",
    "sum_of_squares.blocks.0.W_in": "sum_of_squares/blocks.0.W_in",
    "key_frequencies": "analysis/key_frequencies",
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A complete run whose event at step s has the time 1,000 + s / 10 seconds."""
    run = written(tmp_path / "run", *RUN)
    timed(run, lambda line: 1000 + line["step"] / 10)
    return run


def timed(run: Path, time: Callable[[dict[str, Any]], float]) -> None:
    """Change the times of a run's events."""
    lines = jsonl(run / "events.jsonl")
    content = [json.dumps(line | {"time": time(line)}) + "\n" for line in lines]
    (run / "events.jsonl").write_text("".join(content))


def jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def records(folder: Path) -> list[Event]:
    """All records of the only file, framed by length, checksum, content, checksum."""
    (path,) = folder.iterdir()
    assert path.name.startswith("events.out.tfevents.")
    content, events = path.read_bytes(), []
    while content:
        header, (check,) = content[:8], struct.unpack("<I", content[8:12])
        assert check == masked_crc32c(header)
        (length,) = struct.unpack("<Q", header)
        data = content[12 : 12 + length]
        assert struct.unpack("<I", content[12 + length : 16 + length]) == (masked_crc32c(data),)
        events.append(Event.FromString(data))
        content = content[16 + length :]
    return events


def scalars(events: list[Event]) -> dict[str, dict[int, float]]:
    """The numbers of each tag, by step."""
    found: dict[str, dict[int, float]] = {}
    for event in events:
        for value in event.summary.value:
            if value.WhichOneof("value") == "simple_value":
                steps = found.setdefault(value.tag, {})
                assert event.step not in steps
                steps[event.step] = value.simple_value
    return found


def texts(events: list[Event]) -> list[tuple[int, float, str, str]]:
    """Step, time, tag and text of every text."""
    return [
        (e.step, e.wall_time, v.tag, v.tensor.string_val[0].decode())
        for e in events
        for v in e.summary.value
        if v.metadata.plugin_data.plugin_name == "text"
    ]


def hyperparameters(events: list[Event]) -> dict[str, HParamsPluginData]:
    return {
        v.tag.removeprefix("_hparams_/"): HParamsPluginData.FromString(
            v.metadata.plugin_data.content
        )
        for e in events
        for v in e.summary.value
        if v.metadata.plugin_data.plugin_name == "hparams"
    }


# --- numbers and times --------------------------------------------------------------------


def test_every_number_of_the_metrics_is_written(run: Path, tmp_path: Path) -> None:
    expected: dict[str, dict[int, float]] = {}
    for line in jsonl(run / "metrics.jsonl"):
        step, squares = line.pop("step"), line.pop("sum_of_squares", {})
        numbers = line | {f"sum_of_squares.{name}": x for name, x in squares.items()}
        for name, value in numbers.items():
            if value is not None:
                number = len(value) if name == "key_frequencies" else value
                expected.setdefault(TAGS[name], {})[step] = number
    found = scalars(records(write_events(run, tmp_path / "out")))
    assert set(found) == set(expected) == set(TAGS.values())
    for tag, steps in expected.items():
        assert found[tag] == pytest.approx(steps, rel=1e-7), tag
    assert len(found["loss/train"]) == 100


def test_a_column_of_a_later_version_is_written(run: Path, tmp_path: Path) -> None:
    lines = jsonl(run / "metrics.jsonl")
    lines[6]["sharpness"] = 12.5
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = scalars(records(write_events(run, tmp_path / "out")))
    assert found["analysis/sharpness"] == {7: 12.5}


def test_times_match_the_run(run: Path, tmp_path: Path) -> None:
    events = records(write_events(run, tmp_path / "out"))
    assert (events[0].file_version, events[0].wall_time) == ("brain.Event:2", 1000.0)
    for event in events:
        assert event.wall_time == pytest.approx(1000 + event.step / 10, abs=1e-6)
    steps = [event.step for event in events]
    assert steps == sorted(steps)


def test_a_pause_is_between_its_step_and_the_next(tmp_path: Path) -> None:
    """Steps after the last event have that event's time."""
    events = [losses(1, 10), Paused(10), Resumed(10), losses(11, 20), Warned(20, "careful")]
    run = written(tmp_path / "run", STARTED, *events, losses(21, 30), losses(31, 31))
    times = iter([1000.0, 1100.0, 5000.0, 5010.0])
    timed(run, lambda line: next(times))
    found = {
        event.step: event.wall_time
        for event in records(write_events(run, tmp_path / "out"))
        if any(value.tag == "loss/train" for value in event.summary.value)
    }
    expected = {1: 1010, 5: 1050, 10: 1100, 11: 5001, 15: 5005, 20: 5010, 25: 5010, 30: 5010}
    assert {step: found[step] for step in expected} == pytest.approx(expected)
    assert list(found) == list(range(1, 31))


def test_a_run_without_events_has_no_times(tmp_path: Path) -> None:
    events = records(write_events(written(tmp_path / "run"), tmp_path / "out"))
    assert {(event.step, event.wall_time) for event in events} == {(0, 0.0)}


# --- texts and config ---------------------------------------------------------------------


def test_events_are_written_at_their_steps(run: Path, tmp_path: Path) -> None:
    found = texts(records(write_events(run, tmp_path / "out")))
    (config, *told) = found
    assert config[:3] == (0, 1000.0, "config/text_summary")
    written_config = (run / "config.toml").read_text()
    assert [line[4:] for line in config[3].splitlines()] == written_config.splitlines()
    assert told == [
        (0, 1000.0, "events/phase/text_summary",
         "**MEMORIZING**: the train pairs are not yet known"),
        (60, 1006.0, "events/edit/text_summary", "`weight_decay` 1 -> 3"),
        (100, 1010.0, "events/phase/text_summary", "**GROKKED**: three in a row"),
        (100, 1010.0, "events/end/text_summary", "stopped: completed"),
    ]  # fmt: skip


def test_warnings_and_failures_are_written(tmp_path: Path) -> None:
    back = ConfigApplied(3, "weight_decay", 3.0, 1.0, undo=True)
    events = [losses(1, 3), EDIT, back, Warned(3, "careful"), Failed(3, "the disk is full")]
    run = written(tmp_path / "run", STARTED, *events)
    told = texts(records(write_events(run, tmp_path / "out")))[1:]
    assert [(tag.removesuffix("/text_summary"), text) for _, _, tag, text in told] == [
        ("events/edit", "`weight_decay` 1 -> 3"),
        ("events/edit", "`weight_decay` 3 -> 1"),
        ("events/warning", "careful"),
        ("events/end", "failed: the disk is full"),
    ]


def test_the_config_is_written_as_hyperparameters(run: Path, tmp_path: Path) -> None:
    events = records(write_events(run, tmp_path / "out"))
    found = hyperparameters(events)
    assert list(found) == ["experiment", "session_start_info", "session_end_info"]
    config = {
        name: getattr(value, value.WhichOneof("kind"))
        for name, value in found["session_start_info"].session_start_info.hparams.items()
    }
    assert config == CONFIG.model_dump(mode="json")
    metrics = {info.name.tag for info in found["experiment"].experiment.metric_infos}
    assert metrics == {"accuracy/test", "loss/test"}
    assert metrics <= set(scalars(events))


def test_a_run_that_was_cut_off_has_no_end(tmp_path: Path) -> None:
    run = written(tmp_path / "run", STARTED, *course([(1, 0.5)]))
    found = hyperparameters(records(write_events(run, tmp_path / "out")))
    assert "session_end_info" not in found


# --- the folder and the command -----------------------------------------------------------


def test_no_thread_is_left_behind(run: Path, tmp_path: Path) -> None:
    before = threading.enumerate()
    write_events(run, tmp_path / "out")
    assert threading.enumerate() == before


def test_the_folder_is_named_after_the_run(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(run.parent)
    assert main(["export", "run", "--to", "tensorboard"]) == 0
    assert capsys.readouterr().out == "run-tensorboard\n"
    assert len(records(run.parent / "run-tensorboard")) > 100


def test_existing_files_are_not_overwritten(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    assert main(["export", str(run), "--to", "tensorboard", "-o", str(out)]) == 0
    before = {path: path.read_bytes() for path in out.iterdir()}
    capsys.readouterr()
    for place in (out, run / "config.toml"):
        assert main(["export", str(run), "--to", "tensorboard", "-o", str(place)]) == 2
        assert f"{place} already exists" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.parametrize(
    "damage",
    [
        ("metrics.jsonl", '{"step": 7,', '{"step": "x",'),
        ("metrics.jsonl", '"test_acc": 0.1', '"test_acc": "high"'),
        ("events.jsonl", '"time"', '"clock"'),
        ("events.jsonl", '"reason"', '"why"'),
        ("config.toml", "modulus = 13", "modulus ="),
    ],
)
def test_a_damaged_run_leaves_no_folder(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: tuple[str, str, str]
) -> None:
    name, old, new = damage
    text = (run / name).read_text()
    assert old in text
    (run / name).write_text(text.replace(old, new))
    assert main(["export", str(run), "--to", "tensorboard", "-o", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert str(run) in message
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_no_folder(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(writer: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("grok_tui.runs.exporting.tensorboard.RecordWriter.flush", full)
    with pytest.raises(OSError, match="No space left"):
        write_events(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "mine").mkdir()
    with pytest.raises(OSError, match="No space left"):
        write_events(run, tmp_path / "mine")
    assert not list((tmp_path / "mine").iterdir())  # the user's own folder stays


def test_without_the_extra_the_error_names_it(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    monkeypatch.delitem(sys.modules, "grok_tui.runs.exporting.tensorboard")
    assert main(["export", str(run), "--to", "tensorboard"]) == 2
    assert capsys.readouterr().err == (
        "grok-tui: error: tensorboard needs tensorboardX: pip install 'grok-tui[tensorboard]'\n"
    )

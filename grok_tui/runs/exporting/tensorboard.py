"""Exporting a run as a TensorBoard event file, with tensorboardX."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tensorboardX import summary
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

from grok_tui.config.schema import written
from grok_tui.config.sources import load_file
from grok_tui.protocol.events import ConfigApplied, Failed, PhaseChanged, Stopped, Warned
from grok_tui.protocol.results import HEALTH_NAMES
from grok_tui.runs.reader import event_lines, metric_lines
from grok_tui.text import UserError

# The tags of the metrics' columns; TensorBoard groups them by the part before the slash.
_TAGS = {
    "train_loss": "loss/train",
    "test_loss": "loss/test",
    "restricted_loss": "loss/restricted",
    "excluded_loss": "loss/excluded",
    "train_acc": "accuracy/train",
    "test_acc": "accuracy/test",
    "lr": "optimizer/lr",
    "weight_decay": "optimizer/weight_decay",
    "weight_norm": "weights/norm",
    **{name: f"health/{name}" for name in HEALTH_NAMES},
}
# The results in TensorBoard's table of hyperparameters.
_RESULTS = ("accuracy/test", "loss/test")
# When a step was done, in seconds since 1970.
Clock = Callable[[int], float]


def write_events(run: Path, folder: Path | None) -> Path:
    """Write the metrics, the config and the events of a run to a folder; returns it.

    folder: missing or empty; None for one in the current folder, named after the run. The
    content depends only on the run. Raises UserError or OSError, and then leaves nothing.
    """
    folder = folder or Path(f"{run.resolve().name}-tensorboard")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder} already exists; choose an empty folder with -o")
    happened = list(event_lines(run))
    clock = _clock(happened)
    new = not folder.exists()
    folder.mkdir(exist_ok=True)
    path = folder / f"events.out.tfevents.{clock(0):.0f}.{run.resolve().name}"
    try:
        _save(path, _events(run, happened, clock))
    except BaseException:
        path.unlink(missing_ok=True)
        if new:
            folder.rmdir()
        raise
    return folder


def _save(path: Path, events: Iterator[Event]) -> None:
    """Write the events to a file."""
    writer = RecordWriter(str(path))
    try:
        for event in events:
            writer.write(event.SerializeToString(deterministic=True))
        writer.flush()
    finally:
        writer.close()


def _events(run: Path, happened: list[dict[str, Any]], clock: Clock) -> Iterator[Event]:
    """All of TensorBoard's events, in the order of their steps."""
    yield Event(wall_time=clock(0), file_version="brain.Event:2")
    for content in _config(run, happened):
        yield _event(0, clock(0), content)
    yield from heapq.merge(_scalars(run, clock), _texts(happened), key=lambda e: e.step)


def _clock(happened: list[dict[str, Any]]) -> Clock:
    """The recorded times, interpolated linearly between steps."""
    # In reverse, so that the earliest of several times at a step counts (a pause and its end):
    # the step was done before all of them.
    steps = [-line["step"] for line in reversed(happened)] or [0]
    times = [line["time"] for line in reversed(happened)] or [0.0]
    return lambda step: float(np.interp(-step, steps, times))


def _event(step: int, time: float, content: Summary) -> Event:
    return Event(step=step, wall_time=time, summary=content)


def _config(run: Path, happened: list[dict[str, Any]]) -> Iterator[Summary]:
    """The config as text, and for the table of hyperparameters."""
    lines = (run / "config.toml").read_text().splitlines()
    yield summary.text("config", "".join(f"    {line}\n" for line in lines))
    config = load_file(run / "config.toml")
    experiment, start, end = summary.hparams(config, dict.fromkeys(_RESULTS))
    ended = bool(happened) and happened[-1]["event"] == Stopped.name
    for part in (experiment, start, *([end] if ended else [])):
        plugin = part.value[0].metadata.plugin_data
        content = HParamsPluginData.FromString(plugin.content)
        plugin.content = content.SerializeToString(deterministic=True)  # maps have no order
        yield part


def _scalars(run: Path, clock: Clock) -> Iterator[Event]:
    for line in metric_lines(run):
        values = [
            Summary.Value(tag=tag, simple_value=value)
            for name, content in line.items()
            for tag, value in _tagged(name, content)
        ]
        yield _event(line["step"], clock(line["step"]), Summary(value=values))


def _tagged(name: str, content: Any) -> Iterator[tuple[str, float]]:
    """The numbers of a column by their tags; for a list, its length."""
    if isinstance(content, Mapping):
        yield from ((f"{name}/{part}", value) for part, value in content.items())
    elif isinstance(content, list):
        yield f"analysis/{name}", len(content)
    elif content is not None and name != "step":
        yield _TAGS.get(name, f"analysis/{name}"), content


def _texts(happened: list[dict[str, Any]]) -> Iterator[Event]:
    """Edits, phases, warnings and the end, as text."""
    for line in happened:
        if told := _told(line):
            yield _event(line["step"], line["time"], summary.text(*told))


def _told(line: Mapping[str, Any]) -> tuple[str, str] | None:
    """The tag of an event and its text in Markdown, None for events without text."""
    match line["event"]:
        case ConfigApplied.name:
            change = f"{written(line['old'])} -> {written(line['new'])}"
            return "events/edit", f"`{line['field']}` {change}"
        case PhaseChanged.name:
            return "events/phase", f"**{line['phase']}**: {line['reason']}"
        case Warned.name:
            return "events/warning", line["message"]
        case Stopped.name | Failed.name:
            return "events/end", f"{line['event']}: {line['reason']}"
    return None

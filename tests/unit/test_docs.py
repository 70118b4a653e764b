"""The tables and snippets of the docs that say what a run's files hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_run import CONFIG, snapshot
from model_for import model_for
from tensorboardX.proto.event_pb2 import Event
from test_tensorboard import records
from written_runs import EDIT, STARTED, analyzed, evaluated, losses, written

from grok_tui.config.schema import Config
from grok_tui.protocol.events import PhaseChanged, Stopped, Warned
from grok_tui.protocol.results import Health, Measures, Metrics, Summary
from grok_tui.runs.checkpoints import checkpoint_path, save
from grok_tui.runs.exporting.tensorboard import write_events
from grok_tui.tasks.registry import make_task

DOCS = Path(__file__).parents[2] / "docs"


def section(page: str, title: str) -> str:
    """The text under a heading, up to the next heading of its level."""
    parts = re.split(r"^## ", (DOCS / page).read_text(), flags=re.MULTILINE)
    (found,) = [part for part in parts if part.split("\n")[0].strip("`") == title]
    return found


def rows(text: str) -> Iterator[list[str]]:
    """The cells of the rows of all tables in a text."""
    for line in text.split("\n"):
        if line.startswith("|") and not line.startswith("| ---"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def names(text: str) -> set[str]:
    """The names in the first column of all tables in a text."""
    return {name for row in rows(text) for name in named(row[0])}


def test_every_column_of_the_metrics_is_described() -> None:
    measured = {field.name for kind in (Metrics, Health, Measures) for field in fields(kind)}
    assert names(section("run-directory.md", "metrics.jsonl")) == measured - {"train_loss"}


def test_every_field_of_the_summary_is_described() -> None:
    text = section("run-directory.md", "summary.json")
    assert names(text) == {field.name for field in fields(Summary)}


def test_every_tag_of_tensorboard_is_described(tmp_path: Path) -> None:
    health = Health(0.5, 2.0, 0.1, 0.01, 1)
    measures = replace(
        analyzed(10, 1).measures, gradient_symmetricity=0.5, distance_irrelevance=0.5
    )
    run = written(
        tmp_path / "run", STARTED, PhaseChanged(0, "MEMORIZING", "new"), losses(1, 10),
        replace(evaluated(10, 1.0, 0.5), health=health),
        replace(analyzed(10, 1), measures=measures),
        replace(EDIT, step=10), Warned(10, "careful"), Stopped(10, "quit"),
    )  # fmt: skip
    written_tags = {re.sub("^sum_of_squares/.*", "sum_of_squares/NAME", tag)
                    for event in records(write_events(run, tmp_path / "out"))
                    for tag in _tags(event)}  # fmt: skip
    assert names(section("export.md", "tensorboard")) == written_tags


def _tags(event: Event) -> Iterator[str]:
    for value in event.summary.value:
        if value.metadata.plugin_data.plugin_name != "hparams":
            yield value.tag.removesuffix("/text_summary")


@pytest.mark.parametrize("n_layers", [1, 3])
def test_the_shapes_of_the_weights(n_layers: int) -> None:
    config = Config(modulus=7, d_model=8, n_heads=2, d_mlp=5, n_layers=n_layers)
    sizes = {"p": 7, "d_model": 8, "d_mlp": 5}
    described: dict[str, Any] = {}
    for first, shape, _ in rows(section("run-directory.md", "Checkpoints").split("`keep`")[0]):
        found = [eval(text, {}, sizes) for text in re.findall(r"\([^)]+\)", shape)]
        blocks = [name for name in named(first) if name.startswith("blocks.")]
        for place, name in enumerate(named(first)):
            full = f"blocks.L.{name}" if blocks and name not in blocks else name
            for layer in range(n_layers):
                described[full.replace(".L.", f".{layer}.")] = found[min(place, len(found) - 1)]
    assert described == model_for(config).shapes


@pytest.mark.parametrize("operation", ["add", "divide"])
def test_the_snippets_read_a_checkpoint(
    operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = CONFIG.changed(operation=operation)
    folder = tmp_path / "runs" / "mine" / "checkpoints"
    folder.mkdir(parents=True)
    saved = snapshot(500, config)
    save(checkpoint_path(folder, 500), saved)
    monkeypatch.chdir(tmp_path)
    text = section("run-directory.md", "Checkpoints")
    reading, pairs = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(reading.split("\n")) - reading.count("\n\n") - 1 == 3
    if operation == "divide":
        pairs = pairs.replace("first_b = 0", "first_b = 1")
    found: dict[str, Any] = {}
    exec(reading + pairs, found)
    for kind, name, array in saved.arrays():
        np.testing.assert_array_equal(found["arrays"][f"{kind}/{name}"], array)
    np.testing.assert_array_equal(found["W_E"], saved.weights["W_E"])
    task = make_task(config)
    np.testing.assert_array_equal(found["a"], task.a)
    np.testing.assert_array_equal(found["b"], task.b)
    np.testing.assert_array_equal(found["train"], task.train_mask)

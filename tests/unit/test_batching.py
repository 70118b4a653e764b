"""Which points train together, and how many fit."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
from model_for import model_for

from grok_tui.config.schema import Config
from grok_tui.sweep import batching as module
from grok_tui.sweep.batching import (
    MOST_REPLICAS,
    NUMBERS,
    fitting,
    free_bytes,
    groups,
    parts,
)
from grok_tui.sweep.spec import spec_from
from grok_tui.tasks.registry import make_task

SPEC = spec_from(
    {
        "base": {"modulus": 13},
        "axes": {"weight_decay": [1, 3], "train_fraction": [0.3, 0.5]},
        "seeds": 3,
    }
)


@pytest.mark.parametrize(
    ("workers", "replicas", "sizes"),
    [
        (1, None, [6, 6]),
        (2, None, [3] * 4),
        (4, None, [2] * 6),
        (1, 4, [3] * 4),
        (9, 1, [1] * 12),
    ],
)
def test_points_that_differ_only_in_numbers_train_together(
    workers: int, replicas: int | None, sizes: list[int]
) -> None:
    points = list(SPEC.points())
    found = groups(points, workers, replicas)
    assert [len(group) for group in found] == sizes
    assert sorted(p.name for group in found for p in group) == sorted(p.name for p in points)
    for group in found:
        fields = [point.config.model_dump() for point in group]
        for name in fields[0].keys() - NUMBERS:
            assert len({repr(each[name]) for each in fields}) == 1, name


def test_parts_are_as_few_as_possible_and_about_equal() -> None:
    assert [len(part) for part in parts(range(15), 8)] == [7, 8]
    assert [len(part) for part in parts(range(15), 15)] == [15]
    assert [len(part) for part in parts(range(130), 1000)] == [43, 43, 44]
    assert MOST_REPLICAS == 64
    assert list(parts([], 3)) == []


def test_replicas_fill_half_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config()
    task = make_task(config)
    one = model_for(config).n_bytes(task.n_pairs, task.n_train)
    assert 50 * 2**20 < one < 100 * 2**20  # measured: 68 MiB
    monkeypatch.setattr(module, "free_bytes", lambda device: 20.5 * one)
    assert fitting(config, "CPU") == 10
    assert fitting(config, "CPU", limit=9 * one) == 4
    assert fitting(config, "CPU", limit=0) == 1
    larger = config.changed(modulus=199, n_layers=2)
    assert fitting(larger, "CPU") < 10


def test_the_memory_of_an_nvidia_card_comes_from_nvidia_smi(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(
        "#!/bin/sh\nfor last; do :; done\n"
        "case $last in --id=0) echo 1000;; --id=1) echo 2000;; --id=GPU-5e) echo 3000;;"
        " *) exit 6;; esac\n"
    )
    tool.chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert free_bytes("CUDA") == 1000 * 2**20
    assert free_bytes("CUDA:1") == 2000 * 2**20
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, GPU-5e")
    assert free_bytes("CUDA") == 2000 * 2**20
    assert free_bytes("CUDA:1") == 3000 * 2**20
    machine = free_bytes("CPU")
    assert 2**20 < machine < math.inf
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert free_bytes("CUDA") == pytest.approx(machine, rel=0.5)

"""The real p = 113 presets, from the installed command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def record(folder: Path, *flags: str) -> dict[str, Any]:
    command = Path(sys.executable).with_name("grok-tui")
    done = subprocess.run(
        [command, "--record", folder, *flags],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "summary.json").read_text())


def test_quick_memorizes_then_groks(tmp_path: Path) -> None:
    summary = record(tmp_path / "quick", "--preset", "quick", "--stop-when", "grokked")
    assert summary["grokked"] is True
    assert summary["exit"] == "grokked"
    assert summary["memorized_step"] <= 150
    assert 300 <= summary["grok_step"] <= 1000  # seeds 0, 1, 2 elsewhere: about 425 to 880
    assert summary["final"]["test_acc"] >= 0.99
    assert summary["final"]["train_acc"] == 1.0
    lines = (tmp_path / "quick" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [*range(1, summary["steps"] + 1)]


@pytest.mark.long
def test_stackexchange_does_not_even_memorize(tmp_path: Path) -> None:
    summary = record(tmp_path / "stuck", "--preset", "stackexchange", "--steps", "800")
    assert summary["grokked"] is False
    assert summary["memorized_step"] is None
    assert summary["final"]["train_loss"] > 1
    assert summary["final"]["test_loss"] > 1

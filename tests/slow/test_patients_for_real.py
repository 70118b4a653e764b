"""The real p = 113 patients, trained by the installed command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from grok_tui.config.presets import load_preset, preset_names

# The first user's run and two others; all of them take minutes.
SOME = ("stackexchange", "over-decay", "cold")
PATIENTS = [
    pytest.param(name, marks=pytest.mark.slow if name in SOME else pytest.mark.long)
    for name in preset_names()
    if load_preset(name).patient
]
# Enough to memorize the train pairs if possible, and for weights to collapse.
STEPS = 300
# Here losses become zero later, and until then steps get slower from subnormal numbers.
LATE = {"naive": 1200}


def output(*arguments: str | Path) -> str:
    command = Path(sys.executable).with_name("grok-tui")
    done = subprocess.run(
        [command, *arguments], capture_output=True, text=True, timeout=2000, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", PATIENTS)
def test_the_doctor_finds_what_is_wrong_with_a_patient(tmp_path: Path, name: str) -> None:
    run = tmp_path / name
    output("--record", run, "--preset", name, "--steps", str(LATE.get(name, STEPS)))
    verdicts: list[dict[str, Any]] = json.loads(output("doctor", run, "--json"))["verdicts"]
    assert verdicts[0]["id"] == load_preset(name).patient
    assert verdicts[0]["evidence"]


@pytest.mark.long
def test_quick_stays_healthy_throughout(tmp_path: Path) -> None:
    run = tmp_path / "quick"
    output("--record", run, "--preset", "quick", "--stop-when", "grokked")
    assert json.loads(output("doctor", run, "--json"))["verdicts"][0]["id"] == "grokked"

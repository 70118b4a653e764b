"""The whole step can be written in Metal, which is checked without a Mac."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

METAL_BUFFERS_PER_KERNEL = 31


INTERVENTIONS = [
    {"grad_filter": "grokfast", "norm_constraint": "sphere", "loss": "stablemax"},
    {"grad_filter": "orthograd", "norm_constraint": "sphere", "optimizer": "muon"},
]
# More layers take minutes and have no other kinds of kernels.
CASES = [
    *((1, fields) for fields in ({}, *INTERVENTIONS)),
    (3, {}),
    pytest.param(3, INTERVENTIONS[1], marks=pytest.mark.long),
    pytest.param(1, {"n_layers": 2}, marks=pytest.mark.long),
    *(
        pytest.param(1, {"n_layers": 3, **kind}, marks=pytest.mark.long)
        for kind in INTERVENTIONS
    ),
]


@pytest.mark.slow
@pytest.mark.parametrize(("replicas", "fields"), CASES)
def test_every_kernel_of_the_real_model_lowers_to_metal(
    replicas: int, fields: dict[str, Any]
) -> None:
    script = Path(__file__).with_name("lower_to_metal.py")
    done = subprocess.run(
        [sys.executable, script, str(replicas), json.dumps(fields)],
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["renderer"] == "MetalRenderer"
    assert report["kernels"] > 30
    assert report["unnamed"] == 0
    # All large forward products and most backward ones have sizes divisible by its tiles.
    assert report["tensor_core"] >= 16
    assert report["double"] == []  # METAL has no float64
    assert 3 <= report["buffers"] <= METAL_BUFFERS_PER_KERNEL

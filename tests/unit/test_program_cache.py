"""Lowered kernels on disk: their use by later processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinygrad import Tensor, codegen
from tinygrad.engine import realize
from tinygrad.helpers import Context
from tinygrad.uop.ops import UOp

from grok_tui.device import program_cache
from grok_tui.device.kernel_cache import KernelCache
from grok_tui.device.program_cache import ProgramCache

pytestmark = pytest.mark.usefixtures("cpu")

# Prints how many kernels were lowered, and the result's bytes.
PROGRAM = """
from grok_tui.device.open import open_device
open_device("CPU")
import numpy as np
from tinygrad import Tensor, codegen
lowered, lower = [], codegen.do_to_program
codegen.do_to_program = lambda ast, renderer: lowered.append(1) or lower(ast, renderer)
x = Tensor(np.arange(12, dtype=np.float32).reshape(3, 4))
y = (x.exp().sum(0) @ x.T).softmax().numpy()
print(len(lowered), y.tobytes().hex())
"""


@pytest.fixture
def disk(tmp_path: Path) -> KernelCache:
    return KernelCache(tmp_path)


@pytest.fixture
def cache(disk: KernelCache, monkeypatch: pytest.MonkeyPatch) -> ProgramCache:
    """An empty cache, in use."""
    cache = ProgramCache(disk)
    for module in (codegen, realize):
        monkeypatch.setattr(module, "to_program_cache", cache)
    return cache


def double(size: int) -> np.ndarray[Any, Any]:
    return (Tensor(np.arange(size, dtype=np.float32)).clone().realize() * 2).numpy()


def test_a_later_process_lowers_nothing_and_computes_the_same(tmp_path: Path) -> None:
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM]
    first, second = (
        subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=60
        ).stdout.split()
        for _ in range(2)
    )
    assert int(first[0]) > 0
    assert int(second[0]) == 0
    assert second[1] == first[1]


def test_stored_kernels_are_used_and_new_ones_stored(
    cache: ProgramCache, tmp_path: Path
) -> None:
    double(7)
    known = {*tmp_path.iterdir()}
    assert known
    cache.clear()
    double(7)
    assert {*tmp_path.iterdir()} == known
    double(9)
    assert {*tmp_path.iterdir()} > known


@pytest.mark.parametrize("damage", ["text", 3, b"\0"])
def test_other_values_are_ignored(
    damage: object, disk: KernelCache, cache: ProgramCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "get", lambda table, key: damage)
    np.testing.assert_array_equal(double(7), 2 * np.arange(7))
    assert all(isinstance(program, UOp) for program in cache.values())


def test_the_cache_is_not_used_if_the_user_disables_caching(
    disk: KernelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain: dict[Any, UOp] = {}
    monkeypatch.setattr(codegen, "to_program_cache", plain)
    monkeypatch.setattr(realize, "to_program_cache", plain)
    monkeypatch.setattr(program_cache, "CCACHE", 0)
    program_cache.install(disk)
    assert codegen.to_program_cache is realize.to_program_cache is plain
    monkeypatch.setattr(program_cache, "CCACHE", 1)
    program_cache.install(disk)
    assert isinstance(realize.to_program_cache, ProgramCache)
    assert codegen.to_program_cache is realize.to_program_cache


def test_tinygrads_settings_distinguish_programs(cache: ProgramCache, tmp_path: Path) -> None:
    double(7)
    known = {*tmp_path.iterdir()}
    with Context(NOOPT=1):
        double(7)
    assert {*tmp_path.iterdir()} > known

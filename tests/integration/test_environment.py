"""Other programs' variables do not reach tinygrad; a compiler is found without their help."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import tinygrad

OPEN = """
import os
from grok_tui.device.open import open_device
print(open_device("CPU"))
from tinygrad.helpers import DEBUG, JIT, getenv
print(DEBUG.value, JIT.value, getenv("THREADS", 1))
print(os.environ["CC"])
"""
# More than tinygrad reads, such as names in its examples and of its other devices.
NAMES = re.compile(r"""(?:getenv|ContextVar)\(f?["'](?:\{\w+\}_)?([A-Z][A-Z0-9_]+)""")
SHARED = {"XDG_CACHE_HOME", "CUDA_PATH", "ROCM_PATH", "CC", "PYTEST_XDIST_WORKER_COUNT"}


def opened(**variables: str) -> subprocess.CompletedProcess[str]:
    """A process that opens the CPU device, with variables of another program."""
    return subprocess.run(
        [sys.executable, "-c", OPEN],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_no_variable_of_another_program_reaches_tinygrad() -> None:
    sources = Path(tinygrad.__file__).parent.rglob("*.py")
    names = {n for s in sources for n in NAMES.findall(s.read_text(encoding="utf-8"))} - SHARED
    assert len(names) > 100
    more = {f"CPU{end}": "1" for end in ("", "_CC", "_LLVM", "_IFACE")} | {"CUDA": "1"}
    result = opened(**dict.fromkeys(names, "release"), **more)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[:2] == ["CPU", "0 1 1"]


def test_variables_with_the_prefix_do() -> None:
    result = opened(JIT="0", DEBUG="3", TINYGRAD_JIT="2")
    assert result.stdout.splitlines()[:2] == ["CPU", "0 2 1"]
    refused = opened(TINYGRAD_DEBUG="true")
    assert "tinygrad does not take TINYGRAD_DEBUG=true: " in refused.stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("value", ["gcc", "no-such-compiler -O2", "'"])
def test_a_cc_that_is_not_a_clang_is_for_other_programs(value: str, tmp_path: Path) -> None:
    result = opened(CC=value, XDG_CACHE_HOME=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.splitlines()[2]).is_relative_to(tmp_path)


@pytest.mark.slow
def test_a_clang_of_several_words_is_used(tmp_path: Path) -> None:
    said = tmp_path / "said"
    clang = tmp_path / "my clang"
    clang.write_text(
        f'#!/bin/sh\necho "$1" >> "{said}"\nshift\nexec "{os.environ["CC"]}" "$@"\n'
    )
    clang.chmod(0o755)
    result = opened(CC=f"'{clang}' hello", XDG_CACHE_HOME=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert {*said.read_text().split()} == {"hello"}


def test_the_cpu_opens_with_an_empty_environment(tmp_path: Path) -> None:
    import grok_tui

    package = str(Path(grok_tui.__file__).parents[1])
    variables = {"PYTHONPATH": package, "XDG_CACHE_HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", OPEN],
        env=variables, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr

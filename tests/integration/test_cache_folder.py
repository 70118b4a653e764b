"""Where caches go when `XDG_CACHE_HOME` names no folder: never below the current one."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import SMALL, call, environment

RECORD = ("--record", "run", *SMALL, "--steps", "5")


@pytest.mark.parametrize(("arguments", "value"), [(RECORD, ""), (("devices",), "cache")])
def test_an_empty_or_relative_cache_folder_counts_as_unset(
    arguments: tuple[str, ...], value: str, tmp_path: Path
) -> None:
    result = call(*arguments, cwd=tmp_path, env=environment(XDG_CACHE_HOME=value))
    assert result.code == 0, result.err
    assert {path.name for path in tmp_path.iterdir()} <= {"run"}


def test_a_cache_that_cannot_be_used_is_done_without(tmp_path: Path) -> None:
    result = call("devices", cwd=tmp_path, env=environment(XDG_CACHE_HOME="/dev/null"))
    assert result.code == 0, result.err
    assert "matrix products" in result.out.splitlines()[-1]

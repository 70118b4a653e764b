"""Kernels on disk: whatever happens to the files, they are right or missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grok_tui.device.kernel_cache import KernelCache

KERNEL = bytes(range(256))


def test_a_kernel_is_kept_for_the_next_process(tmp_path: Path) -> None:
    assert KernelCache(tmp_path / "new").get("clang", "code") is None
    assert KernelCache(tmp_path / "new").put("clang", "code", KERNEL) == KERNEL
    later = KernelCache(tmp_path / "new")
    assert later.get("clang", "code") == KERNEL
    assert later.get("clang", "other code") is None
    assert later.get("gcc", "code") is None


@given(where=st.integers(0, 400), damage=st.binary(min_size=1, max_size=8), cut=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_counts_as_missing_and_is_replaced(
    where: int, damage: bytes, cut: bool, tmp_path: Path
) -> None:
    cache = KernelCache(tmp_path)
    cache.put("clang", "code", KERNEL)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    start = where % len(whole)
    broken = whole[:start] if cut else whole[:start] + damage + whole[start + len(damage) :]
    file.write_bytes(broken)
    assert cache.get("clang", "code") == (KERNEL if broken == whole else None)
    cache.put("clang", "code", KERNEL)
    assert cache.get("clang", "code") == KERNEL


def _file_in_its_place(folder: Path) -> None:
    folder.write_text("not a folder")


def _folder_in_place_of_a_file(folder: Path) -> None:
    KernelCache(folder).put("clang", "code", KERNEL)
    (file,) = folder.iterdir()
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("spoil", [_file_in_its_place, _folder_in_place_of_a_file])
def test_without_a_usable_folder_nothing_is_kept(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    spoil(tmp_path / "kernels")
    cache = KernelCache(tmp_path / "kernels")
    assert cache.put("clang", "code", KERNEL) == KERNEL
    assert cache.get("clang", "code") is None


def test_what_cannot_be_pickled_is_not_kept(tmp_path: Path) -> None:
    cache = KernelCache(tmp_path)
    value = lambda: None  # noqa: E731
    assert cache.put("clang", "code", value) is value
    assert cache.get("clang", "code") is None

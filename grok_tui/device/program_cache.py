"""Lowered kernels, cached on disk for later processes.

tinygrad 0.14 caches the machine code of a kernel, but each process lowers every kernel to C
again: nearly two of the 2.3 seconds that compiling a small network takes. Here the lowered
kernels are stored beside the machine code, under tinygrad's keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinygrad import codegen
from tinygrad.engine import realize
from tinygrad.helpers import CCACHE
from tinygrad.uop.ops import UOp

from grok_tui.device.kernel_cache import KernelCache

Key = tuple[Any, ...]

_TABLE = "programs of tinygrad 0.14"


class ProgramCache(dict[Key, UOp]):
    """tinygrad's programs by key: those of this process, then those on disk."""

    def __init__(self, disk: KernelCache, programs: Mapping[Key, UOp] | None = None) -> None:
        super().__init__(programs or {})
        self._disk = disk

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and self.get(key) is not None

    def get(self, key: Key, default: Any = None) -> Any:
        if not super().__contains__(key):
            program = self._disk.get(_TABLE, _text(key))
            if isinstance(program, UOp):
                super().__setitem__(key, program)
        return super().get(key, default)

    def __setitem__(self, key: Key, program: UOp) -> None:
        super().__setitem__(key, program)
        self._disk.put(_TABLE, _text(key), program)


def install(disk: KernelCache) -> None:
    """Make tinygrad look for programs on disk, too, unless the user disabled its cache."""
    if CCACHE and not isinstance(codegen.to_program_cache, ProgramCache):
        cache = ProgramCache(disk, codegen.to_program_cache)
        codegen.to_program_cache = realize.to_program_cache = cache


def _text(key: Key) -> str:
    """A key as text, the same in every process: kernel hash, renderer and settings."""
    kernel, renderer, *settings = key
    return f"{kernel.hex()} {renderer.__qualname__} {' '.join(map(repr, settings))}"

"""Lowered kernels, cached on disk for later processes.

tinygrad 0.14 caches the machine code of a kernel, but each process lowers every kernel to C
again: nearly two of the 2.3 seconds that compiling a small network takes. Here the lowered
kernels are stored beside the machine code, in tinygrad's database and under its keys.
"""

from __future__ import annotations

import contextlib
from typing import Any

from tinygrad import codegen
from tinygrad.engine import realize
from tinygrad.helpers import CCACHE, diskcache_get, diskcache_put
from tinygrad.uop.ops import UOp

Key = tuple[Any, ...]

_TABLE = "grok_tui_programs_0_14"


class ProgramCache(dict[Key, UOp]):
    """tinygrad's programs by key: those of this process, then those on disk.

    Programs that cannot be read or written there count as missing.
    """

    def __contains__(self, key: object) -> bool:
        return isinstance(key, tuple) and self.get(key) is not None

    def get(self, key: Key, default: Any = None) -> Any:
        if not super().__contains__(key) and (program := _load(key)) is not None:
            super().__setitem__(key, program)
        return super().get(key, default)

    def __setitem__(self, key: Key, program: UOp) -> None:
        super().__setitem__(key, program)
        with contextlib.suppress(Exception):  # a full disk, a database in use
            diskcache_put(_TABLE, _text(key), program)


def install() -> None:
    """Make tinygrad look for programs on disk, too, unless the user disabled its cache."""
    if CCACHE and not isinstance(codegen.to_program_cache, ProgramCache):
        cache = ProgramCache(codegen.to_program_cache)
        codegen.to_program_cache = realize.to_program_cache = cache


def _load(key: Key) -> UOp | None:
    with contextlib.suppress(Exception):  # whatever a damaged entry raises
        program = diskcache_get(_TABLE, _text(key))
        return program if isinstance(program, UOp) else None
    return None


def _text(key: Key) -> str:
    """A key as text, the same in every process: kernel hash, renderer and settings."""
    kernel, renderer, *settings = key
    return f"{kernel.hex()} {renderer.__qualname__} {' '.join(map(repr, settings))}"

"""Compiled kernels on disk for later processes, one file each.

tinygrad's own cache is a single database, shared with every other program that uses tinygrad:
if it is locked or damaged, tinygrad waits or fails. A file that cannot be read or written here
costs compiling one kernel.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
from pathlib import Path
from typing import Any

from tinygrad import device

_DIGEST_BYTES = 32


class KernelCache:
    """Values by table and key, as tinygrad's `diskcache_get` and `diskcache_put` have them."""

    def __init__(self, folder: Path) -> None:
        """folder: for the files; created when the first is written."""
        self._folder = folder

    def get(self, table: str, key: object) -> Any:
        """The value of a key, None if it is missing or its file is damaged."""
        with contextlib.suppress(Exception):  # unpickling may raise anything
            content = self._file(table, key).read_bytes()
            digest, value = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
            if digest == _digest(value):
                return pickle.loads(value)  # noqa: S301  written by this user's own processes
        return None

    def put(self, table: str, key: object, value: Any) -> Any:
        """Keep a value if the disk allows; returns it."""
        with contextlib.suppress(Exception):  # a full disk, a value that cannot be pickled
            content = pickle.dumps(value)
            self._folder.mkdir(parents=True, exist_ok=True)
            file = self._file(table, key)
            # Renamed into place, so that another process never reads half a file.
            partial = file.with_suffix(f".{os.getpid()}")
            partial.write_bytes(_digest(content) + content)
            partial.replace(file)
        return value

    def _file(self, table: str, key: object) -> Path:
        return self._folder / _digest(f"{table} {key}".encode()).hex()


def install(folder: Path) -> KernelCache:
    """Make tinygrad keep the machine code of its kernels in a folder; returns the cache."""
    cache = KernelCache(folder)
    device.diskcache_get, device.diskcache_put = cache.get, cache.put
    return cache


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()

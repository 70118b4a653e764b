"""OpenBLAS, the library for products on the CPU: its kernels and its threads."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# OpenBLAS has kernels for AVX-512, but on AMD processors it picks those for AVX2, which are
# slower and whose results depend on the number of threads.
_KERNELS = "OPENBLAS_CORETYPE"
_AVX512_KERNELS = "SkylakeX"
_AVX512 = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}
# CBLAS's constants for row-major order, and for plain and transposed operands.
ROW_MAJOR = 101
TRANSPOSE = {False: 111, True: 112}
# Trial products, (M, N, K), in which no thread's share of M is a multiple of a kernel's tile.
ODD_SHAPES = ((905, 113, 250), (905, 512, 128))
# Others have shares that are multiples of the tile of the AVX2 kernels, which sum leftover rows
# in another order.
_TILE_ROWS = 24
_ALIGNED_TILES = 12  # per thread
_ALIGNED_WIDTHS = (113, 128, 512)
# With more threads, too few rows of the model's products could be divided among them.
_MOST_ALIGNED_THREADS = 4


def usable_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def openblas() -> ctypes.CDLL | None:
    """The OpenBLAS library of the scipy-openblas32 package, None if it is missing."""
    try:
        with best_kernels():  # importing the package loads its library
            folder = Path(importlib.import_module("scipy_openblas32").get_lib_dir())
            path = next(p for p in sorted(folder.iterdir()) if "libscipy_openblas" in p.name)
            library = ctypes.CDLL(str(path))
        library.scipy_openblas_set_num_threads(usable_cores())
        _ = library.scipy_cblas_sgemm
    except (ImportError, StopIteration, OSError, AttributeError):
        return None
    return library


def kernels() -> str:
    """The name of the kernels that OpenBLAS uses, such as `Haswell`; empty without OpenBLAS.

    Other kernels sum in another order, so the last digits of their products differ.
    """
    library = openblas()
    if library is None:
        return ""
    name = library.scipy_openblas_get_corename
    name.restype = ctypes.c_char_p
    return str(name().decode())


def set_threads(count: int) -> None:
    """Make OpenBLAS use `count` threads from the next product on."""
    if library := openblas():
        library.scipy_openblas_set_num_threads(count)


@functools.cache
def shared_rows() -> int:
    """The rows of a product that threads divide must be a multiple of this.

    Then the product is bit for bit the same on one thread as on all. 1 if any number of rows
    will do, 0 if no number is known to. Found by trial, once per process.
    """
    threads = usable_cores()
    if threads == 1 or all(same_on_all_threads(*shape) for shape in ODD_SHAPES):
        return 1
    aligned = _TILE_ROWS * threads
    shapes = ((_ALIGNED_TILES * aligned, n, 256) for n in _ALIGNED_WIDTHS)
    few = threads <= _MOST_ALIGNED_THREADS
    return aligned if few and all(same_on_all_threads(*shape) for shape in shapes) else 0


def same_on_all_threads(m: int, n: int, k: int) -> bool:
    """Whether an (m, k) @ (k, n) product is bit for bit the same on one thread as on all.

    Leaves OpenBLAS set to all threads.
    """
    if openblas() is None:
        return True
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape, dtype=np.float32) for shape in ((m, k), (k, n)))
    results = []
    for threads in (1, usable_cores()):
        set_threads(threads)
        results.append(product(a, b))
    return bool(np.array_equal(results[0], results[1]))


def product(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """a @ b, (m, k) @ (k, n), by one call to OpenBLAS, which must be installed."""
    library = openblas()
    assert library is not None
    (m, k), n = a.shape, b.shape[1]
    c = np.empty((m, n), dtype=np.float32)
    one, zero = ctypes.c_float(1), ctypes.c_float(0)
    pa, pb, pc = (ctypes.c_void_p(x.ctypes.data) for x in (a, b, c))
    order, plain = ROW_MAJOR, TRANSPOSE[False]
    library.scipy_cblas_sgemm(order, plain, plain, m, n, k, one, pa, k, pb, n, zero, pc, n)
    return c


@contextlib.contextmanager
def best_kernels() -> Iterator[None]:
    """Within it, OpenBLAS loads its AVX-512 kernels on AMD processors that support them.

    A choice that the user made in the environment stays.
    """
    if _KERNELS in os.environ or not amd_with_avx512():
        yield
        return
    os.environ[_KERNELS] = _AVX512_KERNELS
    try:
        yield
    finally:
        del os.environ[_KERNELS]


def amd_with_avx512(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether the processor is from AMD and has AVX-512; False if that is unknown."""
    try:
        lines = cpuinfo.read_text().split("\n\n", 1)[0].splitlines()
    except OSError:  # not Linux
        return False
    fields = {key.strip(): value for key, _, value in (x.partition(":") for x in lines)}
    amd = fields.get("vendor_id", "").strip() == "AuthenticAMD"
    return amd and set(fields.get("flags", "").split()) >= _AVX512

"""The OpenBLAS library that products on the CPU are done by: its kernels and its threads."""

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

# OpenBLAS has kernels for AVX-512, but on AMD's processors it takes those for AVX2: slower, and
# their results depend on the number of threads.
_KERNELS = "OPENBLAS_CORETYPE"
_AVX512_KERNELS = "SkylakeX"
_AVX512 = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}
# Operands of a product whose halves no tile of a kernel divides: (M, N, K).
_ODD_SHAPE = (905, 113, 250)


def blas_threads() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def openblas() -> ctypes.CDLL | None:
    """The OpenBLAS library of the scipy-openblas32 package, None if it is not there."""
    try:
        with _best_kernels():  # to import the package is to load its library
            folder = Path(importlib.import_module("scipy_openblas32").get_lib_dir())
            path = next(p for p in sorted(folder.iterdir()) if "libscipy_openblas" in p.name)
            library = ctypes.CDLL(str(path))
        library.scipy_openblas_set_num_threads(blas_threads())
        _ = library.scipy_cblas_sgemm
    except (ImportError, StopIteration, OSError, AttributeError):
        return None
    return library


def set_threads(count: int) -> None:
    """Let OpenBLAS run on `count` threads from the next product on."""
    if library := openblas():
        library.scipy_openblas_set_num_threads(count)


@functools.cache
def any_thread_count() -> bool:
    """Whether products are the same, bit for bit, on one thread as on all; it is tried once."""
    if openblas() is None:
        return True
    m, n, k = _ODD_SHAPE
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape, dtype=np.float32) for shape in ((m, k), (k, n)))
    results = []
    for threads in (1, blas_threads()):  # all of them are left at work
        set_threads(threads)
        results.append(_product(a, b))
    return bool(np.array_equal(results[0], results[1]))


def _product(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """By the library, in one call. a: (m, k). b: (k, n)."""
    library = openblas()
    assert library is not None
    (m, k), n = a.shape, b.shape[1]
    c = np.empty((m, n), dtype=np.float32)
    one, zero = ctypes.c_float(1), ctypes.c_float(0)
    pa, pb, pc = (ctypes.c_void_p(x.ctypes.data) for x in (a, b, c))
    library.scipy_cblas_sgemm(101, 111, 111, m, n, k, one, pa, k, pb, n, zero, pc, n)
    return c


@contextlib.contextmanager
def _best_kernels() -> Iterator[None]:
    """Have a library that is loaded meanwhile take its kernels for AVX-512, if it can.

    What the user asked for in the environment stays.
    """
    if _KERNELS in os.environ or not _amd_with_avx512():
        yield
        return
    os.environ[_KERNELS] = _AVX512_KERNELS
    try:
        yield
    finally:
        del os.environ[_KERNELS]


def _amd_with_avx512(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    try:
        lines = cpuinfo.read_text().split("\n\n", 1)[0].splitlines()
    except OSError:  # no Linux
        return False
    fields = {key.strip(): value for key, _, value in (x.partition(":") for x in lines)}
    amd = fields.get("vendor_id", "").strip() == "AuthenticAMD"
    return amd and set(fields.get("flags", "").split()) >= _AVX512

"""The matrix product for all large products of a model, as fast as the device allows.

On the CPU device it is a call to OpenBLAS inside tinygrad's jitted graph: the products that
tinygrad 0.14 generates run on one core at a tenth of the speed. Elsewhere, or if OpenBLAS or
tinygrad's C renderer is missing, it is tinygrad's own (`device.gpu_matmul`).
"""

from __future__ import annotations

import ctypes
import functools
import math

from tinygrad import Tensor, dtypes
from tinygrad.uop.ops import UOp

from grok_tui.device import c_calls
from grok_tui.device.gpu_matmul import tiled_product, whole_rows
from grok_tui.device.openblas import (
    ROW_MAJOR,
    TRANSPOSE,
    kernels,
    openblas,
    shared_rows,
    usable_cores,
)

# OpenBLAS cuts long sums into blocks whose size depends on its number of threads. In pieces
# shorter than any such block, sums are bit for bit the same on any number of threads, if these
# divide the rows as described in `device.openblas`.
_PIECE = 256
# With fewer rows, OpenBLAS's threads would divide the columns.
_LEAST_SHARED = 192


def matmul(a: Tensor, b: Tensor, *, ta: bool = False, tb: bool = False) -> Tensor:
    """The product of two matrices, each read transposed if its flag is set.

    a: (..., M, K), or (..., K, M) with `ta`; b: (..., K, N), or (..., N, K) with `tb`; both
    float32, with the same leading axis or none. Returns (..., M, N). Gradients flow to both
    operands. Raises ValueError if shapes or types do not fit.
    """
    _check(a, b, ta=ta, tb=tb)
    if not _calls_openblas(str(a.device)):
        return tiled_product(a.transpose(-1, -2) if ta else a, b.transpose(-1, -2) if tb else b)
    return Tensor(_product(a.contiguous().uop, b.contiguous().uop, ta=ta, tb=tb))


def rows_for(count: int, device: str) -> int:
    """The best number of rows on `device` for a tall matrix that needs `count`."""
    return count if _calls_openblas(device) else whole_rows(count)


def prepare(device: str) -> None:
    """Create the data that products on `device` read, so that no step records creating it."""
    if _calls_openblas(device):
        _entry_points()


def matmul_name(device: str) -> str:
    """The product that `matmul` uses on `device`, as text for the user."""
    if not c_calls.is_cpu(device):
        return "tinygrad's own"
    if not _calls_openblas(device):
        return "tinygrad's own (slow)"
    threads = usable_cores()
    return f"OpenBLAS {kernels()}, {threads} thread{'' if threads == 1 else 's'}"


def _calls_openblas(device: str) -> bool:
    return c_calls.runs_c(device) and openblas() is not None


def _check(a: Tensor, b: Tensor, *, ta: bool, tb: bool) -> None:
    # OpenBLAS gets only addresses: it would misread other types and shapes.
    fits = a.ndim == b.ndim and a.ndim in (2, 3) and a.shape[:-2] == b.shape[:-2]
    if not fits or a.shape[-2:][not ta] != b.shape[-2:][tb]:
        raise ValueError(f"cannot multiply {a.shape} by {b.shape} with ta={ta}, tb={tb}")
    if a.dtype != dtypes.float32 or b.dtype != dtypes.float32:
        raise ValueError(f"cannot multiply {a.dtype} by {b.dtype}: both must be float32")


def _product(a: UOp, b: UOp, *, ta: bool, tb: bool) -> UOp:
    """The custom kernel of one product, with its gradient."""
    *lead, m, k = (int(size) for size in a.shape)
    if ta:
        m, k = k, m
    n, count = int(b.shape[-2 if tb else -1]), math.prod(lead)
    name = f"sgemm_{'T' if ta else 'N'}{'T' if tb else 'N'}_{m}_{n}_{k}"
    if count > 1:
        name = f"{name}_x{count}"
    source = _c_source(name, count, m, n, k, ta=ta, tb=tb)
    gradient = functools.partial(_gradient, ta=ta, tb=tb)
    outs, ins = [c_calls.empty(*lead, m, n)], (a, b, _entry_points().uop)
    operations = 2 * count * m * n * k
    return c_calls.call(name, source, outs, ins, operations=operations, gradient=gradient)[0]


@functools.cache
def _entry_points() -> Tensor:
    """Addresses of OpenBLAS's product and of its getter and setter of the number of threads.

    They are data because in the source they would defeat the compile cache.
    """
    library = openblas()
    assert library is not None
    functions = (
        library.scipy_cblas_sgemm,
        library.scipy_openblas_get_num_threads,
        library.scipy_openblas_set_num_threads,
    )
    addresses = [ctypes.cast(function, ctypes.c_void_p).value for function in functions]
    return Tensor(addresses, dtype=dtypes.uint64, device="CPU").realize()


def _gradient(grad: UOp, call: UOp, *, ta: bool, tb: bool) -> tuple[None, UOp, UOp, None]:
    """Gradients of the operands, which are products with other flags."""
    a, b = call.src[2:4]
    g = grad.contiguous()
    grad_a = _product(b, g, ta=tb, tb=True) if ta else _product(g, b, ta=False, tb=not tb)
    grad_b = _product(g, a, ta=True, tb=ta) if tb else _product(a, g, ta=not ta, tb=False)
    return None, grad_a, grad_b, None


def _c_source(name: str, count: int, m: int, n: int, k: int, *, ta: bool, tb: bool) -> str:
    """C that calls OpenBLAS by address, `count` times, without includes or linking.

    All threads divide the first rows; one thread computes the rest, if any.
    """
    rows = shared_rows()
    shared = m if rows <= 1 else m - m % rows if m >= _LEAST_SHARED else 0
    lda, ldb = (m if ta else k), (k if tb else n)
    next_a, next_b = (m if ta else 1), (1 if tb else n)  # strides along the sums
    row_a = 1 if ta else k

    def product(first: int, count: int) -> str:
        """The rows of the product from `first` on."""
        return f"""
  for (int k = 0; k < {k}; k += {_PIECE}) {{
    ((sgemm)*entry)({ROW_MAJOR}, {TRANSPOSE[ta]}, {TRANSPOSE[tb]}, {count}, {n},
                    {k} - k < {_PIECE} ? {k} - k : {_PIECE}, 1.0f,
                    a + k * {next_a} + {first * row_a}, {lda}, b + k * {next_b}, {ldb},
                    k ? 1.0f : 0.0f, c + {first * n}, {n});
  }}"""

    body = product(0, shared) if shared else ""
    if shared < m:
        body += f"""
  int threads = ((int (*)(void))entry[1])();
  ((void (*)(int))entry[2])(1);{product(shared, m - shared)}
  ((void (*)(int))entry[2])(threads);"""
    return f"""
typedef void (*sgemm)(int, int, int, int, int, int, float, const float*, int,
                      const float*, int, float, float*, int);
void {name}(float* restrict c, float* restrict a, float* restrict b,
            unsigned long long* restrict entry) {{
  for (int i = 0; i < {count}; i++, a += {m * k}, b += {k * n}, c += {m * n}) {{{body}
  }}
}}
"""

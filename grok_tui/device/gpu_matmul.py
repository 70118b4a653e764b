"""tinygrad's own matrix product, padded to sizes that a GPU can divide: 113 is prime."""

from __future__ import annotations

from tinygrad import Tensor

# Multiples of this can be divided among threads and tensor cores. If 3 divides them as well,
# tinygrad makes vectors of three, which are slow to load.
_TILE = 16
# Products with a size below this are too narrow for tiles.
_LEAST = 8
# A GPU would sum over thousands of rows one by one, with most of it idle. So the rows of a tall
# matrix are summed in parts of this size, all in parallel, and then the parts are summed.
_PART = 128
_TALL = 2 * _PART


def tiled_product(a: Tensor, b: Tensor) -> Tensor:
    """(..., M, K) @ (..., K, N), computed with sizes padded by zeros to whole tiles.

    Every product and every gradient gets its own kernel. Otherwise tinygrad would fuse slices
    and sums into the products, or recompute a product for every sum that uses it.
    """
    m, k, n = (int(size) for size in (*a.shape[-2:], b.shape[-1]))
    large, tall = min(m, k, n) >= _LEAST, m > _TALL
    inner, columns = (_whole(k, _TILE), _whole(n, _TILE)) if large else (k, n)
    a = _padded(a, whole_rows(m) if large or tall else m, inner)
    b = _padded(b, inner, columns)
    product = _in_parts(a, b) if tall else a @ b
    if large:
        product = product.contiguous()
    return product.contiguous_backward()[..., :m, :n]


def whole_rows(count: int) -> int:
    """How many rows to make if `count` are needed, so that a product pads none."""
    return _whole(count, _PART if count > _TALL else _TILE)


def repeated_row(row: Tensor, count: int) -> Tensor:
    """The row (..., 1, width) repeated as (..., count, width), without a copy."""
    rows = _repeated(row, -(-count // _PART))
    *lead, _, width = rows.shape
    return rows.expand(*lead, _PART, width).flatten(-3, -2)[..., :count, :]


def _in_parts(a: Tensor, b: Tensor) -> Tensor:
    """The product of a tall matrix; the gradient of b is computed in parts, then summed."""
    *lead, m, k = a.shape
    parts = a.reshape(*lead, -1, _PART, k)
    return (parts @ _repeated(b, int(m) // _PART)).flatten(-3, -2)


def _repeated(x: Tensor, parts: int) -> Tensor:
    """(..., M, N) -> (..., parts, M, N); the parts' gradients are computed, then summed."""
    *lead, m, n = x.shape
    return x.unsqueeze(-3).expand(*lead, parts, m, n).contiguous_backward()


def _whole(size: int, tile: int) -> int:
    """The size, or the next larger one that tiles divide well."""
    if size % tile == 0:
        return size
    tiles = size // tile + 1
    return tile * (tiles + 1 if tiles > 3 and tiles % 3 == 0 else tiles)


def _padded(x: Tensor, rows: int, columns: int) -> Tensor:
    """The matrix padded with zeros to (..., rows, columns)."""
    more = rows - int(x.shape[-2]), columns - int(x.shape[-1])
    if any(more):
        x = x.pad((*(None for _ in x.shape[:-2]), (0, more[0]), (0, more[1]))).contiguous()
    return x.contiguous_backward()

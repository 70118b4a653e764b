"""tinygrad's own matrix product, of sizes that a GPU can share out: 113 is a prime."""

from __future__ import annotations

from tinygrad import Tensor

# Threads and tensor cores share out sizes that this divides. Of those that 3 divides tinygrad
# would make threes, which are slow to load.
_TILE = 16
# Products with a size below are too narrow for tiles.
_LEAST = 8
# A GPU does a sum over thousands of rows term by term, with most of it idle: of a tall matrix
# so many rows are summed by themselves, all such parts at a time, and then the parts.
_PART = 128
_TALL = 2 * _PART


def tiled_product(a: Tensor, b: Tensor) -> Tensor:
    """(..., M, K) @ (..., K, N), with zeros added where sizes are not whole, then cut off.

    Every product and every gradient gets a kernel of its own: tinygrad would else move cuts
    and sums into the products, or do a product again wherever a sum needs an element of it.
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
    """How many rows of a matrix to make where `count` are needed, so that none are added."""
    return _whole(count, _PART if count > _TALL else _TILE)


def repeated_row(row: Tensor, count: int) -> Tensor:
    """The row (..., 1, width) `count` times, (..., count, width), in no memory."""
    rows = _repeated(row, -(-count // _PART))
    *lead, _, width = rows.shape
    return rows.expand(*lead, _PART, width).flatten(-3, -2)[..., :count, :]


def _in_parts(a: Tensor, b: Tensor) -> Tensor:
    """The product of a tall matrix, whose gradient of b is that of its parts, then summed."""
    *lead, m, k = a.shape
    parts = a.reshape(*lead, -1, _PART, k)
    return (parts @ _repeated(b, int(m) // _PART)).flatten(-3, -2)


def _repeated(x: Tensor, parts: int) -> Tensor:
    """(..., M, N) -> (..., parts, M, N); the gradient of each part is made, then their sum."""
    *lead, m, n = x.shape
    return x.unsqueeze(-3).expand(*lead, parts, m, n).contiguous_backward()


def _whole(size: int, tile: int) -> int:
    """The size, or the next larger one that a GPU can share out in tiles."""
    if size % tile == 0:
        return size
    tiles = size // tile + 1
    return tile * (tiles + 1 if tiles > 3 and tiles % 3 == 0 else tiles)


def _padded(x: Tensor, rows: int, columns: int) -> Tensor:
    """With zeros after the rows and the columns of a matrix."""
    more = rows - int(x.shape[-2]), columns - int(x.shape[-1])
    if any(more):
        x = x.pad((*(None for _ in x.shape[:-2]), (0, more[0]), (0, more[1]))).contiguous()
    return x.contiguous_backward()

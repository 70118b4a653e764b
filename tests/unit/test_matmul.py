"""Products and their gradients, by OpenBLAS and by tinygrad's product without it."""

from __future__ import annotations

import re

import numpy as np
import pytest
from numpy.typing import NDArray
from tinygrad import Tensor, TinyJit, dtypes
from tinygrad.renderer.llvmir import CPULLVMRenderer
from tinygrad.uop.ops import Ops

from grok_tui.device import c_calls
from grok_tui.device import matmul as module
from grok_tui.device.gpu_matmul import repeated_row
from grok_tui.device.matmul import matmul, matmul_name, rows_for
from grok_tui.device.openblas import set_threads, shared_rows, usable_cores

pytestmark = pytest.mark.usefixtures("cpu")

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

ROUNDING = 2.0**-24
FLAGS = [(False, False), (False, True), (True, False), (True, True)]


@pytest.fixture(params=["OpenBLAS", "tinygrad"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The product that `matmul` uses in the test."""
    if request.param == "tinygrad":
        monkeypatch.setattr(module, "openblas", lambda: None)
    return str(request.param)


def draw(*shape: int, seed: int = 0) -> Float32:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def assert_product(ours: Tensor, a: Float32, b: Float32) -> None:
    """Check that `ours` is a @ b up to rounding.

    In any order of summation, K products are off by at most K 2^-24 sum |a| |b|. Since
    rounding errors are independent, the result is off by less than 2^-24 |a| |b| in norms,
    which is sqrt(K) roundings if a and b are independent.
    """
    x, y = a.astype(np.float64), b.astype(np.float64)
    error = np.abs(ours.numpy() - x @ y)
    assert (error <= a.shape[1] * ROUNDING * (np.abs(x) @ np.abs(y))).all()
    assert np.linalg.norm(error) <= ROUNDING * np.linalg.norm(x) * np.linalg.norm(y)


@pytest.mark.parametrize(("ta", "tb"), FLAGS)
@pytest.mark.parametrize(
    "size",
    [
        *((3840, 128, 512), (300, 113, 9), (257, 20, 4)),
        *((5, 3, 7), (1, 4, 3), (4, 1, 3), (4, 3, 1), (1, 1, 1)),
    ],
    ids=str,
)
def test_values_and_gradients(
    size: tuple[int, int, int], ta: bool, tb: bool, path: str
) -> None:
    m, k, n = size
    a, b, g = draw(m, k), draw(k, n), draw(m, n)
    left = Tensor(np.ascontiguousarray(a.T) if ta else a).realize()
    right = Tensor(np.ascontiguousarray(b.T) if tb else b).realize()

    product = matmul(left, right, ta=ta, tb=tb)
    d_left, d_right = (product * Tensor(g)).sum().gradient(left, right)
    called = {u.op for u in product.uop.toposort()}
    assert (Ops.PROGRAM in called) == (path == "OpenBLAS")
    Tensor.realize(product, d_left, d_right)

    assert_product(product, a, b)
    assert_product(d_left.T if ta else d_left, g, b.T)
    assert_product(d_right.T if tb else d_right, a.T, g)


@pytest.mark.parametrize(("ta", "tb"), FLAGS)
def test_openblas_equals_tinygrads_own_product(ta: bool, tb: bool) -> None:
    a = Tensor(draw(128, 640) if ta else draw(640, 128)).realize()
    b = Tensor(draw(512, 128) if tb else draw(128, 512)).realize()
    g = Tensor(draw(640, 512)).realize()
    ours, theirs = (
        [product, *(product * g).sum().gradient(a, b)]
        for product in (matmul(a, b, ta=ta, tb=tb), (a.T if ta else a) @ (b.T if tb else b))
    )
    for mine, own in zip(ours, theirs, strict=True):
        # Two sums of K <= 640 terms, each off by about sqrt(K) roundings.
        error = np.linalg.norm(mine.numpy() - own.numpy()) / np.linalg.norm(own.numpy())
        assert error < 2 * np.sqrt(640) * ROUNDING


def test_operands_that_are_views_of_other_tensors(path: str) -> None:
    x, y = draw(9, 6), draw(3, 4)
    wide, b, row = Tensor(x).realize(), Tensor(y).realize(), Tensor(x[:1, :3]).realize()
    assert_product(matmul(wide[2:7, 1:4], b), x[2:7, 1:4], y)
    assert_product(matmul(wide[:, :3].flip(0), b), x[::-1, :3], y)
    assert_product(matmul(b.T, wide[:3], ta=False), y.T, x[:3])
    assert_product(matmul(b.T, wide[:4], ta=True), y, x[:4])
    assert_product(matmul(row.expand(5, 3), b), np.repeat(x[:1, :3], 5, axis=0), y)
    (gradient,) = matmul(wide[2:7, 1:4], b).sum().gradient(wide)
    expected = np.zeros_like(x)
    expected[2:7, 1:4] = y.sum(1)
    np.testing.assert_allclose(gradient.numpy(), expected, rtol=0, atol=8 * ROUNDING)


def test_operands_that_are_constants_or_not_yet_computed(path: str) -> None:
    x, y, ones = draw(5, 3), draw(3, 4), np.ones((3, 4), dtype=np.float32)
    a, b = Tensor(x).realize(), Tensor(y).realize()
    assert_product(matmul(a, Tensor.ones(3, 4)), x, ones)
    assert_product(matmul(Tensor.ones(4, 3), b), ones.T, y)
    assert_product(matmul(Tensor.ones(4, 3), Tensor.ones(3, 4)), ones.T, ones)
    assert_product(matmul(a * 2, b + 1), x * 2, y + 1)
    a.assign(a * 4)
    assert_product(matmul(a, b), x * 4, y)


def test_an_operand_used_twice_and_a_product_used_twice(path: str) -> None:
    x, y, w = draw(5, 3), draw(3, 4), draw(5, 5)
    a, b = Tensor(x).realize(), Tensor(y).realize()
    gram = matmul(a, a, tb=True)
    (gradient,) = (gram * Tensor(w)).sum().gradient(a)
    assert_product(gram, x, x.T)
    assert_product(gradient, w + w.T, x)

    product = matmul(a, b)
    d_a, d_b = (product * product).sum().gradient(a, b)
    doubled = 2 * (x.astype(np.float64) @ y)
    np.testing.assert_allclose(d_a.numpy(), doubled @ y.T, rtol=0, atol=1e-5)
    np.testing.assert_allclose(d_b.numpy(), x.T @ doubled, rtol=0, atol=1e-5)


def test_inside_a_jitted_step_every_call_sees_the_new_operands(path: str) -> None:
    weight = Tensor(draw(3, 4)).realize()

    @TinyJit
    def step(x: Tensor) -> tuple[Tensor, Tensor]:
        product = matmul(x, weight)
        (gradient,) = (product * 0.5).sum().gradient(weight)
        weight.assign(weight + gradient)
        return product.realize(), weight.realize()

    expected = draw(3, 4).astype(np.float64)
    for call in range(5):
        x = draw(6, 3, seed=call)
        product, updated = (t.numpy() for t in step(Tensor(x).realize()))
        np.testing.assert_allclose(product, x @ expected, rtol=1e-5, atol=1e-5)
        expected = expected + 0.5 * x.T.astype(np.float64) @ np.ones((6, 4))
        np.testing.assert_allclose(updated, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shapes", [((2, 3), (4, 2)), ((2, 3, 3), (3, 4)), ((3,), (3, 4))])
def test_shapes_that_do_not_fit_are_refused(
    shapes: tuple[tuple[int, ...], ...], path: str
) -> None:
    with pytest.raises(ValueError, match="cannot multiply"):
        matmul(Tensor.empty(*shapes[0]), Tensor.empty(*shapes[1]))


def test_types_whose_bytes_openblas_would_misread_are_refused(
    path: str,
) -> None:
    with pytest.raises(ValueError, match="float32"):
        matmul(Tensor.empty(2, 3, dtype=dtypes.half), Tensor.empty(3, 4))
    with pytest.raises(ValueError, match="float32"):
        matmul(Tensor.empty(2, 3), Tensor.empty(3, 4, dtype=dtypes.int))


# --- threads --------------------------------------------------------------------------


SHAPES = [(905, 512, 128), (128, 512, 905), (114, 128, 128), (3830, 113, 512), (512, 113, 3830)]


@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
@pytest.mark.parametrize("rows", ["as found", "aligned"])
def test_products_are_the_same_on_any_number_of_threads(
    m: int, n: int, k: int, rows: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit; otherwise a run would depend on the load of the machine."""
    if rows == "aligned":  # as for kernels that need it, even if this machine's do not
        monkeypatch.setattr(module, "shared_rows", lambda: 24 * max(2, usable_cores()))
    elif not shared_rows():
        pytest.skip("no number of rows makes it so: runs keep their number of threads")
    a, b = draw(k, m), draw(k, n)
    before, results = usable_cores(), []
    try:
        for threads in (1, max(2, before)):
            set_threads(threads)
            results.append(matmul(Tensor(a), Tensor(b), ta=True).numpy())
    finally:
        set_threads(before)
    np.testing.assert_array_equal(results[0], results[1])
    expected = a.astype(np.float64).T @ b
    np.testing.assert_allclose(results[0], expected, atol=k * ROUNDING * 40)


# --- the choice of product -----------------------------------------------------------


@pytest.mark.parametrize("count", [1, 16, 17, 47, 113, 128, 257, 288, 384, 3830, 12769])
def test_row_counts_that_a_gpu_can_divide(count: int, path: str) -> None:
    rows = rows_for(count, "CPU")
    if path == "OpenBLAS":
        assert rows == count
    else:
        assert rows % (16 if count <= 256 else 128) == 0
        assert count <= rows <= 1.5 * count + 15
        assert rows_for(rows, "CPU") == rows


@pytest.mark.parametrize("count", [2, 128, 129, 3830])
def test_a_repeated_row_and_its_gradient(count: int) -> None:
    x, g = draw(2, 1, 6), draw(2, count, 6)
    row = Tensor(x).realize()
    rows = repeated_row(row, count).contiguous()
    (gradient,) = (rows * Tensor(g)).sum().gradient(row)
    Tensor.realize(rows, gradient)
    np.testing.assert_array_equal(rows.numpy(), np.repeat(x, count, axis=1))
    exact = g.astype(np.float64).sum(1, keepdims=True)
    error = np.abs(gradient.numpy() - exact)
    assert (error <= np.sqrt(count) * ROUNDING * np.linalg.norm(g, axis=1, keepdims=True)).all()


def test_the_name_of_the_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "usable_cores", lambda: 2)
    assert re.fullmatch(r"OpenBLAS \w+, 2 threads", matmul_name("CPU"))
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    assert re.fullmatch(r"OpenBLAS \w+, 1 thread", matmul_name("CPU"))
    assert matmul_name("METAL") == matmul_name("CUDA:1") == "tinygrad's own"
    monkeypatch.setattr(module, "openblas", lambda: None)
    assert matmul_name("CPU") == "tinygrad's own (slow)"


def test_a_cpu_renderer_other_than_c_gets_tinygrads_own_product(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(c_calls, "ClangRenderer", CPULLVMRenderer)
    product = matmul(Tensor(draw(5, 3)), Tensor(draw(3, 4)))
    assert Ops.PROGRAM not in {u.op for u in product.uop.toposort()}
    assert matmul_name("CPU:LLVM") == "tinygrad's own (slow)"

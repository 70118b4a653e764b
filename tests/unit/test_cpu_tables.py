"""The C kernels of attention and of mixing, one by one, against NumPy in float64.

A sum of K float32 terms is off by about sqrt(K) roundings of 2^-24; the limits allow 8 times
that, relative to the largest entry of the array.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tensors import int32
from tinygrad import Tensor

from grok_tui.models.transformer.cpu_tables import attend, mix

pytestmark = pytest.mark.usefixtures("cpu")

Float64 = NDArray[np.float64]
ROUNDING = 2.0**-24


def draw(*shape: int, seed: int = 0) -> Float64:
    """Normal numbers, exactly representable in float32."""
    values = np.random.default_rng([seed, *shape]).standard_normal(shape)
    return values.astype(np.float32).astype(np.float64)


def tokens(p: int, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """n random pairs, unordered and some of them repeated."""
    return tuple(np.random.default_rng(p).integers(p, size=(2, n)))  # type: ignore[return-value]


def tensor(values: Float64) -> Tensor:
    return Tensor(values.astype(np.float32)).realize()


def check(ours: Tensor, exact: Float64, terms: int) -> None:
    error = np.abs(ours.numpy() - exact).max()
    assert error <= 8 * np.sqrt(terms) * ROUNDING * np.abs(exact).max()


def numpy_attend(scores: Float64, a: NDArray[np.int64], b: NDArray[np.int64]) -> Float64:
    p = len(scores) // 2
    chosen = np.stack([scores[a], scores[p + b], np.tile(scores[-1:], (len(a), 1))], axis=1)
    exps = np.exp(chosen - chosen.max(1, keepdims=True))
    result: Float64 = exps / exps.sum(1, keepdims=True)
    return result


@pytest.mark.parametrize("scale", [1.0, 300.0])
@pytest.mark.parametrize(("p", "heads", "n"), [(5, 1, 9), (13, 4, 400), (3, 7, 1)])
def test_attention_and_its_gradient(p: int, heads: int, n: int, scale: float) -> None:
    scores, g = scale * draw(2 * p + 1, heads), draw(n, 3, heads)
    a, b = tokens(p, n)
    x = tensor(scores)
    pattern = attend(x, int32(a), int32(b))
    (d_scores,) = (pattern * tensor(g)).sum().gradient(x)

    scores = x.numpy().astype(np.float64)
    exact = numpy_attend(scores, a, b)
    slope = exact * (g - (exact * g).sum(1, keepdims=True))
    expected = np.zeros_like(scores)
    for i in range(n):
        expected[a[i]] += slope[i, 0]
        expected[p + b[i]] += slope[i, 1]
        expected[-1] += slope[i, 2]
    # A difference of scores has a relative error of up to 2^-24, which exp passes on.
    limit = 8 * (1 + np.ptp(scores)) * ROUNDING
    np.testing.assert_allclose(pattern.numpy(), exact, rtol=limit, atol=1e-37)
    np.testing.assert_allclose(d_scores.numpy(), expected, rtol=0, atol=limit * np.sqrt(n) * 4)


@pytest.mark.parametrize("onto", [False, True])
@pytest.mark.parametrize(
    ("p", "heads", "width", "n"),
    [(5, 1, 3, 9), (13, 4, 16, 300), (13, 2, 33, 300), (3, 7, 48, 1), (3, 8, 15, 20)],
)
def test_mixing_and_its_gradient(p: int, heads: int, width: int, n: int, onto: bool) -> None:
    pattern, table, g = draw(n, 3, heads), draw(2 * p * heads + 1, width), draw(n, width)
    a, b = tokens(p, n)
    x, y = tensor(pattern), tensor(table)
    z = tensor(draw(n, width, seed=1))
    out = mix(x, y, int32(a), int32(b), z if onto else None)
    d_pattern, d_table, *d_z = (out * tensor(g)).sum().gradient(x, y, *([z] if onto else []))

    rows_a, rows_b = (
        table[:-1].reshape(2, p, heads, width)[k, i] for k, i in enumerate((a, b))
    )
    exact = table[-1] + (pattern[:, 0, :, None] * rows_a + pattern[:, 1, :, None] * rows_b).sum(
        1
    )
    if onto:
        exact = exact + z.numpy()
        np.testing.assert_array_equal(d_z[0].numpy(), g)
    else:
        g = g * (exact > 0)
        exact = np.maximum(exact, 0)
    expected_pattern = np.zeros_like(pattern)
    expected_pattern[:, 0] = np.einsum("iw,ihw->ih", g, rows_a)
    expected_pattern[:, 1] = np.einsum("iw,ihw->ih", g, rows_b)
    expected = np.zeros((2, p, heads, width))
    np.add.at(expected[0], a, pattern[:, 0, :, None] * g[:, None])
    np.add.at(expected[1], b, pattern[:, 1, :, None] * g[:, None])
    check(out, exact, 2 * heads + 1)
    check(d_pattern, expected_pattern, width)
    check(d_table, np.vstack([expected.reshape(-1, width), g.sum(0)]), n)


def test_nan_passes_through_the_relu() -> None:
    """A diverged run must not look healthy."""
    table = draw(7, 20)
    table[-1, 3] = np.nan
    out = mix(tensor(draw(1, 3, 1)), tensor(table), *(int32(np.array([2])),) * 2)
    assert np.isnan(out.numpy()).sum() == 1


def test_tokens_of_another_type_are_refused() -> None:
    scores, a = tensor(draw(7, 2)), Tensor([0, 1], dtype="int64")
    with pytest.raises(ValueError, match="int32"):
        attend(scores, a, a)

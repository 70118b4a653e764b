"""The float32 loss against one with 60 decimal digits.

The logits are exact float32 numbers. A difference d of two of them, d log2(e) inside exp and
the constant log2(e) each have a relative error of up to 2^-24, so exp(d) has one of up to
3 |d| 2^-24. A sum over p logits adds up to p 2^-24, and everything else 16 * 2^-24.
"""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest
from numpy.typing import NDArray
from tensors import int32
from tinygrad import Tensor, TinyJit

from grok_tui.training.losses import cross_entropy, log1p, mean, pair_losses

pytestmark = pytest.mark.usefixtures("cpu", "kernels")

ROUNDING = 2.0**-24
SMALLEST_NORMAL = float(np.finfo(np.float32).tiny)

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]


def exact(logits: Float32, answer: int) -> tuple[float, Float64]:
    """The loss and its gradient, (p,), for one row of logits, (p,)."""
    with localcontext() as context:
        context.prec = 60
        right = Decimal(float(logits[answer]))
        others = [Decimal(float(x)) - right for x in logits]
        exps = [(d.exp() if j != answer else Decimal(0)) for j, d in enumerate(others)]
        s = sum(exps)
        gradient = [float(e / (1 + s)) for e in exps]
        gradient[answer] = -float(s / (1 + s))
        # ln(1 + s) keeps 60 - 40 digits of s = 1e-40.
        return float((1 + s).ln()), np.array(gradient)


def ours(logits: Float32, answer: NDArray[np.int64]) -> tuple[Float64, Float64]:
    """Losses (batch,), and the gradient (batch, p) of their sum."""
    x = Tensor(logits).realize()
    losses = cross_entropy(x, int32(answer))
    (gradient,) = losses.sum().gradient(x)
    Tensor.realize(losses, gradient)
    return losses.numpy().astype(np.float64), gradient.numpy().astype(np.float64)


def tolerance(logits: Float32) -> float:
    """The relative rounding error of a row's loss and gradient; see the module docstring."""
    return (3 * float(np.ptp(logits)) + len(logits) + 16) * ROUNDING


def check(logits: Float32, answer: NDArray[np.int64]) -> None:
    losses, gradients = ours(logits, answer)
    assert np.isfinite(losses).all()
    assert np.isfinite(gradients).all()
    for row, y, loss, gradient in zip(logits, answer, losses, gradients, strict=True):
        exact_loss, exact_gradient = exact(row, int(y))
        assert tolerance(row) < 1e-4
        # The terms of other answers may count as zero below 1e-30.
        limits = {"rtol": tolerance(row), "atol": len(row) * 1e-30}
        np.testing.assert_allclose(loss, exact_loss, **limits)
        np.testing.assert_allclose(gradient, exact_gradient, **limits)


def confident_rows(margins: list[float], p: int = 113) -> tuple[Float32, NDArray[np.int64]]:
    """Rows whose right logit exceeds the others by at least a margin, and their answers."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(len(margins), p))
    answer = rng.integers(p, size=len(margins))
    rows = np.arange(len(margins))
    logits[rows, answer] = logits.max(-1) + margins
    return logits.astype(np.float32), answer


def test_confident_pairs_keep_value_and_gradient_far_below_1e_12() -> None:
    logits, answer = confident_rows([0, 1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 40, 50, 60])
    smallest = exact(logits[9], int(answer[9]))[0]
    assert 1e-13 < smallest < 1e-11
    check(logits, answer)


def test_the_mean_keeps_its_precision_in_a_jitted_step() -> None:
    """tinygrad may rewrite sums when it fuses them, and has lost a small loss that way."""

    @TinyJit
    def step(logits: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
        loss = mean(cross_entropy(logits, answer))
        (gradient,) = loss.gradient(logits)
        return loss.realize(), gradient.realize()

    for margin in (0.0, 8.0, 16.0, 28.0, 40.0):
        logits, answer = confident_rows([margin] * 3)
        loss, gradient = (t.numpy() for t in step(Tensor(logits).realize(), int32(answer)))
        rows = [exact(row, int(y)) for row, y in zip(logits, answer, strict=True)]
        limit = max(tolerance(row) for row in logits)
        np.testing.assert_allclose(loss, np.mean([value for value, _ in rows]), rtol=limit)
        expected = np.array([slope for _, slope in rows]) / 3
        np.testing.assert_allclose(gradient, expected, rtol=limit)


def test_log_softmax_in_float32_fails_where_ours_holds() -> None:
    """Softmax collapse: a loss and a gradient of exactly zero."""
    logits, answer = confident_rows([28])
    x = Tensor(logits).realize()
    naive = -x.log_softmax()[0, int(answer[0])]
    (gradient,) = naive.gradient(x)
    exact_loss, exact_gradient = exact(logits[0], int(answer[0]))
    assert exact_loss > 1e-13
    assert naive.item() == 0
    assert exact_gradient[answer[0]] < -1e-13
    assert gradient.numpy()[0, answer[0]] == 0


def test_logits_of_the_normal_init_differ_by_hundreds() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(scale=60, size=(40, 113)).astype(np.float32)
    assert np.ptp(logits, axis=-1).min() > 200
    check(logits, rng.integers(113, size=40))


def test_near_a_tie_of_the_right_logit_and_the_largest_other() -> None:
    """Here the largest difference changes sign and another branch takes over."""
    steps = np.array([-1, -1e-3, -1e-6, 0, 1e-6, 1e-3, 1], dtype=np.float32)
    logits = np.zeros((len(steps), 5), dtype=np.float32)
    logits[:, 2] = steps
    logits[:, 4] = -20
    check(logits, np.full(len(steps), 2))
    check(logits, np.full(len(steps), 4))


def test_near_the_end_of_the_series_of_log1p() -> None:
    """Two logits: s = exp(-margin) runs through 1/2."""
    margins = np.log(2) + np.linspace(-0.1, 0.1, 41)
    logits = np.stack([margins, np.zeros(41)], axis=1).astype(np.float32)
    check(logits, np.zeros(41, dtype=np.int64))


def test_a_uniform_guess_costs_log_p() -> None:
    logits = np.full((1, 113), -7.5, dtype=np.float32)
    check(logits, np.array([3]))
    assert ours(logits, np.array([3]))[0][0] == pytest.approx(np.log(113), rel=4 * ROUNDING)


@pytest.mark.parametrize("difference", [90.0, 1e3, 1e6, 1e30])
def test_extreme_differences_give_no_nan_and_no_infinity(difference: float) -> None:
    logits = np.array([[difference, 0, 0], [-difference, 0, 0]], dtype=np.float32)
    losses, gradients = ours(logits, np.zeros(2, dtype=np.int64))
    # exp(-90) = 8e-40 is below the smallest normal float32, so it may count as zero.
    expected = [0, difference + np.log(2)]  # two others tie
    np.testing.assert_allclose(losses, expected, rtol=4 * ROUNDING, atol=1e-38)
    np.testing.assert_allclose(
        gradients, [[0, 0, 0], [-1, 0.5, 0.5]], rtol=4 * ROUNDING, atol=1e-38
    )


def test_a_confident_batch_has_no_subnormal_gradients() -> None:
    """Subnormals made steps late in training seven times slower on a CPU."""
    logits, answer = confident_rows([40 + 0.1 * i for i in range(600)])
    x = Tensor(logits).realize()
    answers = int32(answer)
    gradient = mean(cross_entropy(x, answers)).gradient(x)[0].numpy()
    subnormal = (gradient != 0) & (np.abs(gradient) < SMALLEST_NORMAL)
    assert not subnormal.any()
    assert (gradient != 0).sum() > 1000


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_diverged_model_has_no_finite_loss(bad: float) -> None:
    logits = np.array([[0, bad, 1], [bad, 0, 1]], dtype=np.float32)
    losses, _ = ours(logits, np.zeros(2, dtype=np.int64))
    assert not np.isfinite(losses).any()


def test_log1p_and_its_slope_keep_full_relative_precision() -> None:
    s = np.concatenate([[0], np.logspace(-37, 37, 500), np.linspace(0.4, 0.6, 101)])
    s = s.astype(np.float32)
    x = Tensor(s).realize()
    value = log1p(x)
    (slope,) = value.sum().gradient(x)
    exact_s = s.astype(np.float64)
    np.testing.assert_allclose(value.numpy(), np.log1p(exact_s), rtol=8 * ROUNDING)
    np.testing.assert_allclose(slope.numpy(), 1 / (1 + exact_s), rtol=8 * ROUNDING)


def test_logits_and_answers_of_other_types_are_refused() -> None:
    logits = Tensor.zeros(4, 5).contiguous()
    with pytest.raises(ValueError, match="long"):
        cross_entropy(logits, Tensor([0, 1, 2, 3], dtype="int64"))
    with pytest.raises(ValueError, match=r"\(3,\)"):
        cross_entropy(logits, int32(np.zeros(3, dtype=np.int64)))


# --- StableMax ----------------------------------------------------------------------------


def exact_stablemax(logits: Float32, answer: int) -> tuple[float, Float64]:
    """StableMax's loss and its gradient, (p,), for one row of logits, (p,)."""
    with localcontext() as context:
        context.prec = 60
        row = [Decimal(float(x)) for x in logits]
        s = [x + 1 if x >= 0 else 1 / (1 - x) for x in row]
        slope = [Decimal(1) if x >= 0 else 1 / (1 - x) ** 2 for x in row]
        total = sum(s)
        gradient = [float(d / total) for d in slope]
        others = float(total - s[answer]) / float(s[answer])
        gradient[answer] = -float(slope[answer] * (total - s[answer]) / (s[answer] * total))
        loss = float((total / s[answer]).ln()) if others > 1e-30 else others
        return loss, np.array(gradient)


def stablemax(logits: Float32, answer: NDArray[np.int64]) -> tuple[Float64, Float64]:
    """Losses (batch,), and the gradient (batch, p) of their sum."""
    x = Tensor(logits).realize()
    losses = pair_losses(x, int32(answer), "stablemax")
    (gradient,) = losses.sum().gradient(x)
    Tensor.realize(losses, gradient)
    return losses.numpy().astype(np.float64), gradient.numpy().astype(np.float64)


@pytest.mark.parametrize("scale", [0.01, 1.0, 60.0, 1e4, 1e9, 1e30])
def test_stablemax_and_its_gradient_equal_the_formula_at_any_size(scale: float) -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(scale=scale, size=(20, 113)).astype(np.float32)
    logits[:, 5] = np.abs(logits).max(-1)  # one confident answer
    answer = rng.integers(113, size=20)
    answer[:5] = 5
    losses, gradients = stablemax(logits, answer)
    # log s is below 70, so its rounding error does not grow with the logits.
    rtol = (3 * np.log1p(5 * scale) + 113 + 16) * ROUNDING
    for row, y, loss, gradient in zip(logits, answer, losses, gradients, strict=True):
        exact_loss, exact_gradient = exact_stablemax(row, int(y))
        np.testing.assert_allclose(loss, exact_loss, rtol=rtol)
        np.testing.assert_allclose(gradient, exact_gradient, rtol=rtol, atol=1e-35)


def test_stablemax_has_a_slope_of_one_at_zero() -> None:
    """The halves of s meet at zero; a sign or absolute value would have no gradient there."""
    losses, gradients = stablemax(np.zeros((1, 4), dtype=np.float32), np.array([1]))
    assert losses[0] == pytest.approx(np.log(4), rel=4 * ROUNDING)
    np.testing.assert_allclose(gradients[0], [0.25, -0.75, 0.25, 0.25], rtol=8 * ROUNDING)


def test_stablemax_of_one_huge_logit_still_has_a_gradient() -> None:
    """The softmax has collapsed here: cross-entropy and its gradient are exactly zero."""
    logits = np.array([[1e6, 0, 0]], dtype=np.float32)
    (loss,), gradient = stablemax(logits, np.array([0]))
    assert ours(logits, np.array([0]))[0][0] == 0
    assert loss == pytest.approx(2e-6, rel=1e-3)
    assert gradient[0, 1] == pytest.approx(1e-6, rel=1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_diverged_model_has_no_finite_stablemax(bad: float) -> None:
    logits = np.array([[0, bad, 1], [bad, 0, 1]], dtype=np.float32)
    losses, _ = stablemax(logits, np.zeros(2, dtype=np.int64))
    assert not np.isfinite(losses).any()


@pytest.mark.parametrize("n", [1, 2, 7, 3830])
def test_the_mean_of_any_number_of_losses(n: int) -> None:
    losses = np.random.default_rng(n).exponential(size=n).astype(np.float32)
    exact = losses.mean(dtype=np.float64)
    assert mean(Tensor(losses)).item() == pytest.approx(exact, rel=8 * ROUNDING)

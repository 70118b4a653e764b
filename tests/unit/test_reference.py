"""The reference, checked by independent means."""

from __future__ import annotations

import numpy as np
import pytest
import reference


@pytest.mark.parametrize("n_layers", [1, 2, 3])
def test_gradient_equals_central_differences(n_layers: int) -> None:
    p, n_heads, step = 5, 2, 1e-5
    weights = reference.random_weights(p, d_model=4, d_mlp=6, n_layers=n_layers, seed=1)
    rng = np.random.default_rng(2)
    a, b, answer = rng.integers(p, size=(3, 9))
    _, gradients = reference.loss_and_gradients(weights, a, b, answer, n_heads)
    assert gradients.keys() == weights.keys()
    for name, weight in weights.items():
        for index in np.ndindex(weight.shape):
            losses = []
            for sign in (1, -1):
                moved = {**weights, name: weight.copy()}
                moved[name][index] += sign * step
                logits = reference.logits(moved, a, b, n_heads)
                losses.append(reference.cross_entropy(logits, answer))
            # Truncation error step^2 f'''/6 and rounding error 1e-16 / step: both near 1e-11.
            slope = (losses[0] - losses[1]) / (2 * step)
            assert gradients[name][index] == pytest.approx(slope, abs=1e-9), (name, index)


def test_cross_entropy_of_a_uniform_guess_is_log_p() -> None:
    answer = np.arange(7)
    assert reference.cross_entropy(np.full((7, 7), 300.0), answer) == pytest.approx(np.log(7))


@pytest.mark.parametrize("coupled", [False, True])
def test_adamw_moves_by_lr_along_a_constant_gradient_for_any_betas(coupled: bool) -> None:
    """m_hat = g and v_hat = g^2 at every step if and only if the bias is corrected."""
    theta, g, lr = {"w": np.array([2.0, -3.0])}, np.array([0.5, -4.0]), 0.1
    optimizer = reference.AdamW()
    for beta1, beta2 in ((0.9, 0.98), (0.5, 0.999), (0.0, 0.9), (0.7, 0.7)):
        before = theta["w"]
        gradient = g - 3.0 * before if coupled else g  # what the coupled decay adds back
        theta = optimizer.update(
            theta, {"w": gradient}, lr=lr, weight_decay=3.0, beta1=beta1, beta2=beta2,
            eps=0.0, coupled=coupled,
        )  # fmt: skip
        decay = 0.0 if coupled else 3.0 * before
        np.testing.assert_allclose(theta["w"], before - lr * (np.sign(g) + decay), rtol=1e-12)


def test_adamw_with_constant_betas_corrects_by_one_minus_beta_to_the_t() -> None:
    rng = np.random.default_rng(0)
    theta, lr, beta1, beta2, eps = rng.standard_normal(3), 0.01, 0.9, 0.98, 1e-3
    optimizer, m, v, expected = reference.AdamW(), 0.0, 0.0, theta
    weights = {"w": theta}
    for t in range(1, 6):
        g = rng.standard_normal(3)
        weights = optimizer.update(
            weights, {"w": g}, lr=lr, weight_decay=0.0, beta1=beta1, beta2=beta2, eps=eps
        )
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        expected = expected - lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
    np.testing.assert_allclose(weights["w"], expected, rtol=1e-12)

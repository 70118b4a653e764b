from __future__ import annotations

import numpy as np
import pytest
import reference

from grok_tui.analysis.predictions import loss_logits
from grok_tui.models.base import softmax
from grok_tui.models.transformer import host


@pytest.mark.parametrize(("n_layers", "n_heads"), [(1, 1), (1, 4), (2, 2), (3, 4)])
def test_logits_equal_the_reference(n_layers: int, n_heads: int) -> None:
    weights = reference.random_weights(7, d_model=8, d_mlp=12, n_layers=n_layers, seed=3)
    a, b = np.divmod(np.arange(49), 7)
    expected = reference.logits(weights, a, b, n_heads)
    in_float32 = {name: weight.astype(np.float32) for name, weight in weights.items()}
    found = host.logits(in_float32, a, b, n_heads)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_stablemax_probabilities_are_shares_of_s() -> None:
    logits = np.array([[-3.0, -0.5, 0.0, 0.5, 1e6]])
    s = np.array([1 / 4, 1 / 1.5, 1, 1.5, 1e6 + 1])
    found = softmax(loss_logits(logits, "stablemax"))
    np.testing.assert_allclose(found[0], s / s.sum(), rtol=1e-12)


def test_probabilities_of_large_logits() -> None:
    found = softmax(np.array([[1000.0, 1000.0, 0.0], [-1e4, 0.0, np.log(3)]]))
    np.testing.assert_allclose(found, [[0.5, 0.5, 0.0], [0.0, 0.25, 0.75]], atol=1e-15)

"""The definition of the transformer, and the faster forms of it, on the same pairs."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from tinygrad import Tensor

from grok_tui.models.transformer import host, network, plain

pytestmark = pytest.mark.usefixtures("cpu")

P, D_MODEL, D_MLP, HEADS = 7, 8, 12, 2
# Of a few hundred roundings of float32.
TOLERANCE = 1e-5


@pytest.fixture(params=[1, pytest.param(2, marks=pytest.mark.slow)])
def n_layers(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def test_the_definition_and_every_other_form_agree(n_layers: int, kernels: None) -> None:
    """In logits and in gradients: that of a sum in which every logit counts differently."""
    exact = reference.random_weights(P, D_MODEL, D_MLP, n_layers, seed=3)
    weights = {name: Tensor(w.astype(np.float32)).realize() for name, w in exact.items()}
    a, b = np.divmod(np.arange(P * P), P)
    tokens = Tensor(np.stack([a, b, np.full_like(a, P)], axis=1).astype(np.int32))
    scale = Tensor(np.random.default_rng(1).standard_normal((P * P, P)).astype(np.float32))

    defined = plain.logits(weights, tokens, HEADS, n_layers)
    reduced = network.logits(weights, network.batch_of(a, b, P), HEADS, n_layers)
    gradients = [
        [g.numpy() for g in (logits * scale).sum().gradient(*weights.values())]
        for logits in (defined, reduced)
    ]
    forms = {
        "reduced": reduced.numpy(),
        "on the host": host.logits(exact, a, b, HEADS),
        "reference": reference.logits(exact, a, b, HEADS),
    }
    for name, logits in forms.items():
        assert_close(logits, defined.numpy(), name)
    for name, found, expected in zip(weights, *gradients, strict=True):
        assert_close(found, expected, name)


def assert_close(found: reference.Array, expected: reference.Array, name: str) -> None:
    assert found.shape == expected.shape, name
    assert np.linalg.norm(found - expected) <= TOLERANCE * np.linalg.norm(expected), name

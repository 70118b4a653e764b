"""Muon against its published form, with momentum as sums of gradients and W transposed."""

from __future__ import annotations

import numpy as np
import published
import pytest
import reference
from tinygrad import Tensor

from grok_tui.config.schema import Config
from grok_tui.training.optimizers import Muon, orthogonalized
from grok_tui.training.schedule import BetaProducts, hyperparameter_rows, idle_rows

pytestmark = pytest.mark.usefixtures("cpu", "kernels")

SHAPES = {
    "W_E": (6, 4),
    "blocks.0.W_Q": (8, 8),
    "blocks.0.W_out": (24, 8),
}
HIDDEN = {"blocks.0.W_Q", "blocks.0.W_out"}
STEPS = 2
EDIT_AT = 2


def arrays(seed: int, scale: float = 1.0) -> reference.Weights:
    rng = np.random.default_rng(seed)
    draws = {name: scale * rng.standard_normal(shape) for name, shape in SHAPES.items()}
    return {name: x.astype(np.float32).astype(np.float64) for name, x in draws.items()}


def as_tensors(of: reference.Weights) -> dict[str, Tensor]:
    return {name: Tensor(x.astype(np.float32)).clone().realize() for name, x in of.items()}


def zeros() -> dict[str, Tensor]:
    return as_tensors(arrays(0, 0.0))


def config_at(step: int, decay: str) -> Config:
    start = Config(optimizer="muon", lr=0.02, weight_decay=0.5, eps=1e-3, warmup_steps=4)
    return start.changed(decay=decay, lr=0.05) if step >= EDIT_AT else start


@pytest.mark.parametrize(
    "decay", ["decoupled", pytest.param("coupled", marks=pytest.mark.slow)]
)
def test_updates_equal_the_published_ones_with_a_live_edit_midway(decay: str) -> None:
    exact, ours = arrays(1), as_tensors(arrays(1))
    update, muon, products = (
        published.Published(0.0),
        Muon(ours, zeros(), zeros(), HIDDEN),
        BetaProducts(),
    )
    for step in range(1, STEPS + 1):
        config, gradients = config_at(step, decay), arrays(10 + step, 1e-3)
        exact = update(config, exact, gradients)
        rows, after = hyperparameter_rows(config, step, 1, products)
        products, row = after[0], Tensor(rows[0]).realize()
        Tensor.realize(*muon.update(as_tensors(gradients).values(), row))
    for name, start in arrays(1).items():
        moved = np.linalg.norm(exact[name] - start)
        assert np.linalg.norm(ours[name].numpy() - exact[name]) < 1e-4 * moved, name
    for name, buffer in update.buffers.items():
        momentum = (1 - published.MUON_MOMENTUM) * buffer
        np.testing.assert_allclose(
            muon.first_moment[name].numpy(), momentum, rtol=1e-4, atol=1e-9
        )
        assert not muon.second_moment[name].numpy().any()
    assert muon.second_moment["W_E"].numpy().all()


@pytest.mark.parametrize(
    "shape",
    [
        (24, 8),
        *(pytest.param(shape, marks=pytest.mark.slow) for shape in [(8, 8), (8, 24), (1, 9)]),
    ],
)
@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_singular_values_become_nearly_one_at_any_scale(
    shape: tuple[int, int], scale: float
) -> None:
    x = np.random.default_rng(2).standard_normal(shape)
    found = orthogonalized(Tensor((scale * x).astype(np.float32)).realize()).numpy()
    np.testing.assert_allclose(found, published.newton_schulz(x), atol=1e-4)
    values = np.linalg.svd(found, compute_uv=False)
    assert 0.6 < values.min() <= values.max() < 1.3


def test_a_zero_gradient_gives_a_zero_update() -> None:
    assert not orthogonalized(Tensor.zeros(4, 6).contiguous()).numpy().any()


def test_idle_rows_leave_weights_and_moments_bit_for_bit_unchanged() -> None:
    tensors = [as_tensors(arrays(seed)) for seed in (3, 4)]
    tensors.append(as_tensors({name: x**2 for name, x in arrays(5).items()}))
    before = [{name: t.numpy().tobytes() for name, t in group.items()} for group in tensors]
    row = Tensor(idle_rows(1)[0]).realize()
    Tensor.realize(*Muon(*tensors, HIDDEN).update(as_tensors(arrays(6, 1e6)).values(), row))
    after = [{name: t.numpy().tobytes() for name, t in group.items()} for group in tensors]
    assert after == before


def test_every_weight_needs_a_gradient() -> None:
    muon = Muon(zeros(), zeros(), zeros(), HIDDEN)
    with pytest.raises(ValueError, match="shorter"):
        muon.update(list(as_tensors(arrays(1)).values())[:2], Tensor(idle_rows(1)[0]))

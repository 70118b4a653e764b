"""Filters and the constraint against the published equations, on tensors alone."""

from __future__ import annotations

import numpy as np
import published
import pytest
import reference
from tinygrad import Tensor

from grok_tui.config.schema import Config
from grok_tui.training.gradient_filters import grokfast, orthograd, sphere
from grok_tui.training.schedule import BetaProducts, hyperparameter_rows, idle_rows

pytestmark = pytest.mark.usefixtures("cpu")

STEPS = 4
CLOSE = 1e-5


def arrays(seed: int, scale: float = 1.0) -> reference.Weights:
    rng = np.random.default_rng(seed)
    shapes = {"W_E": (30, 16), "W_U": (16, 29)}
    draws = {name: scale * rng.standard_normal(shape) for name, shape in shapes.items()}
    return {name: x.astype(np.float32).astype(np.float64) for name, x in draws.items()}


def on_device(of: reference.Weights) -> list[Tensor]:
    return [Tensor(x.astype(np.float32)).clone().realize() for x in of.values()]


def row_of(config: Config, norm: float = 0.0) -> Tensor:
    rows, _ = hyperparameter_rows(config, 1, 1, BetaProducts(), norm)
    return Tensor(rows[0]).realize()


def check(tensors: list[Tensor], expected: reference.Weights) -> None:
    for tensor, x in zip(tensors, expected.values(), strict=True):
        assert np.linalg.norm(tensor.numpy() - x) < CLOSE * np.linalg.norm(x)


@pytest.mark.parametrize(("alpha", "factor"), [(0.98, 2.0), (0.0, 5.0)])
def test_grokfast_adds_lambda_times_the_moving_mean_of_the_gradients(
    alpha: float, factor: float
) -> None:
    config = Config(grokfast_alpha=alpha, grokfast_lambda=factor)
    h = {name: np.zeros_like(x) for name, x in arrays(0).items()}
    means, row = on_device(h), row_of(config)
    for step in range(STEPS):
        g = arrays(step)
        h = {name: alpha * h[name] + (1 - alpha) * g[name] for name in g}
        found = grokfast(means, on_device(g), row)
        Tensor.realize(*found)
        check(found, {name: g[name] + factor * h[name] for name in g})
        check(means, h)


def test_orthograd_removes_the_component_along_the_weight_and_keeps_the_norm() -> None:
    for step in range(STEPS):
        w, g = arrays(step), arrays(step + 100, 10.0 ** (1 - 2 * step))
        g["W_E"] += 3 * np.linalg.norm(g["W_E"]) * w["W_E"]
        g = {name: x.astype(np.float32).astype(np.float64) for name, x in g.items()}
        found = orthograd(on_device(w), on_device(g))
        Tensor.realize(*found)
        check(found, {name: published.orthograd(w[name], g[name]) for name in w})


@pytest.mark.parametrize("zero", ["weights", "gradients", "both"])
def test_orthograd_of_zeros_is_the_gradient_itself(zero: str) -> None:
    nothing = {name: np.zeros_like(x) for name, x in arrays(1).items()}
    w = arrays(1) if zero == "gradients" else nothing
    g = arrays(2) if zero == "weights" else nothing
    found = orthograd(on_device(w), on_device(g))
    check_equal = zip(found, g.values(), strict=True)
    for tensor, x in check_equal:
        np.testing.assert_allclose(tensor.numpy(), x, rtol=1e-6)


@pytest.mark.parametrize("norm", [0.01, 1.0, 50.0])
def test_sphere_scales_all_weights_together_to_the_norm(norm: float) -> None:
    w = arrays(3)
    tensors = on_device(w)
    Tensor.realize(*sphere(tensors, row_of(Config(), norm)))
    scale = norm / published.norm(w)
    check(tensors, {name: x * scale for name, x in w.items()})


def test_idle_rows_change_neither_means_nor_weights() -> None:
    row = Tensor(idle_rows(1)[0]).realize()
    means, weights = on_device(arrays(4)), on_device(arrays(5))
    before = [t.numpy().tobytes() for t in (*means, *weights)]
    Tensor.realize(*grokfast(means, on_device(arrays(6, 1e6)), row))
    Tensor.realize(*sphere(weights, row))
    assert [t.numpy().tobytes() for t in (*means, *weights)] == before


def test_each_weight_needs_its_own_gradient() -> None:
    with pytest.raises(ValueError, match="shorter"):
        orthograd(on_device(arrays(0)), on_device(arrays(1))[:1])

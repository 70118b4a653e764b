"""The reduced float32 model against the unreduced float64 one of `reference`.

The tolerance for float32 rounding comes from the unreduced model itself, run in float32: the
reduced one may be `SLACK` times as far from float64, plus `SLACK` roundings of 2^-24, since
it adds the same terms in another order. Distances are relative norms over a whole tensor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import reference
from model_for import model_for
from numpy.typing import NDArray
from tensors import int32
from tinygrad import Tensor

from grok_tui.config.schema import Config
from grok_tui.models.transformer import network
from grok_tui.training.losses import cross_entropy, mean

pytestmark = pytest.mark.usefixtures("cpu")

SLACK = 4
ROUNDING = 2.0**-24


@dataclass(frozen=True)
class Case:
    """The sizes of a model. pairs: "chosen", or "all from b = 0" or 1."""

    p: int
    d_model: int
    n_heads: int
    d_mlp: int
    n_layers: int
    pairs: str

    def __str__(self) -> str:
        sizes = f"p{self.p}-d{self.d_model}-h{self.n_heads}-m{self.d_mlp}-l{self.n_layers}"
        return f"{sizes}-{self.pairs.replace(' ', '_')}"


CASES = [
    Case(7, 4, 4, 9, 1, "chosen"),
    Case(7, 4, 1, 9, 1, "all from b = 0"),
    Case(7, 6, 2, 9, 1, "all from b = 1"),
    Case(7, 12, 12, 9, 1, "chosen"),
    Case(19, 24, 3, 33, 1, "chosen"),
    Case(11, 8, 2, 12, 2, "chosen"),
    Case(11, 8, 2, 12, 2, "all from b = 0"),
    Case(5, 12, 3, 20, 3, "chosen"),
    Case(5, 12, 3, 20, 3, "all from b = 1"),
    Case(113, 128, 4, 512, 1, "chosen"),
]


def pairs(case: Case) -> tuple[NDArray[np.int64], NDArray[np.int64], network.Batch]:
    p = case.p
    if case.pairs == "chosen":
        index = np.random.default_rng(1).permutation(p * p)[: min(p * p // 2, 400)]
        a, b = index // p, index % p
        return a, b, network.batch_of(a, b, p)
    first_b = int(case.pairs[-1])
    grid = np.array([(a, b) for a in range(p) for b in range(first_b, p)])
    return grid[:, 0], grid[:, 1], network.batch_of(grid[:, 0], grid[:, 1], p)


def as_tensors(weights: reference.Weights) -> dict[str, Tensor]:
    return {name: Tensor(w.astype(np.float32)).realize() for name, w in weights.items()}


def distance(x: reference.Array, exact: reference.Array) -> float:
    return float(np.linalg.norm(x.astype(np.float64) - exact) / np.linalg.norm(exact))


def _marks(case: Case) -> list[pytest.MarkDecorator]:
    if case.n_layers == 3:
        return [pytest.mark.long]
    return [pytest.mark.slow] if case.n_layers == 2 else []


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=_marks(case), id=str(case)) for case in CASES],
)
def test_logits_loss_and_every_gradient_equal_the_unreduced_model(
    case: Case, kernels: None
) -> None:
    a, b, batch = pairs(case)
    answer = np.random.default_rng(2).integers(case.p, size=len(a))
    exact_weights = reference.random_weights(
        case.p, case.d_model, case.d_mlp, case.n_layers, seed=case.p
    )
    weights = as_tensors(exact_weights)

    logits = network.logits(weights, batch, case.n_heads, case.n_layers)
    loss = mean(cross_entropy(logits, int32(answer)))
    gradients = loss.gradient(*weights.values())
    Tensor.realize(logits, loss, *gradients)

    float32 = {name: w.astype(np.float32) for name, w in exact_weights.items()}
    outcome = {}
    for precision, w in (("float64", exact_weights), ("float32", float32)):
        value, g = reference.loss_and_gradients(w, a, b, answer, case.n_heads)
        outcome[precision] = {
            "logits": reference.logits(w, a, b, case.n_heads), "loss": np.array(value), **g
        }  # fmt: skip
    ours = {"logits": logits.numpy(), "loss": loss.numpy()}
    ours |= {name: g.numpy() for name, g in zip(weights, gradients, strict=True)}

    assert ours.keys() == outcome["float64"].keys()
    for name, exact in outcome["float64"].items():
        assert ours[name].shape == exact.shape, name
        yardstick = distance(outcome["float32"][name], exact)
        assert distance(ours[name], exact) < SLACK * (yardstick + ROUNDING), name


@pytest.mark.parametrize("n_layers", [1, 2])
def test_a_batch_of_one_pair(n_layers: int, kernels: None) -> None:
    """With one example, a stream with a batch axis looks like one shared by all examples."""
    exact = reference.random_weights(5, 4, 6, n_layers)
    a, b = np.array([3]), np.array([1])
    batch = network.batch_of(a, b, 5)
    logits = network.logits(as_tensors(exact), batch, 2, n_layers).numpy()
    assert logits.shape == (1, 5)
    assert distance(logits, reference.logits(exact, a, b, 2)) < 16 * ROUNDING


def test_the_default_model_has_the_papers_number_of_weights() -> None:
    shapes = model_for(Config()).shapes
    assert sum(rows * columns for rows, columns in shapes.values()) == 226_048
    assert shapes["W_E"] == (114, 128)
    assert shapes["W_U"] == (128, 113)


def test_every_layer_has_its_own_weights() -> None:
    shapes = model_for(Config(n_layers=3)).shapes
    theirs = reference.random_weights(113, 128, 512, 3)
    assert shapes == {name: weight.shape for name, weight in theirs.items()}


@pytest.mark.parametrize("init", ["nanda", "transformerlens", "scaled-uniform", "normal"])
def test_initial_weights_have_the_std_of_their_init(init: str) -> None:
    weights = model_for(Config().changed(init=init, modulus=113, d_model=64)).initial_weights()
    for name, weight in weights.items():
        std = {
            "nanda": 1 / np.sqrt(113 if name == "W_U" else 64),
            "transformerlens": 0.8 / np.sqrt(64),
            "scaled-uniform": 1 / np.sqrt(3 * weight.size),
            "normal": 1.0,
        }[init]
        # The std of n normal draws varies by 1 / sqrt(2 n), that of uniform draws by less.
        assert weight.dtype == np.float32
        assert np.std(weight) == pytest.approx(std, rel=5 / np.sqrt(2 * weight.size)), name
        assert abs(np.mean(weight)) < 5 * std / np.sqrt(weight.size), name
        if init == "scaled-uniform":
            assert np.abs(weight).max() <= np.float32(1 / np.sqrt(weight.size)), name


def test_the_weights_depend_on_the_seed_alone() -> None:
    config = Config(modulus=13, d_model=8, n_heads=2, d_mlp=16)
    first = model_for(config).initial_weights()
    again = model_for(
        config.changed(data_seed=5, lr=0.1, operation="multiply")
    ).initial_weights()
    other = model_for(config.changed(seed=1)).initial_weights()
    for name, weight in first.items():
        np.testing.assert_array_equal(weight, again[name])
        assert not np.intersect1d(weight, other[name]).size, name
    assert not np.intersect1d(first["blocks.0.W_Q"], first["blocks.0.W_K"]).size


def test_init_scale_multiplies_every_weight() -> None:
    config = Config(modulus=13, d_model=8, n_heads=2, d_mlp=16)
    scaled = model_for(config.changed(init_scale=4.0)).initial_weights()
    for name, weight in model_for(config).initial_weights().items():
        np.testing.assert_array_equal(scaled[name], 4 * weight)  # exact: a power of two

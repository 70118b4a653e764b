"""The rows of the schedule against formulas, the update against `reference.AdamW`.

As in `test_transformer`, the tolerance for float32 rounding comes from the reference itself,
run in float32: ours may be `SLACK` times as far from float64, plus `SLACK` roundings of 2^-24.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import reference
from tinygrad import Tensor

from grok_tui.config.schema import Config
from grok_tui.training.optimizers import AdamW
from grok_tui.training.schedule import (
    BetaProducts,
    Column,
    hyperparameter_rows,
    idle_rows,
    learning_rate,
)

SLACK = 4
ROUNDING = 2.0**-24
STEPS = 24
EDIT_AT = 10  # the first step with the new value; the first step is 1
START = Config(lr=0.01, weight_decay=0.5, beta1=0.9, beta2=0.95, eps=1e-3, warmup_steps=6)
EDITS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "lr": {"lr": 0.03},
    "weight_decay": {"weight_decay": 2.0},
    "beta1": {"beta1": 0.5},
    "beta2": {"beta2": 0.7},
    "eps": {"eps": 0.1},
    "warmup_steps": {"warmup_steps": 20},
    "decay": {"decay": "coupled"},
}
EDITS["all"] = {name: value for edit in EDITS.values() for name, value in edit.items()}


def config_at(step: int, edit: dict[str, Any], start: Config = START) -> Config:
    return start.changed(**edit) if step >= EDIT_AT else start


def column(config: Config, name: Column, first: int = 1, count: int = 12) -> list[float]:
    rows, _ = hyperparameter_rows(config, first, count, BetaProducts())
    assert rows.dtype == np.float32
    assert rows.shape == (count, len(Column))
    return [float(x) for x in rows[:, name]]


def rounded(values: list[float]) -> list[float]:
    return [float(np.float32(x)) for x in values]


# --- rows ---------------------------------------------------------------------------------


def test_the_learning_rate_rises_linearly_to_lr_at_the_last_warm_up_step() -> None:
    config = Config(lr=0.5, warmup_steps=4)
    assert [learning_rate(config, step) for step in (1, 2, 3, 4, 5, 1000)] == [
        0.125, 0.25, 0.375, 0.5, 0.5, 0.5
    ]  # fmt: skip
    assert column(config, Column.LR, count=6) == [0.125, 0.25, 0.375, 0.5, 0.5, 0.5]
    assert column(config, Column.LR, first=3, count=2) == [0.375, 0.5]


def test_without_warm_up_the_first_step_uses_lr() -> None:
    assert column(Config(lr=0.5, warmup_steps=0), Column.LR, count=3) == [0.5] * 3


def test_decoupled_decay_shrinks_by_the_warmed_up_lr_times_weight_decay() -> None:
    config = Config(lr=0.5, weight_decay=3.0, warmup_steps=4)
    assert column(config, Column.SHRINK, count=5) == [0.375, 0.75, 1.125, 1.5, 1.5]
    assert column(config, Column.L2, count=5) == [0.0] * 5


def test_coupled_decay_is_added_to_the_gradient_at_any_lr() -> None:
    config = Config(lr=0.5, weight_decay=3.0, warmup_steps=4, decay="coupled")
    assert column(config, Column.L2, count=5) == [3.0] * 5
    assert column(config, Column.SHRINK, count=5) == [0.0] * 5


def test_betas_and_eps_are_in_their_columns() -> None:
    config = Config(beta1=0.9, beta2=0.98, eps=1e-30)
    assert column(config, Column.NEW1, count=2) == rounded([1 - 0.9] * 2)
    assert column(config, Column.NEW2, count=2) == rounded([1 - 0.98] * 2)
    assert column(config, Column.EPS, count=2) == rounded([1e-30] * 2)
    assert column(config, Column.EPS, count=1)[0] > 0


def test_constant_betas_correct_by_one_minus_beta_to_the_t() -> None:
    config = Config(beta1=0.75, beta2=0.98)
    for name, beta in ((Column.CORRECT1, 0.75), (Column.CORRECT2, 0.98)):
        expected = [1 / (1 - beta**t) for t in range(1, 13)]
        assert column(config, name) == pytest.approx(expected, rel=ROUNDING * 1.01)


def test_betas_of_zero_need_no_correction() -> None:
    config = Config(beta1=0.0, beta2=0.0)
    for name in (Column.CORRECT1, Column.CORRECT2, Column.NEW1, Column.NEW2):
        assert column(config, name, count=3) == [1.0] * 3


def test_betas_edited_midway_correct_by_the_product_of_those_used() -> None:
    first, products = hyperparameter_rows(Config(beta1=0.9, beta2=0.98), 1, 3, BetaProducts())
    second, after = hyperparameter_rows(Config(beta1=0.5, beta2=0.8), 4, 2, products[-1])
    used1, used2 = [0.9] * 3 + [0.5] * 2, [0.98] * 3 + [0.8] * 2
    rows = np.concatenate([first, second])
    for t in range(1, 6):
        left1, left2 = math.prod(used1[:t]), math.prod(used2[:t])
        assert rows[t - 1, Column.CORRECT1] == pytest.approx(1 / (1 - left1), rel=2 * ROUNDING)
        assert rows[t - 1, Column.CORRECT2] == pytest.approx(1 / (1 - left2), rel=2 * ROUNDING)
        assert [*products, *after][t - 1] == pytest.approx((left1, left2), rel=1e-15)


@pytest.mark.parametrize("edit", EDITS)
def test_a_schedule_cut_at_any_step_has_the_same_rows_bit_for_bit(edit: str) -> None:
    config, count, first = START.changed(**EDITS[edit]), 40, 3
    before = BetaProducts(0.123456789, 0.87654321)
    whole, products = hyperparameter_rows(config, first, count, before)
    for cut in range(count + 1):
        head, head_products = hyperparameter_rows(config, first, cut, before)
        last = head_products[-1] if cut else before
        tail, tail_products = hyperparameter_rows(config, first + cut, count - cut, last)
        assert np.concatenate([head, tail]).tobytes() == whole.tobytes()
        assert head_products + tail_products == products


# --- on the device ------------------------------------------------------------------------


def random_arrays(rng: np.random.Generator) -> reference.Weights:
    shapes = {"W_E": (5, 3), "W_U": (3, 4)}
    draws = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return {name: x.astype(np.float32).astype(np.float64) for name, x in draws.items()}


def as_tensors(arrays: reference.Weights) -> dict[str, Tensor]:
    """Copies of the arrays in new buffers, since an update writes into them."""
    return {name: Tensor(x.astype(np.float32)).clone().realize() for name, x in arrays.items()}


def zeros() -> reference.Weights:
    return {
        name: np.zeros_like(x) for name, x in random_arrays(np.random.default_rng(0)).items()
    }


def gradient_sequence() -> list[reference.Weights]:
    rng = np.random.default_rng(7)
    return [random_arrays(rng) for _ in range(STEPS)]


def weights_at_start() -> reference.Weights:
    return random_arrays(np.random.default_rng(3))


def on_device(edit: dict[str, Any]) -> reference.Weights:
    """Our weights after STEPS updates, with the edit from EDIT_AT on."""
    weights = as_tensors(weights_at_start())
    adamw = AdamW(weights, as_tensors(zeros()), as_tensors(zeros()))
    products = BetaProducts()
    for step, gradients in enumerate(gradient_sequence(), start=1):
        rows, after = hyperparameter_rows(config_at(step, edit), step, 1, products)
        products = after[0]
        tensors = as_tensors(gradients).values()
        Tensor.realize(*adamw.update(tensors, Tensor(rows[0]).realize()))
    return {name: w.numpy() for name, w in weights.items()}


def by_reference(edit: dict[str, Any], dtype: type) -> reference.Weights:
    weights = {name: w.astype(dtype) for name, w in weights_at_start().items()}
    adamw = reference.AdamW()
    for step, gradients in enumerate(gradient_sequence(), start=1):
        config = config_at(step, edit)
        warm = min(1.0, step / config.warmup_steps) if config.warmup_steps else 1.0
        weights = adamw.update(
            weights,
            {name: g.astype(dtype) for name, g in gradients.items()},
            lr=config.lr * warm,
            weight_decay=config.weight_decay,
            beta1=config.beta1,
            beta2=config.beta2,
            eps=config.eps,
            coupled=config.decay == "coupled",
        )
    return weights


def distance(x: reference.Array, exact: reference.Array) -> float:
    return float(np.linalg.norm(x.astype(np.float64) - exact) / np.linalg.norm(exact))


@pytest.mark.usefixtures("cpu")
@pytest.mark.parametrize("name", EDITS)
def test_updates_equal_the_reference_with_a_live_edit_midway(name: str) -> None:
    edit = EDITS[name]
    ours, exact = on_device(edit), by_reference(edit, np.float64)
    float32 = by_reference(edit, np.float32)
    unedited = by_reference({}, np.float64)
    assert ours.keys() == exact.keys()
    for weight, expected in exact.items():
        limit = SLACK * (distance(float32[weight], expected) + ROUNDING)
        assert limit < 1e-5
        assert distance(ours[weight], expected) < limit, weight
        if edit:  # without the edit, the distance is far outside the limit
            assert distance(unedited[weight], expected) > 100 * limit, weight


@pytest.mark.usefixtures("cpu")
def test_idle_rows_leave_weights_and_moments_bit_for_bit_unchanged() -> None:
    rng = np.random.default_rng(5)
    weights, moment, gradients = (random_arrays(rng) for _ in range(3))
    gradients = {name: 1e6 * g for name, g in gradients.items()}
    squares = {name: x**2 for name, x in random_arrays(rng).items()}
    squares["W_E"][0] = 0  # a weight whose gradient has always been zero
    tensors = [as_tensors(arrays) for arrays in (weights, moment, squares)]
    before = [{name: t.numpy().tobytes() for name, t in group.items()} for group in tensors]
    adamw = AdamW(*tensors)
    for row in idle_rows(3):
        Tensor.realize(*adamw.update(as_tensors(gradients).values(), Tensor(row).realize()))
    after = [{name: t.numpy().tobytes() for name, t in group.items()} for group in tensors]
    assert after == before


@pytest.mark.usefixtures("cpu")
def test_a_weight_without_gradient_stays_unless_it_decays() -> None:
    """0 / (sqrt(0) + eps) is 0 even at the smallest eps."""
    weights = as_tensors(weights_at_start())
    adamw = AdamW(weights, as_tensors(zeros()), as_tensors(zeros()))
    config = Config(weight_decay=0.0, eps=1e-30, warmup_steps=0)
    rows, _ = hyperparameter_rows(config, 1, 1, BetaProducts())
    Tensor.realize(*adamw.update(as_tensors(zeros()).values(), Tensor(rows[0]).realize()))
    for name, w in weights_at_start().items():
        np.testing.assert_array_equal(weights[name].numpy(), w)


@pytest.mark.usefixtures("cpu")
def test_every_weight_needs_a_gradient() -> None:
    adamw = AdamW(*(as_tensors(zeros()) for _ in range(3)))
    with pytest.raises(ValueError, match="shorter"):
        adamw.update([Tensor.zeros(5, 3)], Tensor(idle_rows(1)[0]))

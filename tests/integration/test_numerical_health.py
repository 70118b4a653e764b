"""The numerical health of runs against float64, and how the usual loss spoils it."""

from __future__ import annotations

import numpy as np
import pytest
from small_runs import exact, reference_gradients, small, train
from tensors import int32
from tinygrad import Tensor

from grok_tui.protocol.events import Evaluated
from grok_tui.training.losses import cross_entropy, naive

pytestmark = pytest.mark.usefixtures("cpu")

STEPS = 4


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"grad_filter": "orthograd"},
        pytest.param(
            {"optimizer": "muon", "norm_constraint": "sphere", "weight_decay": 0.0},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_gradient_norm_and_update_ratio_are_those_of_the_last_step(
    changes: dict[str, object],
) -> None:
    config = small(steps=STEPS, eval_every=1, checkpoint_every=1, **changes)
    run = train(config)
    found = [event.health for event in run.events if isinstance(event, Evaluated)]
    for step in range(STEPS):
        before, after = run.store.at(step), exact(run.store.at(step + 1).weights)
        _, gradients = reference_gradients(config, before)
        squares = sum((g**2).sum() for g in gradients.values())
        weights = exact(before.weights)
        moved = sum(((after[name] - w) ** 2).sum() for name, w in weights.items())
        whole = sum((w**2).sum() for w in weights.values())
        health = found[step]
        assert health is not None
        assert health.gradient_norm == pytest.approx(squares**0.5, rel=1e-5)
        assert health.update_ratio == pytest.approx((moved / whole) ** 0.5, rel=1e-5)


def test_the_usual_loss_is_the_same_where_float32_suffices() -> None:
    rng = np.random.default_rng(0)
    logits = Tensor(rng.standard_normal((50, 13)).astype(np.float32)).realize()
    answer = int32(rng.integers(13, size=50))
    usual, ours = naive(logits, answer).numpy(), cross_entropy(logits, answer).numpy()
    np.testing.assert_allclose(usual, ours, rtol=1e-5)


def test_the_usual_loss_collapses_where_ours_keeps_its_digits() -> None:
    logits = np.zeros((3, 5), dtype=np.float32)
    logits[:, 2] = [10, 20, 40]
    answer = int32(np.full(3, 2))
    right = np.log1p(4 * np.exp(-np.array([10.0, 20.0, 40.0])))
    losses, gradients = {}, {}
    for loss in (naive, cross_entropy):
        x = Tensor(logits).realize()
        each = loss(x, answer)
        (gradient,) = each.sum().gradient(x)
        losses[loss], gradients[loss] = each.numpy(), gradient.numpy()[:, 2]
    np.testing.assert_allclose(losses[cross_entropy], right, rtol=1e-5)
    np.testing.assert_allclose(gradients[cross_entropy], np.expm1(-right), rtol=1e-5)
    assert losses[naive][1:].tolist() == [0, 0]
    assert gradients[naive][1:].tolist() == [0, 0]


def test_the_usual_loss_is_zero_for_some_pairs_and_ours_for_none() -> None:
    changes = {"steps": 300, "weight_decay": 0.0, "lr": 0.01}
    shares = {}
    for loss in ("naive", "cross-entropy"):
        run = train(small(loss=loss, **changes))
        health = [event for event in run.events if isinstance(event, Evaluated)][-1].health
        assert health is not None
        shares[loss] = health.zero_loss_share
    assert shares["naive"] > 0.1
    assert shares["cross-entropy"] == 0

"""Replicas of a network against separate networks; on the CPU they agree bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grok_tui.config.schema import Config
from grok_tui.device import c_calls
from grok_tui.training.network import Network, Replica, Start

pytestmark = pytest.mark.usefixtures("cpu")

STEPS, AGAIN = 9, 4
SIZES: dict[str, Any] = {
    "modulus": 7,
    "d_model": 8,
    "n_heads": 2,
    "d_mlp": 12,
    "warmup_steps": 2,
}
KINDS = ("weights", "first_moment", "second_moment", "gradient_mean")
# tinygrad's own kernels may sum in another order, and steps pass the difference on.
ROUNDINGS = 200 * 2.0**-24


def configs(**fields: Any) -> list[Config]:
    """Three configs that differ in fields in which replicas may differ."""
    base = Config(device="CPU", lr=3e-3, **SIZES, **fields)
    return [
        base,
        base.changed(seed=1, lr=1e-3, weight_decay=3.0, beta1=0.8, grokfast_lambda=1.0),
        base.changed(data_seed=5, init_scale=2.0, decay="coupled", eps=1e-3, beta2=0.9),
    ]


def compiled(*configs: Config) -> Network:
    network = Network([Start.of(config) for config in configs])
    list(network.compile())
    return network


def trained(network: Network, configs: list[Config]) -> np.ndarray[Any, Any]:
    """Losses of two chunks, (replicas, STEPS + AGAIN)."""
    first = network.train(configs, STEPS)
    return np.concatenate([first, network.train(configs, AGAIN, look=True)], axis=1)


KINDS_OF_STEP: list[dict[str, Any]] = [
    {"grad_filter": "grokfast"},
    {"grad_filter": "orthograd"},
    {"norm_constraint": "sphere"},
    {"optimizer": "muon"},
    {"loss": "stablemax"},
    {"loss": "naive"},
    {"operation": "random"},
    {"operation": "divide"},
    {"n_layers": 2},
]


def fields(mark: pytest.MarkDecorator) -> Any:
    """The fields of the plain step, and with the mark those of all other steps."""
    others = [pytest.param(kind, marks=mark) for kind in KINDS_OF_STEP]
    return pytest.mark.parametrize("fields", [{}, *others], ids=str)


@fields(pytest.mark.slow)
def test_a_replica_trains_as_it_would_alone(fields: dict[str, Any]) -> None:
    assert_alike(fields, exact=not fields.get("n_layers"))


@pytest.mark.slow
@fields(pytest.mark.long)
def test_a_replica_trains_as_it_would_alone_with_tinygrads_kernels(
    fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(c_calls, "runs_c", lambda device: False)
    assert_alike(fields, exact=False)


def assert_alike(fields: dict[str, Any], *, exact: bool) -> None:
    """Compare three replicas with three networks, bit for bit or up to rounding."""
    whole = configs(**fields)
    together = compiled(*whole)
    losses = trained(together, whole)
    assert losses.shape == (3, STEPS + AGAIN)
    for i, config in enumerate(whole):
        alone = compiled(config)
        (expected,) = trained(alone, [config])
        replica, single = Replica(together, i), Replica(alone)
        ours, theirs = replica.evaluate(), single.evaluate()
        pairs = [(losses[i], expected), (ours.pair_loss, theirs.pair_loss)]
        pairs += [(np.array(replica.update_size), np.array(single.update_size))]
        pairs += [(np.array([e.weight_norm, e.largest_logit]) for e in (ours, theirs))]
        for kind in KINDS:
            assert replica.copy(kind).keys() == single.copy(kind).keys()
            pairs += [(x, single.copy(kind)[name]) for name, x in replica.copy(kind).items()]
        for found, wanted in pairs:
            if exact:
                np.testing.assert_array_equal(found, wanted)
            else:
                error = np.linalg.norm(found - wanted)
                assert error <= ROUNDINGS * np.linalg.norm(wanted)
        np.testing.assert_array_equal(ours.answers, theirs.answers)
        assert replica.beta_products == single.beta_products
        assert replica.initial_norm == single.initial_norm


def test_an_idle_replica_does_not_change_while_the_others_train() -> None:
    whole = configs(grad_filter="grokfast", norm_constraint="sphere")
    network = compiled(*whole)
    network.train(whole, STEPS)
    before = [network.copies(kind)[1] for kind in KINDS]
    products = network.beta_products[1]
    network.idle = frozenset({1})
    rest = network.train(whole, AGAIN)
    for kind, kept in zip(KINDS, before, strict=True):
        for name, array in network.copies(kind)[1].items():
            np.testing.assert_array_equal(array, kept[name])
    assert network.beta_products[1] == products != network.beta_products[0]
    never = compiled(*whole)
    never.train(whole, STEPS)
    expected = never.train(whole, AGAIN)
    np.testing.assert_array_equal(rest[[0, 2]], expected[[0, 2]])
    network.idle = frozenset()  # it continues where it was
    np.testing.assert_array_equal(network.train(whole, 1)[1], expected[1, :1])

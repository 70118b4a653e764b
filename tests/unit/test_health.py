"""Spikes counted as they come, and what a user is told of a run's health."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grok_tui.analysis.health import Health, HealthWatch, count_spikes

CHANCE = float(np.log(113))
WELL = Health(
    zero_loss_share=0.0, largest_logit=30.0, gradient_norm=1e-3, update_ratio=0.01, spikes=0
)


@pytest.mark.parametrize(
    ("shares", "spikes"),
    [
        ([], 0),
        ([1.0, 0.5, 0.2], 0),  # never calm: memorising is no spike
        ([1.0, 0.01, 0.09, 0.01], 0),  # a ripple
        ([1.0, 0.01, 0.2], 1),
        ([0.01, 0.2, 0.5, 0.05, 0.3], 1),  # not calm in between
        ([0.01, 0.2, 0.03, 0.2, 0.01], 2),
    ],
)
def test_a_spike_is_a_jump_from_near_zero(shares: list[float], spikes: int) -> None:
    assert count_spikes(CHANCE * np.array(shares), CHANCE)[0] == spikes


@given(
    losses=st.lists(st.sampled_from([0.0, 0.02, 0.05, 0.2, 1.0])),
    cuts=st.lists(st.integers(0, 50)),
)
def test_spikes_do_not_depend_on_how_the_losses_come(
    losses: list[float], cuts: list[int]
) -> None:
    values = CHANCE * np.array(losses)
    watch = HealthWatch()
    for part in np.split(values, sorted(min(cut, len(values)) for cut in cuts)):
        watch = HealthWatch.from_dict(json.loads(json.dumps(watch.to_dict())))
        watch = watch.after(part, CHANCE)
    assert (watch.spikes, watch.calm) == count_spikes(values, CHANCE)


@pytest.mark.parametrize(
    ("ill", "word"),
    [
        ({"zero_loss_share": 0.6}, "60% of the train pairs"),
        ({"gradient_norm": 0.0}, "gradient is exactly 0"),
        ({"update_ratio": 0.4}, "40% of their norm"),
        ({"spikes": 1}, "jumped up from near zero"),
    ],
)
def test_what_is_not_well_is_told_once(ill: dict[str, float], word: str) -> None:
    assert HealthWatch().telling(500, WELL) == (HealthWatch(), [])
    watch, news = HealthWatch().telling(500, replace(WELL, **ill))
    assert len(news) == 1
    assert word in news[0]
    assert HealthWatch.from_dict(json.loads(json.dumps(watch.to_dict()))) == watch
    assert watch.telling(510, replace(WELL, **ill)) == (watch, [])


def test_many_spikes_are_told_by_powers_of_ten() -> None:
    watch, told = HealthWatch(), []
    for spikes in range(1, 150):
        watch, news = watch.telling(500 + spikes, replace(WELL, spikes=spikes))
        told += [spikes] * len(news)
    assert told == [1, 10, 100]


def test_large_steps_at_the_start_are_as_it_should_be() -> None:
    assert HealthWatch().telling(50, replace(WELL, update_ratio=0.4))[1] == []

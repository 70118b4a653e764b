"""The count of spikes, and the warnings about a run's numerical health."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grok_tui.analysis.health import HealthWatch, count_spikes
from grok_tui.protocol.results import Health

UNIFORM_LOSS = float(np.log(113))
WELL = Health(
    zero_loss_share=0.0, largest_logit=30.0, gradient_norm=1e-3, update_ratio=0.01, spikes=0
)


@pytest.mark.parametrize(
    ("shares", "spikes"),
    [
        ([], 0),
        ([1.0, 0.5, 0.2], 0),  # never calm: memorizing is not a spike
        ([1.0, 0.01, 0.09, 0.01], 0),  # a ripple
        ([1.0, 0.01, 0.2], 1),
        ([0.01, 0.2, 0.5, 0.05, 0.3], 1),  # not calm in between
        ([0.01, 0.2, 0.03, 0.2, 0.01], 2),
    ],
)
def test_a_spike_is_a_jump_from_near_zero(shares: list[float], spikes: int) -> None:
    assert count_spikes(UNIFORM_LOSS * np.array(shares), UNIFORM_LOSS)[0] == spikes


@given(
    losses=st.lists(st.sampled_from([0.0, 0.02, 0.05, 0.2, 1.0])),
    cuts=st.lists(st.integers(0, 50)),
)
def test_spikes_do_not_depend_on_how_losses_are_chunked(
    losses: list[float], cuts: list[int]
) -> None:
    values = UNIFORM_LOSS * np.array(losses)
    watch = HealthWatch()
    for part in np.split(values, sorted(min(cut, len(values)) for cut in cuts)):
        watch = HealthWatch.from_dict(json.loads(json.dumps(watch.to_dict())))
        watch = watch.after(part, UNIFORM_LOSS)
    assert (watch.spikes, watch.calm) == count_spikes(values, UNIFORM_LOSS)


@pytest.mark.parametrize(
    ("ill", "word"),
    [
        ({"zero_loss_share": 0.6}, "60% of the train pairs"),
        ({"gradient_norm": 0.0}, "gradient is exactly 0"),
        ({"update_ratio": 0.4}, "40% of their norm"),
        ({"spikes": 1}, "jumped from near zero"),
    ],
)
def test_each_problem_gets_one_warning(ill: dict[str, float], word: str) -> None:
    assert HealthWatch().warned(500, WELL) == (HealthWatch(), [])
    watch, news = HealthWatch().warned(500, replace(WELL, **ill))
    assert len(news) == 1
    assert word in news[0]
    assert HealthWatch.from_dict(json.loads(json.dumps(watch.to_dict()))) == watch
    assert watch.warned(510, replace(WELL, **ill)) == (watch, [])


def test_many_spikes_get_warnings_at_powers_of_ten() -> None:
    watch, told = HealthWatch(), []
    for spikes in range(1, 150):
        watch, news = watch.warned(500 + spikes, replace(WELL, spikes=spikes))
        told += [spikes] * len(news)
    assert told == [1, 10, 100]


def test_large_updates_at_the_start_are_normal() -> None:
    assert HealthWatch().warned(50, replace(WELL, update_ratio=0.4))[1] == []

"""A checkpoint of the session's config with random weights."""

from __future__ import annotations

import reference
from mechanisms import TASK
from scripted import CONFIG

from grok_tui.protocol.snapshot import Snapshot


def snapshot_of(step: int) -> Snapshot:
    weights = {
        name: weight.astype("float32")
        for name, weight in reference.random_weights(113, 128, 512, 1).items()
    }
    config = CONFIG.model_dump(mode="json")
    return Snapshot(
        step, weights, weights, weights, (0.5, 0.5), TASK.train_mask, config, {}, {}
    )

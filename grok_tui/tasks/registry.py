"""The registry of operations, by the config's `operation`, and the task of a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from grok_tui.config import schema
from grok_tui.config.schema import Config, ConfigError
from grok_tui.tasks import modular
from grok_tui.tasks.task import BoolArray, Operation, Task
from grok_tui.text import did_you_mean

OPERATIONS: Mapping[str, Operation] = {entry.name: entry for entry in modular.OPERATIONS}


def operation_named(name: str) -> Operation:
    """Look up an operation by name. Raises ConfigError if there is none."""
    if name in OPERATIONS:
        return OPERATIONS[name]
    raise ConfigError(
        f"operation must be one of {', '.join(OPERATIONS)} (got {name[:40]!r})"
        f"{did_you_mean(name, OPERATIONS)}"
    )


def check(config: Config) -> Config:
    """Return the config unchanged if a task can be made for it. Raises ConfigError if not."""
    operation, p = operation_named(config.operation), config.modulus
    if p % 2 == 0:
        raise ConfigError(
            "modulus must be odd, so that each frequency has a cosine and a sine"
            f" (got {p}); try {p - 1} or {p + 1}"
        )
    if problem := operation.problem(p):
        raise ConfigError(problem)
    n_pairs = operation.n_pairs(p)
    if not 0 < n_train(config.train_fraction, n_pairs) < n_pairs:
        raise ConfigError(
            f"train_fraction must leave train and test pairs among {n_pairs}"
            f" (got {config.train_fraction})"
        )
    return config


def make_task(config: Config, train_mask: BoolArray | None = None) -> Task:
    """The task of a config. Raises ConfigError.

    train_mask: (n_pairs,), a recorded split; None draws `n_train` pairs without replacement,
    from `data_seed` alone.
    """
    check(config)
    operation, p = OPERATIONS[config.operation], config.modulus
    if train_mask is None:
        n_pairs = operation.n_pairs(p)
        order = np.random.default_rng(config.data_seed).permutation(n_pairs)
        train_mask = np.zeros(n_pairs, dtype=np.bool_)
        train_mask[order[: n_train(config.train_fraction, n_pairs)]] = True
    rows, columns = np.arange(p), np.arange(operation.first_b, p)
    a, b = np.repeat(rows, len(columns)), np.tile(columns, p)
    return Task(operation, p, operation.answer(a, b, p, config.data_seed), train_mask)


def n_train(train_fraction: float, n_pairs: int) -> int:
    """The number of train pairs."""
    return int(train_fraction * n_pairs)


def known_task(fields: Mapping[str, Any], train_mask: BoolArray | None = None) -> Task | None:
    """The task of a config with some fields possibly unknown; None if they do not say it.

    fields: by name, None if unknown. train_mask: as in `make_task`.
    """
    needed = ["operation", "modulus"]
    if train_mask is None:
        needed += ["train_fraction", "data_seed"]
    known = {name: fields[name] for name in needed if fields.get(name) is not None}
    if len(known) < len(needed):
        return None
    try:
        return make_task(Config(**known), train_mask)
    except (ConfigError, ValueError):  # another program's values
        return None


def choices(field: str) -> tuple[str, ...]:
    """The allowed values of a config field that has only a few; empty for other fields."""
    return tuple(OPERATIONS) if field == "operation" else schema.choices(field)

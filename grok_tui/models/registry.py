"""The registry of models, and the model of a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from grok_tui.config.schema import FIELDS, Config, ConfigError, build, group_of
from grok_tui.models.base import Model
from grok_tui.models.transformer.spec import Transformer

MODELS: Mapping[str, type[Model]] = {"transformer": Transformer}
# The settings of a model that only say how its initial weights are drawn.
_DRAWN = ("init", "init_scale", "seed")


class Counts(Protocol):
    """What a model has to know of a task: the number of values of a and b, and of answers."""

    @property
    def n_tokens(self) -> int: ...

    @property
    def n_answers(self) -> int: ...


def model_of(config: Config, task: Counts) -> Model:
    """The model of a config, at the size that a task needs."""
    return MODELS["transformer"](config, task.n_tokens, task.n_answers)


def known_model(fields: Mapping[str, Any], task: Counts) -> Model | None:
    """The model of a config with some fields possibly unknown; None if they do not say it.

    fields: by name, None if unknown. Unknown ways of drawing the weights are the default ones.
    """
    names = [name for name in FIELDS if group_of(name) == "model"]
    known = {name: fields[name] for name in names if fields.get(name) is not None}
    if not known.keys() >= set(names) - set(_DRAWN):
        return None
    try:
        return model_of(build(known), task)
    except ConfigError:  # another program's values
        return None


def export_formats() -> list[str]:
    """The formats of other tools that at least one model supports."""
    return sorted({name for model in MODELS.values() for name in model.EXPORTS})

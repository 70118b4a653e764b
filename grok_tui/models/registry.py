"""The registry of models, and the model of a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from grok_tui.config.schema import Config
from grok_tui.models.base import Model
from grok_tui.models.transformer.spec import Transformer

MODELS: Mapping[str, type[Model]] = {"transformer": Transformer}


class Counts(Protocol):
    """What a model has to know of a task: the number of values of a and b, and of answers."""

    @property
    def n_tokens(self) -> int: ...

    @property
    def n_answers(self) -> int: ...


def model_of(config: Config, task: Counts) -> Model:
    """The model of a config, at the size that a task needs."""
    return Transformer(config, task.n_tokens, task.n_answers)


def export_formats() -> list[str]:
    """The formats of other tools that at least one model supports."""
    return sorted({name for model in MODELS.values() for name in model.EXPORTS})

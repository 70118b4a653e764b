"""The model of a config, for the config's task."""

from __future__ import annotations

from grok_tui.config.schema import Config
from grok_tui.models.base import Model
from grok_tui.models.registry import model_of
from grok_tui.tasks.registry import make_task


def model_for(config: Config) -> Model:
    return model_of(config, make_task(config))

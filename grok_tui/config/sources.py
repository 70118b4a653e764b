"""Where a config comes from: flags over environment over file over preset over defaults."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from grok_tui.config.presets import load_preset
from grok_tui.config.schema import FIELDS, Config, ConfigError, flag, problems
from grok_tui.files import read_toml

ENV_PREFIX = "GROK_TUI_"


def load_file(path: Path) -> dict[str, Any]:
    """Fields of a TOML config file, or of a run's `config.toml`; raises ConfigError."""
    content = _read(path)
    for name in ("environment", "parent"):  # what a run directory adds
        content.pop(name, None)
    fields = {name.replace("-", "_"): value for name, value in content.items()}
    if len(fields) < len(content):
        raise ConfigError(f"{path} has a setting twice, once with - and once with _")
    return fields


def load_parent(path: Path) -> tuple[Path, int] | None:
    """The run and the step that a branch's `config.toml` says it left, None if there is none.

    Raises ConfigError.
    """
    match _read(path).get("parent"):
        case None:
            return None
        case {"run": str(run), "step": int(step)}:
            return Path(run), step
    raise ConfigError(f"{path} is damaged: its parent is not a run and a step")


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def resolve(
    flags: Mapping[str, Any], file: Path | None = None, preset: str | None = None
) -> Config:
    """The config that flags, environment, file, preset and defaults give, in that order.

    Raises ConfigError naming every field that is wrong and where it was set.
    """
    _check_environment()
    in_file = load_file(file) if file else {}
    in_preset = load_preset(preset).fields if preset else {}

    class Layers(Config, BaseSettings):
        model_config = SettingsConfigDict(env_prefix=ENV_PREFIX)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            lower = [InitSettingsSource(settings_cls, dict(m)) for m in (in_file, in_preset)]
            return (init_settings, env_settings, *lower)

    def origin(name: str) -> str:
        if name in flags:
            return flag(name)
        for variable in os.environ:  # their case does not matter
            if variable.upper() == ENV_PREFIX + name.upper():
                return variable
        if name in in_file:
            return str(file)
        return f"preset {preset}" if name in in_preset else ""

    try:
        layers = Layers(**flags)
    except ValidationError as error:
        lines = []
        for item, problem in zip(error.errors(), problems(error), strict=True):
            # What is wrong with several fields at once names them in its text.
            names = [str(n) for n in item["loc"]] or re.findall(r"\w+", problem)
            places = ", ".join(dict.fromkeys(filter(None, map(origin, names))))
            lines.append(f"{problem} (from {places})" if places else problem)
        raise ConfigError("; ".join(lines)) from None
    return Config(**layers.model_dump())


def _check_environment() -> None:
    """Raise ConfigError for a variable of ours that sets nothing."""
    known = [name.upper() for name in FIELDS]
    for variable in sorted(os.environ):
        name = variable.upper().removeprefix(ENV_PREFIX)
        if name == variable.upper() or name in known:
            continue
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {ENV_PREFIX}{near[0]}?" if near else ""
        shown = variable if variable.isidentifier() else repr(variable)
        raise ConfigError(f"{shown} in the environment is no setting{hint}")

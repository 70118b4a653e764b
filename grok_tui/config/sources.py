"""Where a config comes from: flags over environment over file over preset over defaults."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from grok_tui.config.presets import load_preset
from grok_tui.config.schema import FIELDS, Config, ConfigError, flag, problems
from grok_tui.files import read_toml
from grok_tui.text import did_you_mean

ENV_PREFIX = "GROK_TUI_"


def load_file(path: Path) -> dict[str, Any]:
    """The fields in a TOML config file, or in a run's `config.toml`. Raises ConfigError."""
    content = _read(path)
    for name in ("environment", "parent"):  # tables that a run directory adds
        content.pop(name, None)
    fields = {name.replace("-", "_"): value for name, value in content.items()}
    if len(fields) < len(content):
        raise ConfigError(f"{path} sets a field twice, once with - and once with _")
    return fields


def load_parent(path: Path) -> tuple[Path, int] | None:
    """The parent run and step in a branch's `config.toml`, None if the run is not a branch.

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
    flags: Mapping[str, Any],
    file: Path | None = None,
    preset: str | None = None,
    *,
    check: Callable[[Config], Config],
) -> Config:
    """The config; per field, flags come before environment, file, preset and defaults.

    check: returns the config, or raises ConfigError for errors that the schema cannot see.
    Raises ConfigError naming every invalid field and where it was set.
    """
    in_environment = _environment()
    in_file = load_file(file) if file else {}
    in_preset = load_preset(preset).fields if preset else {}

    def origin(name: str) -> str:
        if name in flags:
            return flag(name)
        if name in in_environment:
            return in_environment[name][0]
        if name in in_file:
            return str(file)
        return f"preset {preset}" if name in in_preset else ""

    def located(problem: str, names: Iterable[str]) -> str:
        places = ", ".join(dict.fromkeys(filter(None, map(origin, names))))
        return f"{problem} (from {places})" if places else problem

    values = {name: value for name, (_, value) in in_environment.items()}
    try:
        return check(Config(**{**in_preset, **in_file, **values, **flags}))
    except ConfigError as error:  # may concern several fields, which its text names
        raise ConfigError(located(str(error), re.findall(r"\w+", str(error)))) from None
    except ValidationError as error:
        invalid = zip(error.errors(), problems(error), strict=True)
        lines = [
            located(problem, [str(n) for n in item["loc"]] or re.findall(r"\w+", problem))
            for item, problem in invalid
        ]
        raise ConfigError("; ".join(lines)) from None


def _environment() -> dict[str, tuple[str, str]]:
    """Environment variables that set a field: variable and value by field, in any case.

    Raises ConfigError for a `GROK_TUI_` variable that does not name a field.
    """
    variables: dict[str, tuple[str, str]] = {}
    for variable, value in sorted(os.environ.items()):
        name = variable.upper().removeprefix(ENV_PREFIX)
        if name == variable.upper():
            continue
        if (field := name.lower()) in variables:
            raise ConfigError(f"{variables[field][0]} and {variable} set the same field")
        if field in FIELDS:
            variables[field] = variable, value
            continue
        hint = did_you_mean(name, (field.upper() for field in FIELDS), ENV_PREFIX)
        shown = variable if variable.isidentifier() else repr(variable)
        raise ConfigError(f"{shown} in the environment is not a setting{hint}")
    return variables

"""The presets: named fragments of a config, one TOML file each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grok_tui.config.schema import ConfigError
from grok_tui.text import did_you_mean

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Preset:
    """A named config fragment.

    grok_step: the step at which it was measured to grok, None if it does not grok.
    patient: the verdict that the doctor should give, None for presets that are meant to work.
    """

    name: str
    sentence: str
    grok_step: int | None
    fields: Mapping[str, Any]
    patient: str | None = None


def load_preset(name: str) -> Preset:
    """Read the preset `name`; raises ConfigError if there is none."""
    path = _FOLDER / f"{name}.toml"
    if name not in preset_names():
        names = preset_names()
        hint = did_you_mean(name, names)
        raise ConfigError(f"unknown preset '{name}'; choose one of {', '.join(names)}{hint}")
    content = tomllib.loads(path.read_text())
    return Preset(
        name,
        content["sentence"],
        content.get("grok_step"),
        content["config"],
        content.get("patient"),
    )


def preset_names() -> list[str]:
    """All presets: `quick` and `nanda` first, the patients last."""
    first = ["quick", "nanda"]
    names = [path.stem for path in _FOLDER.glob("*.toml")]
    others = sorted(set(names) - set(first), key=lambda name: (_is_patient(name), name))
    return [*first, *others]


def _is_patient(name: str) -> bool:
    return "patient" in tomllib.loads((_FOLDER / f"{name}.toml").read_text())

from __future__ import annotations

import pytest

from grok_tui.config.presets import load_preset, preset_names
from grok_tui.config.schema import FIELDS, Config, ConfigError, build


def test_quick_comes_first_the_patients_last_and_every_file_once() -> None:
    names = preset_names()
    assert names[:2] == ["quick", "nanda"]
    assert len(set(names)) == len(names)
    assert "stackexchange" in names
    patients = [name for name in names if load_preset(name).patient]
    assert patients == sorted(patients)
    assert names[-len(patients) :] == patients


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_a_valid_fragment_with_one_sentence(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    assert preset.sentence.splitlines() == [preset.sentence]
    assert preset.sentence.endswith(".")
    assert preset.fields.keys() <= FIELDS.keys()
    config = build(preset.fields)
    assert preset.grok_step is None or 0 < preset.grok_step <= config.steps


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_neither_repeats_defaults_nor_sets_a_device(name: str) -> None:
    preset = load_preset(name)
    assert "device" not in preset.fields
    for field, value in preset.fields.items():
        assert value != FIELDS[field].default, field


def test_nanda_equals_the_defaults() -> None:
    assert build(load_preset("nanda").fields) == Config()


def test_stackexchange_has_tiny_weights_and_no_warm_up() -> None:
    fields = {"init": "scaled-uniform", "warmup_steps": 0}
    assert load_preset("stackexchange").fields == fields
    assert load_preset("stackexchange").grok_step is None


@pytest.mark.parametrize("name", ["", "Quick", "../presets/quick", "*", "quick.toml"])
def test_an_unknown_preset_is_refused_with_the_known_names(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_preset(name)
    names = ", ".join(preset_names())
    hint = "; did you mean quick?" if name in ("Quick", "quick.toml") else ""
    assert str(caught.value) == f"unknown preset '{name}'; choose one of {names}{hint}"

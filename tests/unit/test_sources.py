"""Where a config comes from: flags > environment > file > preset > defaults."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grok_tui.config import sources
from grok_tui.config.presets import Preset
from grok_tui.config.schema import FIELDS, Config, ConfigError, flag
from grok_tui.config.sources import load_file
from grok_tui.runs.writer import RunWriter
from grok_tui.tasks.registry import check

resolve = partial(sources.resolve, check=check)

# A value other than the default for every field.
OTHER: dict[str, Any] = {
    "operation": "multiply", "modulus": 97, "train_fraction": 0.4, "data_seed": 3,
    "d_model": 64, "n_heads": 2, "d_mlp": 100, "n_layers": 2, "init": "normal",
    "init_scale": 0.5, "seed": 4294967295, "lr": 0.0031, "weight_decay": 0.1, "beta1": 0.85,
    "beta2": 0.999, "eps": 1e-30, "warmup_steps": 0, "decay": "coupled",
    "optimizer": "muon", "loss": "stablemax", "grad_filter": "grokfast", "grokfast_alpha": 0.9,
    "grokfast_lambda": 5.0, "norm_constraint": "sphere", "steps": 123,
    "eval_every": 7, "analyze_every": 13, "checkpoint_every": 11, "keep": "first, last 3",
    "stop_when": "grokked", "device": "CUDA:1",
}  # fmt: skip


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings in the environment, and one preset besides the shipped ones."""
    for name in list(os.environ):
        if name.upper().startswith(sources.ENV_PREFIX):
            monkeypatch.delenv(name)
    shipped = sources.load_preset

    def load(name: str) -> Preset:
        fields = {"weight_decay": 0.5, "lr": 0.5, "beta1": 0.5, "eps": 0.5}
        return Preset("halves", "", None, fields) if name == "halves" else shipped(name)

    monkeypatch.setattr(sources, "load_preset", load)


def written(folder: Path, text: str) -> Path:
    path = folder / "some.toml"
    path.write_text(text)
    return path


def refusal(*arguments: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(*arguments)
    text = str(caught.value)
    assert text.splitlines() == [text]
    return text


def test_no_settings_give_the_defaults() -> None:
    assert resolve({}) == Config()


def test_each_layer_beats_the_ones_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "lr = 0.25\nbeta1 = 0.25\neps = 0.25\n")
    monkeypatch.setenv("GROK_TUI_BETA1", "0.125")
    monkeypatch.setenv("GROK_TUI_EPS", "0.125")
    config = resolve({"eps": "0.0625"}, file, "halves")
    layered = (config.beta2, config.weight_decay, config.lr, config.beta1, config.eps)
    assert layered == (0.98, 0.5, 0.25, 0.125, 0.0625)


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_can_be_set_by_every_layer(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = OTHER[name]
    assert value != FIELDS[name].default
    expected = Config().changed(**{name: value})
    assert resolve({name: str(value)}) == expected
    text = f"'{value}'" if isinstance(value, str) else value
    assert resolve({}, written(tmp_path, f"{name} = {text}")) == expected
    kebab = written(tmp_path, f"{name.replace('_', '-')} = {text}")
    assert resolve({}, kebab) == expected
    monkeypatch.setenv(f"GROK_TUI_{name.upper()}", str(value))
    assert resolve({}) == expected


def test_a_runs_config_file_loads_back(tmp_path: Path) -> None:
    config = Config().changed(**OTHER)
    RunWriter.create(tmp_path / "run", config, {"version": "1", "device": "CPU"}).close()
    assert resolve({}, tmp_path / "run" / "config.toml") == config


@pytest.mark.parametrize("layer", ["flag", "variable", "odd variable", "file", "preset"])
def test_an_error_names_field_value_and_place(
    layer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields: Mapping[str, Any] = {}
    file = preset = None
    match layer:
        case "flag":
            fields, place = {"warmup_steps": "-3"}, "--warmup-steps"
        case "variable":
            monkeypatch.setenv("GROK_TUI_WARMUP_STEPS", "-3")
            place = "GROK_TUI_WARMUP_STEPS"
        case "odd variable":
            monkeypatch.setenv("grok_tui_Warmup_Steps", "-3")
            place = "grok_tui_Warmup_Steps"
        case "file":
            file = written(tmp_path, "warmup-steps = '-3'")
            place = str(file)
        case _:
            bad = Preset("bad", "", None, {"warmup_steps": "-3"})
            monkeypatch.setattr(sources, "load_preset", lambda name: bad)
            preset, place = "bad", "preset bad"
    text = refusal(fields, file, preset)
    assert text.startswith("warmup_steps must be")
    assert text.endswith(f" (from {place})")


def test_errors_of_several_layers_each_name_their_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "seed = 0.5\nlearning-rate = 1\n")
    monkeypatch.setenv("GROK_TUI_LR", "fast")
    places = {}
    for problem in refusal({"modulus": "3"}, file).split("; "):
        assert problem.endswith(")")
        places[re.split(":| must", problem)[0]] = problem[:-1].rpartition(" (from ")[2]
    assert places == {
        "modulus": "--modulus",
        "lr": "GROK_TUI_LR",
        "seed": str(file),
        "learning_rate": str(file),
    }


def test_an_error_of_two_fields_names_where_each_was_set(tmp_path: Path) -> None:
    file = written(tmp_path, "d_model = 130")
    text = refusal({"n_heads": "4"}, file)
    assert text == f"n_heads must divide d_model, 130 (got 4) (from --n-heads, {file})"
    assert refusal({}, file).endswith(f"130 (got 4) (from {file})")


def test_an_overridden_value_need_not_be_valid(tmp_path: Path) -> None:
    assert resolve({"lr": "0.5"}, written(tmp_path, "lr = 'nonsense'")).lr == 0.5


@pytest.mark.parametrize(
    "content",
    [
        "lr = ",
        "lr = 1\nlr = 2",
        "lr = " + "1" * 5000,
        "lr = " + "[" * 100_000,
        b"lr = '\xff'",
        b"\x00",
    ],
    ids=["no value", "twice", "too long a number", "too deep", "no UTF-8", "binary"],
)
def test_a_file_that_is_not_toml(content: str | bytes, tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert refusal({}, path).startswith(f"{path} is not valid TOML: ")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    assert refusal({}, missing) == f"cannot read {missing}: No such file or directory"
    assert refusal({}, tmp_path) == f"cannot read {tmp_path}: Is a directory"


def test_an_unknown_key_with_a_line_break_is_one_line(tmp_path: Path) -> None:
    file = written(tmp_path, '"a\\nb" = 1')
    assert refusal({}, file) == f"'a\\nb': there is no such setting (from {file})"


def test_a_table_in_a_config_file_is_not_a_setting(tmp_path: Path) -> None:
    file = written(tmp_path, "[adam]\nlr = 1")
    assert refusal({}, file) == f"adam: there is no such setting (from {file})"


def test_only_the_environment_table_of_a_file_is_ignored(tmp_path: Path) -> None:
    file = written(tmp_path, "weight-decay = 2\n[environment]\nversion = '9'\n")
    assert load_file(file) == {"weight_decay": 2}


def test_a_setting_in_two_spellings_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path, "d-model = 64\nd_model = 32")
    assert refusal({}, file) == f"{file} sets a field twice, once with - and once with _"


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("GROK_TUI_LRR", "; did you mean GROK_TUI_LR?"),
        ("grok_tui_weightdecay", "; did you mean GROK_TUI_WEIGHT_DECAY?"),
        ("GROK_TUI_COLOUR_OF_THE_SKY", ""),
    ],
)
def test_a_variable_that_sets_nothing_is_refused(
    variable: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    assert refusal({}) == f"{variable} in the environment is not a setting{hint}"


def test_two_variables_for_one_field_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROK_TUI_LR", "0.1")
    monkeypatch.setenv("grok_tui_lr", "0.2")
    assert refusal({}) == "GROK_TUI_LR and grok_tui_lr set the same field"


def test_an_unknown_preset() -> None:
    assert refusal({}, None, "nope").startswith("unknown preset 'nope'; choose one of ")


def test_flags_keep_the_type_of_their_field() -> None:
    config = resolve({name: str(value) for name, value in OTHER.items()})
    assert config.model_dump() == OTHER | {
        name: getattr(Config(), name) for name in FIELDS.keys() - OTHER.keys()
    }


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.dictionaries(st.sampled_from(list(FIELDS)), st.text(max_size=8), min_size=1))
def test_any_flags_give_a_config_or_one_line_with_a_flag(fields: dict[str, str]) -> None:
    try:
        resolve(fields)
    except ConfigError as error:
        text = str(error)
        assert text.splitlines() == [text]
        assert any(f"(from {flag(name)}" in text for name in fields)
    else:
        assert all(isinstance(FIELDS[name].annotation, object) for name in fields)

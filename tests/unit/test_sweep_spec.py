"""Specs of sweeps, and errors in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grok_tui.config.schema import ConfigError
from grok_tui.sweep.spec import load_spec, point_name, shipped, spec_from


def points(content: dict[str, Any]) -> list[tuple[dict[str, Any], int]]:
    return [(dict(point.values), point.seed) for point in spec_from(content).points()]


def test_all_combinations_come_one_seed_after_another() -> None:
    content = {"axes": {"weight-decay": [1, 3.0], "train_fraction": [0.3, 0.5]}, "seeds": 2}
    combinations = [(1.0, 0.3), (1.0, 0.5), (3.0, 0.3), (3.0, 0.5)]
    assert points(content) == [
        ({"weight_decay": wd, "train_fraction": fraction}, seed)
        for seed in (0, 1)
        for wd, fraction in combinations
    ]


def test_each_seed_has_other_weights_and_another_split() -> None:
    spec = spec_from({"base": {"seed": 5, "data-seed": 7}, "seeds": 3})
    found = [(point.config.seed, point.config.data_seed) for point in spec.points()]
    assert found == [(5, 7), (6, 8), (7, 9)]


def test_the_base_overrides_its_preset() -> None:
    config = spec_from({"base": {"preset": "quick", "lr": 0.002}, "steps": 700}).base
    assert (config.lr, config.weight_decay, config.steps) == (0.002, 3.0, 700)
    assert config.stop_when == "grokked"
    assert spec_from({"stop-when": "never"}).base.stop_when == "never"


@pytest.mark.parametrize(
    ("field", "spread", "values"),
    [
        ("lr", {"from": 1e-4, "to": 1e-2, "num": 3, "scale": "log"}, (1e-4, 1e-3, 1e-2)),
        ("lr", {"from": 0.001, "to": 0.002, "num": 3}, (0.001, 0.0015, 0.002)),
        ("train_fraction", {"from": 0.2, "to": 0.6, "num": 5}, (0.2, 0.3, 0.4, 0.5, 0.6)),
        ("d_mlp", {"from": 64, "to": 256, "num": 3, "scale": "log"}, (64, 128, 256)),
        ("weight_decay", {"from": 0, "to": 1, "num": 2}, (0.0, 1.0)),
        ("operation", ["add", "subtract"], ("add", "subtract")),
    ],
)
def test_an_axis_is_a_list_or_a_range(field: str, spread: Any, values: tuple[Any, ...]) -> None:
    (axis,) = spec_from({"axes": {field: spread}}).axes
    assert axis.values == values
    assert all(type(a) is type(b) for a, b in zip(axis.values, values, strict=True))


def test_a_spec_is_restored_from_its_json() -> None:
    spec = spec_from({"base": {"preset": "quick"}, "axes": {"lr": [1e-3, 3e-3]}, "seeds": 2})
    assert spec_from(spec.to_dict()) == spec


def test_a_points_name_has_its_values_and_seed() -> None:
    name = point_name({"weight_decay": 1.0, "lr": 3e-4, "operation": "x2+y2"}, 2)
    assert name == "weight_decay-1_lr-0.0003_operation-x2+y2_seed-2"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"axes": {"lrr": [1]}}, "lrr: there is no such setting"),
        ({"axes": {"lr": []}}, "lr: an axis needs at least one value"),
        ({"axes": {"lr": [1e-3, 0.001]}}, "lr: a value of an axis must not be repeated"),
        (
            {"axes": {"weight_decay": [1, 1.0]}},
            "weight_decay: a value of an axis must not be repeated",
        ),
        ({"axes": {"seed": [1, 2]}}, "seed cannot be an axis"),
        ({"axes": {"device": ["CPU"]}}, "device cannot be an axis"),
        ({"axes": {"lr": [1e-3, -1]}}, "point lr--1_seed-0: lr must be above 0"),
        ({"axes": {"modulus": [13, 14]}}, "point modulus-14_seed-0: modulus must be odd"),
        ({"axes": {"lr": {"from": 0, "to": 1, "num": 3, "scale": "log"}}}, "above 0"),
        ({"axes": {"lr": {"from": 0, "to": 1}}}, "the range of lr: num is missing"),
        ({"axes": {"lr": {"from": 0, "num": 2}}}, "the range of lr: to is missing"),
        ({"axes": {"lr": {"from": 0, "to": 1, "num": 1}}}, "the range of lr: num must be"),
        (
            {"axes": {"lr": {"from": 0, "to": 1, "nun": 2}}},
            "nun: there is no such setting",
        ),
        ({"axes": {"lr": 0.1}}, "lr: an axis is a list, or a range"),
        ({"axis": {}}, "axis: there is no such setting; did you mean axes?"),
        ({"seeds": 0}, "seeds must be"),
        ({"base": {"preset": "nope"}}, "unknown preset 'nope'"),
        ({"base": {"lr": "fast"}}, "lr must be"),
        ({"steps": -5}, "steps must be"),
    ],
)
def test_errors_name_the_problem(content: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        spec_from(content)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("seeds = ", "is not valid TOML"),
        ("[axes]\nlr = [1, 1]", "must not be repeated"),
        ("", "needs [axes], or `seeds = n`"),
        ("steps = 100\n[axes]\n", "needs [axes], or `seeds = n`"),
    ],
)
def test_a_bad_file_is_named(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_spec(str(path))
    assert str(path) in str(caught.value)
    assert said in str(caught.value)
    with pytest.raises(ConfigError, match="cannot read"):
        load_spec(str(tmp_path / "none.toml"))


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_spec_is_found_by_its_name(name: str) -> None:
    spec = load_spec(name)
    assert spec.seeds >= 3
    assert len({point.name for point in spec.points()}) == len(list(spec.points()))
    assert spec.base.modulus == 113


def test_an_unknown_name_is_refused_with_the_known_names() -> None:
    assert "weight-decay-x-train-fraction" in shipped()
    with pytest.raises(ConfigError, match="lr-x-weight-decay, seeds"):
        load_spec("seed")

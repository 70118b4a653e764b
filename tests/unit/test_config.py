from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from grok_tui.config.schema import (
    FIELDS,
    MAX_SEED,
    Config,
    ConfigError,
    bounds,
    build,
    choices,
    flag,
    group_of,
    is_live,
    written,
)
from grok_tui.tasks.groups import is_prime, next_prime
from grok_tui.tasks.registry import check

NESTED: list[Any] = []
for _ in range(5000):
    NESTED = [NESTED]

# Fields, besides d_model, whose bounds are valid with all others at their defaults.
SMALLEST = {"modulus": 5, "d_model": 2, "n_heads": 1, "d_mlp": 1, "n_layers": 1, "eps": 1e-30}
LARGEST = {
    "modulus": 499, "data_seed": MAX_SEED, "seed": MAX_SEED, "d_model": 2048, "n_heads": 64,
    "d_mlp": 8192, "n_layers": 3, "init_scale": 100.0, "lr": 10.0, "weight_decay": 1000.0,
    "steps": 16_000_000,
}  # fmt: skip


def one_line(error: ConfigError) -> str:
    text = str(error)
    assert text
    assert text.splitlines() == [text]
    return text


def limits(name: str) -> dict[str, float]:
    return {
        kind: getattr(bound, kind)
        for bound in FIELDS[name].metadata
        for kind in ("gt", "ge", "lt", "le")
        if hasattr(bound, kind)
    }


NUMBERS = [name for name in FIELDS if FIELDS[name].annotation in (int, float)]


def test_the_defaults_are_the_papers() -> None:
    config = Config()
    assert (config.operation, config.modulus, config.train_fraction) == ("add", 113, 0.3)
    assert (config.d_model, config.n_heads, config.d_mlp, config.n_layers) == (128, 4, 512, 1)
    assert (config.lr, config.weight_decay, config.beta1, config.beta2) == (1e-3, 1, 0.9, 0.98)
    assert (config.eps, config.warmup_steps, config.decay) == (1e-8, 10, "decoupled")
    assert (config.data_seed, config.seed, config.init) == (0, 0, "nanda")


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_a_group_a_default_and_one_sentence(name: str) -> None:
    description = FIELDS[name].description
    assert description
    assert description.splitlines() == [description]
    assert group_of(name) in {"task", "model", "optimizer", "interventions", "run"}
    assert build({name: FIELDS[name].default}) == Config()


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_is_bounded_below_and_above_unless_only_time_bounds_it(name: str) -> None:
    assert limits(name).keys() & {"gt", "ge"}
    assert limits(name).keys() & {"lt", "le"}


def test_live_fields_do_not_change_the_weights() -> None:
    live = {"lr", "weight_decay", "beta1", "beta2", "eps", "warmup_steps", "decay", "steps"}
    live |= {"grad_filter", "grokfast_alpha", "grokfast_lambda", "norm_constraint"}
    live |= {"eval_every", "checkpoint_every", "keep", "stop_when"}
    restart = {"operation", "modulus", "train_fraction", "data_seed", "d_model", "n_heads"}
    restart |= {"d_mlp", "n_layers", "init", "init_scale", "seed", "device", "loss"}
    restart |= {"optimizer"}
    assert {name for name in live if is_live(name)} == live
    assert {name for name in restart if is_live(name)} == set()
    assert live | restart <= FIELDS.keys()


@pytest.mark.parametrize("name", NUMBERS)
def test_values_outside_the_bounds_are_refused(name: str) -> None:
    whole = FIELDS[name].annotation is int
    for kind, bound in limits(name).items():
        sign = -1 if kind[0] == "g" else 1
        outside = bound
        if kind in ("ge", "le"):
            outside = bound + sign if whole else math.nextafter(bound, sign * math.inf)
        with pytest.raises(ConfigError) as caught:
            build({name: outside})
        text = one_line(caught.value)
        assert text.startswith(f"{name} must be ")
        assert text.endswith(f" (got {outside!r})")
        assert written(bound) in text


@pytest.mark.parametrize(("name", "value"), [*SMALLEST.items(), *LARGEST.items()])
def test_closed_bounds_are_allowed(name: str, value: float) -> None:
    heads = {"n_heads": 1} if name == "d_model" else {}
    assert getattr(build({**heads, name: value}), name) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "nan", "inf"])
@pytest.mark.parametrize("name", ["lr", "weight_decay", "eps", "train_fraction", "modulus"])
def test_nan_and_infinity_are_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^{name} must be "):
        build({name: value})


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"modulus": 112}, r"modulus must be odd, .*got 112\); try 111 or 113"),
        ({"operation": "divide", "modulus": 15}, r"divide needs a prime .*got 15\); try 17"),
        ({"d_model": 130}, r"n_heads must divide d_model, 130 \(got 4\)"),
        ({"modulus": 5, "train_fraction": 0.03}, r"train_fraction must leave .*\(got 0.03\)"),
        ({"operation": "plus"}, r"operation must be one of add, .*random \(got 'plus'\)"),
        ({"learning_rate": 1}, "learning_rate: there is no such setting"),
        ({"a\nb": 1}, r"'a\\nb': there is no such setting"),
        ({"": 1}, "'': there is no such setting"),
        ({"lr": "fast\nslow"}, r"lr must be a number \(got 'fast\\nslow'\)"),
        ({"lr": None}, r"lr must be a number \(got None\)"),
        ({"lr": [1] * 1000}, r"lr must be a number \(got \[1, .*\.\.\.\)"),
        ({"lr": 10**5000}, r"lr must be a number \(got a huge number\)"),
        ({"keep": "last"}, r"keep must list all, .* or phases \(got 'last'\)"),
        ({"keep": "first, " * 99}, r"keep must list all, .* \(got 'first, .*\.\.\.\)"),
        ({"keep": "x" * 99}, r"keep must list all, .* \(got 'x*\.\.\.\)"),
        ({"keep": 3}, r"keep must be text \(got 3\)"),
        ({"lr": NESTED}, "lr must be a number"),
        ({"device": "cpu"}, r"device must be a tinygrad device, .*\(got 'cpu'\)"),
        ({"device": "CPU\n"}, r"device must be .*\(got 'CPU\\n'\)"),
        ({"device": "\udcff"}, r"device must be .*\(got '\\udcff'\)"),
    ],
)
def test_errors_are_one_line(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=f"^{says}") as caught:
        check(build(fields))
    assert len(one_line(caught.value)) < 250


def test_every_wrong_field_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        build({"lr": -1, "modulus": "x", "seed": 0.5, "nonsense": 0, "steps": 5})
    problems = one_line(caught.value).split("; ")
    names = {"lr", "modulus", "seed", "nonsense"}
    assert {re.split(":| must", problem)[0] for problem in problems} == names


@pytest.mark.parametrize("device", ["auto", "CPU", "METAL", "CUDA:1", "CL", "NV:0", "CPU:LLVM"])
def test_names_of_devices(device: str) -> None:
    assert build({"device": device}).device == device


def test_a_config_is_frozen() -> None:
    config = Config()
    with pytest.raises(ValidationError):
        config.lr = 1.0  # type: ignore[misc]
    assert config.lr == 1e-3


def test_changed_is_a_validated_copy() -> None:
    config = Config()
    other = config.changed(lr="0.25", modulus=7)
    assert (other.lr, other.modulus, config.lr, config.modulus) == (0.25, 7, 1e-3, 113)
    assert other.changed(lr=1e-3, modulus=113) == config
    with pytest.raises(ConfigError, match=r"^modulus must be odd"):
        check(other.changed(modulus=8))


def test_flags_are_in_kebab_case() -> None:
    assert [flag("lr"), flag("weight_decay"), flag("beta1")] == [
        "--lr", "--weight-decay", "--beta1"
    ]  # fmt: skip


def test_primes() -> None:
    sieve = [n for n in range(2, 500) if not any(n % i == 0 for i in range(2, n))]
    assert [n for n in range(-3, 500) if is_prime(n)] == sieve
    assert [next_prime(n) for n in (0, 2, 4, 114, 499)] == [2, 2, 5, 127, 499]


ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
GARBAGE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | ANY_TEXT
    | st.binary(max_size=5)
    | st.sampled_from(["1e400", "0x10", " 3 ", "divide", 1 + 2j]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)
NEARLY = {
    name: st.integers(-2, 600) if FIELDS[name].annotation is int else st.floats(-0.5, 1.5)
    for name in NUMBERS
} | {"operation": st.sampled_from(["add", "divide", "random", "Add"])}


@settings(deadline=None, max_examples=300)
@example(garbage={"\ud800": None}, nearly={})
@given(
    garbage=st.dictionaries(st.sampled_from(list(FIELDS)) | ANY_TEXT, GARBAGE, max_size=4),
    nearly=st.fixed_dictionaries({}, optional=NEARLY),
)
def test_any_mapping_is_a_config_or_one_line(
    garbage: dict[str, Any], nearly: dict[str, Any]
) -> None:
    fields = {**nearly, **garbage}
    try:
        config = build(fields)
    except ConfigError as error:
        text = one_line(error)
        assert any(name in text or repr(name) in text for name in fields)
    else:
        assert fields.keys() <= FIELDS.keys()
        assert build(config.model_dump(mode="json")) == config
        assert config.d_model % config.n_heads == 0


def test_choices_are_those_of_the_schema() -> None:
    assert choices("stop_when") == ("never", "grokked")
    assert choices("lr") == ()
    assert choices("device") == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.001, "0.001"), (1e-8, "1e-08"), (113, "113"), (1.0, "1"), (1e22, "1e+22"), ("a", "a")],
)
def test_values_are_written_as_people_write_them(value: Any, text: str) -> None:
    assert written(value) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lr", "0 < x <= 10"),
        ("beta1", "0 <= x < 1"),
        ("train_fraction", "0 < x < 1"),
        ("warmup_steps", "0 <= x <= 1000000"),
        ("device", ""),
        ("init", ""),
    ],
)
def test_bounds_in_signs(name: str, text: str) -> None:
    assert bounds(name, "x") == text

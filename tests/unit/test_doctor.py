"""The doctor on planted cases, and on the recorded runs of benchmarks/doctor.py."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_for import model_for

from benchmarks.doctor import KINDS, case_from, judged, read
from grok_tui.config.presets import load_preset
from grok_tui.config.schema import FIELDS, Config, build
from grok_tui.doctor import HEALTHY, Case, Curve, Verdict, diagnose
from grok_tui.doctor.derived import derive
from grok_tui.protocol.events import ConfigApplied

RECORDS = read()
CURVES = ("train_loss", "test_loss", "train_acc", "test_acc", "weight_norm")
NANDA = Config().model_dump(mode="json")
LN_P = np.log(113)


def curve(*points: tuple[float, float]) -> Curve:
    """Straight lines between points, sampled every ten steps."""
    at, values = zip(*points, strict=True)
    steps = np.arange(at[0], at[-1] + 1, 10, dtype=np.float64)
    return Curve(steps, np.interp(steps, at, values))


def case(**known: Any) -> Case:
    """A run of `nanda` at step 3,000 that memorized its train pairs at step 200."""
    memorized: dict[str, Any] = {
        "config": NANDA,
        "steps": 3000,
        "train_loss": curve((10, LN_P), (200, 0.03), (3000, 1e-6)),
        "test_loss": curve((10, LN_P), (1400, 30), (3000, 30)),
        "train_acc": curve((10, 0.01), (200, 1), (3000, 1)),
        "test_acc": curve((10, 0.01), (3000, 0.01)),
        "weight_norm": curve((10, 45), (3000, 40)),
    }
    return Case(**{**memorized, **known})


def ids(case: Case) -> list[str]:
    return [verdict.id for verdict in diagnose(case)]


def config(**changes: Any) -> dict[str, Any]:
    return {**NANDA, **changes}


def edit(step: int, field: str, old: object, new: object) -> ConfigApplied:
    return ConfigApplied(step, field, old, new)


# --- each verdict -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "principal"),
    [
        ({}, "memorizing"),
        ({"diverged": True}, "diverged"),
        ({"config": config(operation="random")}, "not-learnable"),
        ({"config": config(decay="coupled")}, "coupled-decay"),
        ({"config": config(weight_decay=0.0)}, "weight-decay-too-low"),
        ({"config": config(weight_decay=0.1)}, "weight-decay-too-low"),
        ({"config": config(lr=1e-4)}, "lr-too-low"),
        ({"config": config(lr=0.03)}, "lr-too-high"),
        ({"config": config(init="normal")}, "init-too-large"),
        ({"config": config(train_fraction=0.15)}, "train-fraction-too-small"),
        ({"steps": 14_000, "test_acc": curve((10, 0.01), (14_000, 0.01))},
         "train-fraction-too-small"),
        ({"steps": 14_000, "edits": [edit(13_000, "weight_decay", 0.5, 1.0)]}, "memorizing"),
        ({"ended": True}, "too-few-steps"),
        ({"config": config(steps=3500)}, "too-few-steps"),
        ({"test_acc": curve((10, 0.01), (1500, 0.02), (3000, 0.4))}, "on-track"),
        ({"test_loss": curve((10, LN_P), (1400, 30), (3000, 15))}, "on-track"),
        ({"test_acc": curve((10, 0.01), (1500, 1), (3000, 1))}, "grokked"),
        ({"test_acc": curve((10, 0.01), (1500, 1), (1800, 1), (2000, 0.2), (3000, 0.3))},
         "lost"),
        ({"train_loss": curve((10, LN_P), (200, 0), (3000, 0))}, "numerical-collapse"),
        # The loss has jumped since, and the pairs have losses above zero again.
        ({"config": config(loss="naive", weight_decay=0.0),
          "zero_loss": curve((10, 0), (1070, 0.5), (1200, 0.16), (3000, 0.16))},
         "numerical-collapse"),
        ({"config": config(train_fraction=0.5),
          "test_acc": curve((10, 0.01), (1500, 1), (3000, 1))}, "grokked"),
        ({"config": config(train_fraction=0.5),
          "test_acc": curve((10, 0.01), (400, 1), (3000, 1))}, "no-delay-expected"),
    ],
)  # fmt: skip
def test_the_principal_verdict(known: dict[str, Any], principal: str) -> None:
    assert ids(case(**known))[0] == principal


def test_collapsed_weights_mean_too_much_decay_at_any_weight_decay() -> None:
    flat = curve((10, LN_P), (3000, LN_P))
    gone = case(
        train_loss=flat, test_loss=flat, train_acc=curve((10, 0.01), (3000, 0.01)),
        weight_norm=curve((10, 45), (1000, 1), (3000, 0.1)),
    )  # fmt: skip
    assert ids(gone)[0] == "weight-decay-too-high"
    assert ids(replace(gone, weight_norm=Curve(), config={}))[0] == "weight-decay-too-high"
    assert ids(replace(gone, config=config(decay="coupled")))[0] == "coupled-decay"
    assert ids(replace(gone, config=config(lr=0.05)))[0] == "lr-too-high"


def test_without_decay_a_norm_constraint_is_not_an_illness() -> None:
    free = case(config=config(weight_decay=0.0, norm_constraint="sphere"))
    assert "weight-decay-too-low" not in ids(free)


def test_spikes_are_counted_from_low_to_high() -> None:
    saw = np.tile([1e-4, 1e-3, 2.0, 1.0], 5)
    train = Curve(np.arange(20.0), saw)
    (verdict,) = (v for v in diagnose(case(train_loss=train)) if v.id == "slingshot")
    assert verdict.evidence["spikes"] == 5


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"eps": 1.0}, "eps-too-large"),
        ({"eps": 1e-2}, "eps-too-large"),
        ({"beta1": 0.999}, "beta1-too-large"),
        ({"beta2": 0.0}, "beta2-too-small"),
        ({"beta2": 0.5}, "beta2-too-small"),
        ({"warmup_steps": 1_000_000}, "warmup-too-long"),
        ({"warmup_steps": 5000, "steps": 5000}, "warmup-too-long"),
        ({"d_mlp": 1}, "model-too-small"),
        ({"d_model": 2, "n_heads": 1}, "model-too-small"),
        ({"grad_filter": "grokfast", "grokfast_lambda": 500.0}, "filter-too-strong"),
        ({"grad_filter": "grokfast", "grokfast_alpha": 0.9999}, "filter-too-strong"),
        ({"eval_every": 5000, "steps": 8000}, "evaluated-too-rarely"),
        ({"train_fraction": 0.1, "modulus": 37}, "train-fraction-too-small"),
    ],
)
def test_a_setting_beyond_its_limit_is_found_before_training(
    changes: dict[str, Any], found: str
) -> None:
    """And the fix leaves nothing to find."""
    bad = config(**changes)
    verdicts = diagnose(Case(config=bad))
    assert verdicts[0].id == found
    fixed = {**bad, **verdicts[0].changes}
    assert ids(Case(config=fixed))[0] in HEALTHY


def lost_at(step: int, **known: Any) -> Case:
    """A run that grokked at step 1,500 and lost it."""
    good = {"test_acc": curve((10, 0.01), (1400, 0.2), (1500, 1), (step - 10, 1), (step, 0.02),
                              (3000, 0.02))}  # fmt: skip
    return case(**{**good, **known})


@pytest.mark.parametrize(
    ("edits", "changes"),
    [
        ([("weight_decay", 1.0, 300.0)], {"weight_decay": 1.0}),
        ([("lr", 1e-3, 3.0)], {"lr": 1e-3}),
        ([("beta2", 0.98, 0.1)], {"beta2": 0.98}),
        ([("eval_every", 10, 20)], {}),  # it does not change how the run trains
    ],
)
def test_an_edit_just_before_a_loss_is_the_first_suspect(
    edits: list[tuple[str, Any, Any]], changes: dict[str, Any]
) -> None:
    made = [edit(1990, *change) for change in edits]
    now = config(**{field: new for field, _, new in edits})
    (verdict,) = diagnose(lost_at(2000, config=now, edits=made))
    assert verdict.id == "lost"
    assert verdict.changes == changes
    if changes:
        field, old, new = edits[0]
        assert f"just after {field} was changed from {old:g} to {new:g}" in verdict.reason
        undone = [*made, ConfigApplied(2500, field, new, old, undo=True)]
        (after,) = diagnose(lost_at(2000, edits=undone))
        assert after.reason == verdict.reason
        assert after.advice == "branch from a checkpoint before step 1990"


def test_an_edit_long_before_a_loss_is_no_suspect() -> None:
    made = [edit(100, "weight_decay", 0.5, 30.0)]
    now = config(weight_decay=30.0)
    (verdict,) = diagnose(lost_at(2000, config=now, edits=made))
    assert verdict.changes == {"weight_decay": 3.0}
    assert "weight decay keeps its weights too small" in verdict.reason


@pytest.mark.parametrize(
    ("changes", "fix"),
    [
        ({"lr": 3.0}, {"lr": 1e-3}),
        ({"lr": 10.0}, {"lr": 1e-3}),
        ({"beta2": 0.0}, {"beta2": 0.98}),
        ({"beta2": 0.0, "lr": 3e-3}, {"beta2": 0.98}),
        ({"lr": 1e-3}, {"lr": 1e-4}),
    ],
)
def test_a_diverged_run_gets_one_verdict_and_a_fix_that_works(
    changes: dict[str, Any], fix: dict[str, Any]
) -> None:
    (verdict,) = diagnose(case(config=config(**changes), diverged=True, ended=True))
    assert verdict.id == "diverged"
    assert verdict.changes == fix


def test_losses_that_a_logger_rounded_to_zero_have_not_collapsed() -> None:
    zeros = curve((10, LN_P), (200, 0), (3000, 0))
    assert ids(case(config={}, train_loss=zeros))[0] == "numerical-collapse"
    assert ids(case(config={}, train_loss=zeros, resolution=1e-4))[0] != "numerical-collapse"


def test_a_long_delay_is_a_delay_at_any_train_fraction() -> None:
    """Power et al. 2022: division modulo 97 with half of all pairs."""
    power = case(
        config={"operation": "divide", "modulus": 97, "train_fraction": 0.5},
        steps=300_000,
        train_loss=curve((10, 4.6), (1000, 0.01), (300_000, 1e-6)),
        test_loss=curve((10, 4.6), (50_000, 20), (100_000, 0.01), (300_000, 0.01)),
        train_acc=curve((10, 0.01), (1000, 1), (300_000, 1)),
        test_acc=curve((10, 0.01), (50_000, 0.02), (100_000, 1), (300_000, 1)),
    )
    (verdict,) = diagnose(power)
    assert verdict.id == "grokked"
    memorized, grok = (verdict.evidence[name] for name in ("memorized_step", "grok_step"))
    assert memorized == pytest.approx(1000, abs=20)
    assert grok == pytest.approx(100_000, rel=0.01)


def test_no_verdict_contradicts_a_measured_curve() -> None:
    """Half of all pairs, memorized for long, and 3.5% of the test pairs right."""
    low = case(config=config(train_fraction=0.5), test_acc=curve((10, 0.01), (3000, 0.035)))
    assert not {"no-delay-expected", "on-track", "grokked"} & set(ids(low))


def test_unknown_fields_lead_to_no_verdict() -> None:
    blind = Case(steps=100, train_loss=curve((10, 4.7), (100, 4)))
    assert ids(blind) == ["memorizing"]
    assert ids(Case()) == ["on-track"]


# --- fixes and evidence -----------------------------------------------------------------------


@pytest.mark.parametrize("fields", [{"init": "scaled-uniform"}, {"init_scale": 0.05}])
def test_the_fix_of_an_init_sets_only_what_is_wrong(fields: dict[str, Any]) -> None:
    (verdict,) = diagnose(Case(config(**fields)))
    assert verdict.changes == {name: NANDA[name] for name in fields}


@given(
    fields=st.fixed_dictionaries({
        "lr": st.floats(1e-6, 1.0),
        "weight_decay": st.floats(0, 1000),
        "train_fraction": st.floats(0.05, 0.9),
        "init": st.sampled_from(["nanda", "normal", "scaled-uniform", "transformerlens"]),
        "decay": st.sampled_from(["coupled", "decoupled"]),
        "operation": st.sampled_from(["add", "divide", "random"]),
        "steps": st.integers(1, 100_000),
    }),
    done=st.integers(0, 30_000),
    ended=st.booleans(),
    hidden=st.sets(st.sampled_from(sorted(FIELDS))),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_every_fix_is_a_valid_config_and_every_number_is_finite(
    fields: dict[str, Any], done: int, ended: bool, hidden: set[str]
) -> None:
    known = {k: v for k, v in config(**fields).items() if k not in hidden}
    verdicts = diagnose(case(config=known, steps=done, ended=ended))
    assert verdicts
    assert len({v.id for v in verdicts}) == len(verdicts)
    assert [v.confidence for v in verdicts] == sorted(v.confidence for v in verdicts)[::-1]
    for verdict in verdicts:
        check(verdict, config(**fields))
        assert all(known.get(name) != value for name, value in verdict.changes.items())


def check(verdict: Verdict, before: dict[str, Any]) -> None:
    assert 0 < verdict.confidence <= 1
    assert bool(verdict.changes) != bool(verdict.advice)
    build({**before, **verdict.changes})
    for value in verdict.evidence.values():
        assert isinstance(value, str) or np.isfinite(value)


@pytest.mark.parametrize("init", ["nanda", "transformerlens", "scaled-uniform", "normal"])
def test_the_expected_norm_is_that_of_the_weights(init: str) -> None:
    small = Config(modulus=31, d_model=32, d_mlp=64, init=init, init_scale=0.7)
    model = model_for(small)
    found = np.sqrt(sum(float((w**2).sum()) for w in model.initial_weights().values()))
    assert found == pytest.approx(model.expected_norm, rel=0.02)


def test_a_measured_norm_replaces_an_unknown_init() -> None:
    known = {n: v for n, v in NANDA.items() if n not in ("init", "init_scale")}
    tiny = case(config=known, weight_norm=curve((10, 2), (3000, 2)))
    assert derive(tiny).norm_ratio == pytest.approx(2 / 48, abs=0.02)
    assert ids(tiny)[0] == "init-too-small"


# --- recorded runs ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_recorded_run_of_every_kind_gets_its_verdict(kind: str) -> None:
    own = [r for r in RECORDS if r["kind"] == kind and judged(r)]
    assert len(own) >= 3
    wrong = [r["seed"] for r in own if diagnose(case_from(r))[0].id != r["truth"]]
    assert wrong == []


@pytest.mark.parametrize("kind", ["tiny-init", "std-one", "cold", "over-decay"])
def test_these_kinds_are_diagnosed_from_the_losses_alone(kind: str) -> None:
    own = [r for r in RECORDS if r["kind"] == kind]
    right = [r for r in own if diagnose(case_from(r, blind=True))[0].id == r["truth"]]
    assert len(right) >= 0.75 * len(own)


def test_every_kind_is_a_small_version_of_a_preset() -> None:
    names = {"tiny-init": "stackexchange", "healthy": "nanda"}
    for kind, (truth, _) in KINDS.items():
        assert load_preset(names.get(kind, kind)).patient in (truth, None)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_run_that_will_grok_is_never_called_ill(share: float) -> None:
    own = [r for r in RECORDS if r["kind"] == "healthy" and judged(r)]
    assert len(own) >= 4
    for record in own:
        whole = case_from(record)
        last = int(share * whole.steps)
        curves = {name: cut(getattr(whole, name), last) for name in CURVES}
        early = replace(whole, steps=last, measures=(), ended=False, **curves)
        assert diagnose(early)[0].id in HEALTHY


def cut(curve: Curve, last: int) -> Curve:
    """A curve up to a step."""
    return Curve(curve.steps[curve.steps <= last], curve.values[curve.steps <= last])

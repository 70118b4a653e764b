"""The configuration: one schema for flags, environment, files, presets and the form."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from grok_tui.config import keep_rule
from grok_tui.text import UserError, did_you_mean, whole

MAX_SEED = 2**32 - 1
MAX_MODULUS = 499
MAX_STEPS = 16_000_000

Init = Literal["nanda", "transformerlens", "scaled-uniform", "normal"]
Decay = Literal["decoupled", "coupled"]
Optimizer = Literal["adamw", "muon"]
Loss = Literal["cross-entropy", "stablemax", "naive"]
GradFilter = Literal["none", "grokfast", "orthograd"]
NormConstraint = Literal["none", "sphere"]
StopWhen = Literal["never", "grokked"]


class ConfigError(UserError):
    """A setting is invalid; the message says in one line which, and what to do."""


def _setting(
    group: str, default: Any, description: str, *, live: bool = False, **bounds: Any
) -> Any:
    """A config field. live: whether an edit takes effect on the next step."""
    extra: JsonDict = {"group": group, "live": live}
    return Field(default, description=description, json_schema_extra=extra, **bounds)


class Config(BaseModel):
    """Everything that determines a run. Frozen: `changed` returns a changed copy."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    operation: str = _setting("task", "add", "what to learn from a and b, modulo p")
    modulus: int = _setting("task", 113, "modulus p, an odd number", ge=5, le=MAX_MODULUS)
    train_fraction: float = _setting(
        "task", 0.3, "fraction of all pairs to train on", gt=0.0, lt=1.0
    )
    data_seed: int = _setting("task", 0, "seed of the train/test split", ge=0, le=MAX_SEED)

    d_model: int = _setting("model", 128, "width of the residual stream", ge=2, le=2048)
    n_heads: int = _setting("model", 4, "attention heads per layer", ge=1, le=64)
    d_mlp: int = _setting("model", 512, "neurons per layer", ge=1, le=8192)
    n_layers: int = _setting("model", 1, "transformer layers", ge=1, le=3)
    init: Init = _setting("model", "nanda", "how the initial weights are drawn")
    init_scale: float = _setting(
        "model", 1.0, "factor on all initial weights", gt=0.0, le=100.0
    )
    seed: int = _setting("model", 0, "seed of the initial weights", ge=0, le=MAX_SEED)

    lr: float = _setting("optimizer", 1e-3, "learning rate", live=True, gt=0.0, le=10.0)
    weight_decay: float = _setting(
        "optimizer",
        1.0,
        "each step shrinks weights by lr * weight_decay",
        live=True,
        ge=0.0,
        le=1000.0,
    )
    beta1: float = _setting(
        "optimizer", 0.9, "decay of the first moment", live=True, ge=0.0, lt=1.0
    )
    beta2: float = _setting(
        "optimizer", 0.98, "decay of the second moment", live=True, ge=0.0, lt=1.0
    )
    eps: float = _setting(
        "optimizer",
        1e-8,
        "added to the square root of the second moment",
        live=True,
        ge=1e-30,
        le=1.0,
    )
    warmup_steps: int = _setting(
        "optimizer", 10, "steps of linear learning-rate warm-up", live=True, ge=0, le=1_000_000
    )
    decay: Decay = _setting(
        "optimizer", "decoupled", "decoupled (AdamW) or coupled (L2 inside Adam)", live=True
    )
    optimizer: Optimizer = _setting(
        "optimizer", "adamw", "AdamW for all weights, or Muon for the layers' matrices"
    )
    loss: Loss = _setting("optimizer", "cross-entropy", "loss function")

    grad_filter: GradFilter = _setting(
        "interventions", "none", "filter applied to each gradient", live=True
    )
    grokfast_alpha: float = _setting(
        "interventions", 0.98, "decay of grokfast's mean gradient", live=True, ge=0.0, lt=1.0
    )
    grokfast_lambda: float = _setting(
        "interventions",
        2.0,
        "weight of the mean that grokfast adds",
        live=True,
        ge=0.0,
        le=1000.0,
    )
    norm_constraint: NormConstraint = _setting(
        "interventions", "none", "keep the norm of all weights at its initial value", live=True
    )

    steps: int = _setting("run", 25_000, "train up to this step", live=True, ge=1, le=MAX_STEPS)
    eval_every: int = _setting(
        "run", 10, "steps between evaluations of all pairs", live=True, ge=1, le=1_000_000
    )
    analyze_every: int = _setting(
        "run", 100, "steps between analyses of the weights", live=True, ge=1, le=1_000_000
    )
    checkpoint_every: int = _setting(
        "run", 500, "steps between checkpoints", live=True, ge=1, le=10_000_000
    )
    keep: str = _setting(
        "run",
        "all",
        "checkpoints kept: all, or first, last N, every M, phases",
        live=True,
    )
    stop_when: StopWhen = _setting(
        "run", "never", "when to end the run before its last step", live=True
    )
    device: str = _setting(
        "run",
        "auto",
        "tinygrad device, such as METAL, CUDA or CPU",
        pattern=r"^(auto|[A-Z][A-Z0-9]*(:[0-9A-Za-z]+)*)$",
    )

    def changed(self, **changes: Any) -> Config:
        """A validated copy with `changes` applied. Raises ConfigError."""
        return build({**self.model_dump(), **changes})

    @field_validator("*", mode="before")
    @classmethod
    def _read_whole(cls, value: Any, info: ValidationInfo) -> Any:
        """Whole numbers may be written as 1e3."""
        if isinstance(value, str) and cls.model_fields[str(info.field_name)].annotation is int:
            with contextlib.suppress(ValueError):
                return whole(value)
        return value

    @field_validator("keep")
    @classmethod
    def _check_rule(cls, rule: str) -> str:
        keep_rule.parse(rule)
        return rule

    @model_validator(mode="after")
    def _check(self) -> Config:
        if self.d_model % self.n_heads:
            raise ValueError(
                f"n_heads must divide d_model, {self.d_model} (got {self.n_heads})"
            )
        return self


FIELDS: Mapping[str, FieldInfo] = Config.model_fields


def group_of(name: str) -> str:
    """The group of a field: task, model, optimizer, interventions or run."""
    return str(_extra(name)["group"])


def is_live(name: str) -> bool:
    """Whether an edit of the field takes effect on the next step."""
    return bool(_extra(name)["live"])


def is_treatment(name: str) -> bool:
    """Whether an edit of the field changes how a run trains from then on."""
    return group_of(name) != "run"


def _extra(name: str) -> dict[str, Any]:
    extra = FIELDS[name].json_schema_extra
    assert isinstance(extra, dict)
    return extra


def choices(name: str) -> tuple[str, ...]:
    """The values of a field with a fixed set of them; empty for other fields."""
    annotation = FIELDS[name].annotation
    return get_args(annotation) if get_origin(annotation) is Literal else ()


def _limits(name: str) -> dict[str, str]:
    """The bounds of a field by kind, low before high: gt, ge, lt, le."""
    return {
        kind: written(getattr(bound, kind))
        for kind in ("gt", "ge", "lt", "le")
        for bound in FIELDS[name].metadata
        if hasattr(bound, kind)
    }


def bounds(name: str, variable: str) -> str:
    """The bounds of a field, such as `0 < x <= 10` if `variable` is x; empty if it has none."""
    limits = _limits(name)
    signs = {"gt": "{} < ", "ge": "{} <= ", "lt": " < {}", "le": " <= {}"}
    texts = {kind: signs[kind].format(limit) for kind, limit in limits.items()}
    low, high = (texts.get(a, texts.get(b, "")) for a, b in (("gt", "ge"), ("lt", "le")))
    return f"{low}{variable}{high}" if texts else ""


def written(value: Any) -> str:
    """A value as a person writes it: 0.001, 1e-08, 113; twelve digits of it at most."""
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def exact(value: Any) -> str:
    """As `written`, with every digit, so that it can be read back."""
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def flag(name: str) -> str:
    """The command-line flag of a field: `weight_decay` -> `--weight-decay`."""
    return "--" + name.replace("_", "-")


def build(fields: Mapping[str, Any]) -> Config:
    """A config from a mapping of fields. Raises ConfigError."""
    try:
        return Config(**fields)
    except ValidationError as error:
        raise ConfigError("; ".join(problems(error))) from None


def problems(
    error: ValidationError, known: Iterable[str] = Config.model_fields
) -> Iterator[str]:
    """Each validation error as `field must be ... (got value)`. known: the names of fields."""
    for item in error.errors():
        if item["type"] == "string_unicode" and not item["loc"]:  # a name is not valid Unicode
            yield f"{_shown(item['input'])}: there is no such setting"
            continue
        if not item["loc"]:
            yield item["msg"].removeprefix("Value error, ")
            continue
        name = str(item["loc"][0])
        name = name if name.isidentifier() else repr(name)
        if item["type"] == "extra_forbidden":
            yield f"{name}: there is no such setting{did_you_mean(name, known)}"
        elif item["type"] == "missing":
            yield f"{name} is missing"
        else:
            yield f"{name} {_rule(name, item)} (got {_shown(item['input'])}){_hint(name, item)}"


def _hint(name: str, item: ErrorDetails) -> str:
    value = item["input"]
    allowed = choices(name) if name in FIELDS and isinstance(value, str) else ()
    return did_you_mean(value[:80], allowed) if allowed else ""


def _rule(name: str, item: ErrorDetails) -> str:
    """The rule that a value breaks, such as `must be a whole number`."""
    text = item["msg"].removeprefix("Value error, ")
    if name in FIELDS and item["type"] in _OUTSIDE:
        return f"must be {_range(name)}"
    if name in FIELDS and item["type"] == "string_pattern_mismatch":
        return f"must be a {FIELDS[name].description}"
    for expected, rule in _RULES.items():
        if text.startswith(expected):
            return rule
    text = text.replace("Input should be", "must be", 1)
    return text if text.startswith("must") else f"is invalid: {text[0].lower()}{text[1:]}"


_OUTSIDE = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
# By how pydantic's messages begin.
_RULES = {
    "Input should be a valid integer": "must be a whole number",
    "Input should be a valid number": "must be a number",
    "Input should be a valid string": "must be text",
}


def _range(name: str) -> str:
    """The numbers that a field allows: `above 0 and at most 10`, `from 5 to 499`."""
    limits = _limits(name)
    if limits.keys() == {"ge", "le"}:
        return f"from {limits['ge']} to {limits['le']}"
    words = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
    return " and ".join(f"{words[kind]} {limit}" for kind, limit in limits.items())


def _shown(value: object) -> str:
    """An invalid value as text that is short enough for a line."""
    try:
        text = repr(value)
    except ValueError:  # Python does not print integers of more than 4,300 digits
        return "a huge number"
    except RecursionError:
        return "something nested too deeply"
    return text if len(text) <= 80 else f"{text[:77]}..."

"""The spec of a sweep: a base config, axes, seeds, and the points of their grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from grok_tui.config.schema import FIELDS, Config, ConfigError, exact, problems
from grok_tui.config.sources import resolve
from grok_tui.files import read_toml
from grok_tui.tasks.registry import check
from grok_tui.text import did_you_mean

_SHIPPED = Path(__file__).parent / "specs"
# Significant digits of a range's values: enough to tell them apart, few enough to read.
_DIGITS = 6
# Fields that cannot be an axis: `seeds` counts the seeds, and a point does not pick its device.
_NO_AXES = ("seed", "data_seed", "device")


@dataclass(frozen=True, slots=True)
class Axis:
    """A config field and its values, in order."""

    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """One run of a sweep. values: of the axes, by field. name: also of its run directory."""

    name: str
    values: Mapping[str, Any]
    seed: int
    config: Config


@dataclass(frozen=True, slots=True)
class Spec:
    """A sweep: every combination of the axes' values, with `seeds` seeds of each.

    replicas: most points to train as one network; None for as many as fit.
    """

    base: Config
    axes: tuple[Axis, ...]
    seeds: int
    replicas: int | None = None

    def points(self) -> Iterator[Point]:
        """All points, one seed after another, so that the whole map fills in early.

        Seed n adds n to the base's `seed` and `data_seed`: other weights and another split.
        Raises ConfigError for an invalid combination.
        """
        fields = [axis.field for axis in self.axes]
        for seed in range(self.seeds):
            for combination in itertools.product(*(axis.values for axis in self.axes)):
                yield self._point(dict(zip(fields, combination, strict=True)), seed)

    def _point(self, values: dict[str, Any], seed: int) -> Point:
        name = point_name(values, seed)
        seeds = {"seed": self.base.seed + seed, "data_seed": self.base.data_seed + seed}
        try:
            config = check(self.base.changed(**values, **seeds))
        except ConfigError as error:
            raise ConfigError(f"point {name}: {error}") from None
        return Point(name, values, seed, config)

    def to_dict(self) -> dict[str, Any]:
        """The content for `sweep.json`, which `spec_from` reads back."""
        return {
            "base": self.base.model_dump(mode="json"),
            "axes": {axis.field: list(axis.values) for axis in self.axes},
            "seeds": self.seeds,
        }


def point_name(values: Mapping[str, Any], seed: int) -> str:
    """The name of a point: `weight_decay-1_train_fraction-0.3_seed-0`."""
    parts = [*values.items(), ("seed", seed)]
    return "_".join(f"{name}-{exact(value)}" for name, value in parts)


def shipped() -> list[str]:
    """The names of the specs that ship with the program."""
    return sorted(path.stem for path in _SHIPPED.glob("*.toml"))


def load_spec(name: str) -> Spec:
    """Read a spec by the name of a shipped one, or by its path. Raises ConfigError."""
    path = _SHIPPED / f"{name}.toml" if name in shipped() else Path(name)
    if path.suffix != ".toml":
        raise ConfigError(
            f"{name} is neither a .toml file nor a shipped spec ({', '.join(shipped())})"
            f"{did_you_mean(name, shipped())}"
        )
    try:
        content = read_toml(path)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None
    if not content.get("axes") and "seeds" not in content:
        raise ConfigError(f"{path} needs [axes], or `seeds = n` for several runs of its base")
    try:
        return spec_from(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def spec_from(content: Mapping[str, Any]) -> Spec:
    """A spec from the content of its file. Raises ConfigError."""
    try:
        file = _File.model_validate(_with_underscores(content))
    except ValidationError as error:
        raise ConfigError("; ".join(problems(error, _File.model_fields))) from None
    fields = dict(file.base)
    preset = fields.pop("preset", None)
    base = resolve({**fields, **file.budget()}, preset=preset, check=check)
    axes = tuple(Axis(name, _values(name, spread)) for name, spread in file.axes.items())
    replicas = None if file.replicas == "auto" else file.replicas
    spec = Spec(base, axes, file.seeds, replicas)
    for _ in spec.points():  # an invalid combination is reported now, not hours later
        pass
    return spec


class _Range(BaseModel):
    """`{from = 0.1, to = 10, num = 5, scale = "log"}`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    start: float = Field(alias="from")
    to: float
    num: int = Field(ge=2, le=1000)
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _check(self) -> _Range:
        if self.scale == "log" and min(self.start, self.to) <= 0:
            raise ValueError("a logarithmic range must start and end above 0")
        return self

    def values(self) -> list[float]:
        shares = [i / (self.num - 1) for i in range(self.num)]
        if self.scale == "linear":
            return [self.start + share * (self.to - self.start) for share in shares]
        low, high = math.log(self.start), math.log(self.to)
        return [math.exp(low + share * (high - low)) for share in shares]


class _File(BaseModel):
    """The content of a spec file."""

    model_config = ConfigDict(extra="forbid")

    base: dict[str, Any] = {}
    axes: dict[str, Any] = {}
    seeds: int = Field(1, ge=1, le=10_000)
    replicas: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    steps: int | None = None
    stop_when: str = "grokked"

    def budget(self) -> dict[str, Any]:
        """The config fields that say when a run ends."""
        fields: dict[str, Any] = {"stop_when": self.base.get("stop_when", self.stop_when)}
        return fields | ({} if self.steps is None else {"steps": self.steps})


def _with_underscores(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with `_` for `-` in its names, at the top level and one level below."""
    return {
        name.replace("-", "_"): {k.replace("-", "_"): v for k, v in value.items()}
        if isinstance(value, dict)
        else value
        for name, value in content.items()
    }


def _values(field: str, spread: Any) -> tuple[Any, ...]:
    """The values of an axis, in the type of its field. Raises ConfigError."""
    if field not in FIELDS:
        raise ConfigError(f"{field}: there is no such setting{did_you_mean(field, FIELDS)}")
    if field in _NO_AXES:
        raise ConfigError(f"{field} cannot be an axis; `seeds = n` trains each point n times")
    if isinstance(spread, Mapping):
        is_int = FIELDS[field].annotation is int
        spread = [
            round(x) if is_int else float(f"{x:.{_DIGITS}g}") for x in _range(field, spread)
        ]
    if not isinstance(spread, list):
        raise ConfigError(
            f"{field}: an axis is a list, or a range with from, to and num (got {spread!r})"
        )
    values = tuple(_as_field(field, value) for value in spread)
    if not values:
        raise ConfigError(f"{field}: an axis needs at least one value")
    if len(set(map(repr, values))) < len(values):
        raise ConfigError(f"{field}: a value of an axis must not be repeated")
    return values


def _range(field: str, ends: Mapping[str, Any]) -> list[float]:
    """The values of a range. Raises ConfigError that names its axis."""
    try:
        return _Range.model_validate(ends).values()
    except ValidationError as error:
        text = "; ".join(problems(error, ("from", "to", "num", "scale")))
        raise ConfigError(f"the range of {field}: {text}") from None


def _as_field(field: str, value: Any) -> Any:
    """The value, an int made a float if the field is a float."""
    return float(value) if FIELDS[field].annotation is float and type(value) is int else value

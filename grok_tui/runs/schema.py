"""The config and the lines of a run directory, validated as they are read."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    create_model,
)
from pydantic_core import from_json

from grok_tui.config.schema import (
    MAX_MODULUS,
    Config,
    ConfigError,
    build,
    is_live,
    problems,
)
from grok_tui.config.sources import load_file
from grok_tui.protocol.events import (
    CheckpointSaved,
    ConfigApplied,
    Failed,
    Paused,
    PhaseChanged,
    Resumed,
    Started,
    Stopped,
    Warned,
)
from grok_tui.protocol.results import HEALTH_NAMES, Health, Measures, Metrics, Summary
from grok_tui.tasks.registry import check
from grok_tui.text import UserError, plain

# The fields of an event in its line of events.jsonl, besides step, time and event.
NOTED: Mapping[Any, tuple[str, ...]] = {
    Started: ("device", "n_train", "n_test", "compile_seconds"),
    Paused: (),
    Resumed: (),
    ConfigApplied: ("field", "old", "new", "undo"),
    PhaseChanged: ("phase", "reason"),
    Warned: ("message",),
    CheckpointSaved: ("path",),
    Stopped: ("reason",),
    Failed: ("reason",),
}
_LARGEST_FLOAT32 = 3.4028234e38

Found = TypeVar("Found")


class LineError(UserError):
    """A line is invalid; the message names the file and the line."""


@dataclass(frozen=True, slots=True)
class MetricsLine:
    """A line of `metrics.jsonl`; None for what was not measured at its step."""

    step: int
    train_loss: float
    metrics: Metrics | None
    health: Health | None
    measures: Measures | None


@dataclass(frozen=True, slots=True)
class EventLine:
    """A line of `events.jsonl`.

    kind: the class of its event, None if this version has none. fields: those in `NOTED`.
    """

    step: int
    kind: Any
    fields: Mapping[str, Any]


# --- config.toml --------------------------------------------------------------------------


def read_config(folder: Path) -> Config:
    """The config that a run started with. Raises ConfigError."""
    path = folder / "config.toml"
    fields = load_file(path)
    try:
        return check(build(fields))
    except ConfigError as error:
        raise ConfigError(f"{path} is damaged: {error}") from None


# --- metrics.jsonl ------------------------------------------------------------------------


def metrics(run: Path, modulus: int, until: int | None = None) -> Iterator[MetricsLine]:
    """The lines of `metrics.jsonl` up to a step, or all of them.

    A torn last line is left out, since a run may still be writing it. Raises LineError at the
    first line that is damaged or not of the next step, or OSError.
    """
    lines = _checked(run / "metrics.jsonl", lambda step, line: _metrics(line, step, modulus))
    return itertools.islice(lines, until)


def raw_metrics(run: Path) -> Iterator[dict[str, Any]]:
    """The lines of `metrics.jsonl` as plain data. Raises LineError or OSError."""

    def parse(step: int, line: bytes) -> dict[str, Any]:
        _metrics(line, step, MAX_MODULUS)
        return dict(from_json(line))

    return _checked(run / "metrics.jsonl", parse)


def _metrics(line: bytes, step: int, modulus: int) -> MetricsLine:
    loss = _Loss.model_validate_json(line)
    if loss.step != step:
        raise ValueError(f"step {loss.step} found where step {step} should be")
    evaluated = health = analyzed = None
    if b'"test_loss"' in line:
        evaluated = Metrics(**vars(_Evaluated.model_validate_json(line)))
    if b'"zero_loss_share"' in line:
        health = Health(**vars(_Healthy.model_validate_json(line)))
    if b'"gini_W_E"' in line:
        analyzed = Measures(**vars(_Analyzed.model_validate_json(line)))
        keys = analyzed.key_frequencies
        if keys and not 1 <= min(keys) <= max(keys) <= modulus // 2:
            raise ValueError(f"key frequencies are 1 to {modulus // 2}, not {keys}")
    return MetricsLine(step, loss.train_loss, evaluated, health, analyzed)


# --- events.jsonl -------------------------------------------------------------------------


def events(run: Path, until: int | None = None) -> Iterator[EventLine]:
    """The lines of `events.jsonl` up to a step, or all of them; raises like `metrics`."""
    for line in _checked(run / "events.jsonl", _event):
        if until is not None and line.step > until:
            return
        yield line


def raw_events(run: Path) -> Iterator[dict[str, Any]]:
    """The lines of `events.jsonl` as plain data. Raises LineError or OSError."""

    def parse(number: int, line: bytes) -> dict[str, Any]:
        _event(number, line)
        _Timed.model_validate_json(line)
        return dict(from_json(line))

    return _checked(run / "events.jsonl", parse)


def kept_events(run: Path, until: int) -> Iterator[EventLine]:
    """The lines of `events.jsonl` that a run keeps if it resumes from step `until`.

    They end before the first damaged line. There are none if the file is missing.
    """
    with contextlib.suppress(LineError, FileNotFoundError):
        yield from events(run, until)


def _event(_: int, line: bytes) -> EventLine:
    head = _Head.model_validate_json(line)
    if head.event not in _EVENTS:
        return EventLine(head.step, None, {})
    kind, model = _EVENTS[head.event]
    noted = vars(model.model_validate_json(line))
    if kind is ConfigApplied:
        noted |= {side: _setting(noted["field"], noted[side]) for side in ("old", "new")}
    return EventLine(head.step, kind, noted)


def _setting(field: str, value: Any) -> Any:
    """The validated value of an edited field. Raises ConfigError or ValueError."""
    config = Config().changed(**{field: value})
    if field != "device" and not is_live(field):
        raise ValueError(f"{field} cannot change within a run")
    return config.model_dump(mode="json")[field]


# --- summary.json -------------------------------------------------------------------------


def read_summary(run: Path) -> Summary | None:
    """The content of `summary.json`, None if it is missing or damaged. Raises OSError."""
    try:
        content = _Summary.model_validate_json((run / "summary.json").read_bytes())
        return Summary(**vars(content))
    except (FileNotFoundError, ValidationError):
        return None


# --- checking -----------------------------------------------------------------------------


def _checked(path: Path, parse: Callable[[int, bytes], Found]) -> Iterator[Found]:
    """Parse every whole line of a file. parse: takes the line's number and its bytes.

    Raises LineError at the first line that `parse` rejects.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                parsed = parse(number, line)
            except ValidationError as error:
                named = bool(error.errors()[0]["loc"])
                why = next(problems(error)) if named else "it is not a JSON object"
            except (ValueError, ConfigError) as error:
                why = str(error)
            else:
                yield parsed
                continue
            raise LineError(f"{path} is damaged in line {number}: {why}")


_SOUND = ConfigDict(strict=True, allow_inf_nan=False)
_Share = Annotated[float, Field(ge=0, le=1)]
_AnyLoss = Annotated[float, Field(ge=0, le=_LARGEST_FLOAT32)]
# The numbers that charts can show; given numbers far outside of them, plotext would not finish.
_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(("train_acc", "test_acc"), _Share),
    **dict.fromkeys(("train_loss", "test_loss"), _AnyLoss),
    **dict.fromkeys(("restricted_loss", "excluded_loss"), _AnyLoss | None),
    "zero_loss_share": _Share,
    **dict.fromkeys(("gradient_norm", "update_ratio"), _AnyLoss),
    "largest_logit": Annotated[float, Field(ge=-_LARGEST_FLOAT32, le=_LARGEST_FLOAT32)],
    "spikes": Annotated[int, Field(ge=0)],
    **dict.fromkeys(("gini_W_E", "gini_W_L"), Annotated[float, Field(ge=-1, le=1)]),
}
# Recorded text may be shown on a terminal.
_Text = Annotated[str, AfterValidator(plain)]


class _Head(BaseModel):
    model_config = _SOUND
    step: int = Field(ge=0)
    event: str


class _Timed(BaseModel):
    model_config = _SOUND
    time: float


class _Loss(BaseModel):
    model_config = _SOUND
    step: int
    train_loss: _AnyLoss


def _model(kind: type, names: Iterable[str]) -> type[BaseModel]:
    """A model of JSON with some fields of a dataclass; those with a default may be missing."""
    hints = {**get_type_hints(kind), **_TYPES}
    defaults = {f.name: ... if f.default is MISSING else f.default for f in fields(kind)}
    types: dict[str, Any] = {
        n: (_Text if hints[n] is str else hints[n], defaults[n]) for n in names
    }
    model: type[BaseModel] = create_model(kind.__name__, __config__=_SOUND, **types)
    return model


_Evaluated = _model(Metrics, (field.name for field in fields(Metrics)))
_Healthy = _model(Health, HEALTH_NAMES)
_Analyzed = _model(Measures, (field.name for field in fields(Measures)))
_Summary = _model(Summary, (field.name for field in fields(Summary)))
_EVENTS = {kind.name: (kind, _model(kind, names)) for kind, names in NOTED.items()}

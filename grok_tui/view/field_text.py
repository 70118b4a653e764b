"""What the form knows of a field, from the schema and the state, and how it puts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual.content import Content

from grok_tui.config.schema import FIELDS, ConfigError, bounds, build, choices, is_live, written
from grok_tui.view.state import SessionState

# Where a row's parts begin: the cursor, the name, the mark, the value.
_NAME_WIDTH = max(map(len, FIELDS)) + 1
VALUE_COLUMN = 2 + _NAME_WIDTH + 2

_QUIET = "$foreground 60%"
_ENDED = "the run has ended; r starts another"


@dataclass(frozen=True, slots=True)
class FieldView:
    """What the form shows of one field.

    value: this run's. wanted: what it will be after the edits so far, else the same.
    ended: whether the run is over.
    """

    name: str
    value: Any
    wanted: Any
    ended: bool

    @property
    def edited(self) -> bool:
        """Whether an edit waits for the trainer, or for the next run."""
        return bool(self.wanted != self.value)

    @property
    def refusal(self) -> str:
        """Why the field cannot be edited now; empty if it can."""
        return _ENDED if self.ended and is_live(self.name) else ""


def field_view(state: SessionState, name: str) -> FieldView:
    value = state.config[name]
    wanted = {**state.pending, **state.planned}.get(name, value)
    return FieldView(name, value, wanted, state.ended)


# --- values ---------------------------------------------------------------------------


def parsed(name: str, text: str) -> Any:
    """The value that a text stands for, not yet checked; ConfigError if it is no number."""
    text = text.strip()
    kind = FIELDS[name].annotation
    if kind not in (int, float):
        return text
    try:
        return int(text) if kind is int else float(text)
    except ValueError:
        pass
    try:
        return float(text)  # 1e6 is a whole number too
    except ValueError:
        raise ConfigError(f"{name}: {text!r} is no number") from None


def checked(state: SessionState, name: str, text: str) -> Any:
    """The value that a text stands for beside all other fields; raises ConfigError."""
    if refusal := field_view(state, name).refusal:
        raise ConfigError(refusal)
    fields = {**state.config, **state.planned, name: parsed(name, text)}
    return getattr(build(fields), name)


def turned(options: Sequence[str], text: str, direction: int) -> str:
    """The option after `text` (1) or before it (-1), round and round."""
    if text not in options:
        return options[0]
    return options[(options.index(text) + direction) % len(options)]


# --- words ----------------------------------------------------------------------------


def shown_name(name: str) -> str:
    """A field's name as its flag has it: weight-decay."""
    return name.replace("_", "-")


def row_text(view: FieldView, width: int, *, selected: bool) -> Content:
    """One line: name, value and what becomes of it are whole, the rest if there is room."""
    default = view.value == FIELDS[view.name].default
    row = Content.assemble(
        ("▸ " if selected else "  ", "bold $accent"),
        (shown_name(view.name).ljust(_NAME_WIDTH), "bold" if selected else ""),
        ("  " if default else "• ", "$accent"),
        (_short(view.value), "bold"),
        (f" → {_short(view.wanted)}" if view.edited else "", "$warning"),
    )
    room = width - row.cell_length
    note = next((note for note in _notes(view) if len(note) + 2 <= room), "")
    return row + Content(note.rjust(room)).stylize("$warning" if view.edited else _QUIET)


def _notes(view: FieldView) -> tuple[str, ...]:
    """What becomes of an edit, from the longest way to put it to the shortest."""
    if is_live(view.name) and not (view.ended and view.edited):
        return ("pending" if view.edited else "live",)
    if view.edited:
        return ("new run: r starts it", "r starts it", "new run")
    return ("new run",)


def explanation(view: FieldView) -> Content:
    """Three lines on a field: what it is, what it can be, and what an edit of it does."""
    field = FIELDS[view.name]
    options = choices(view.name)
    values = ", ".join(options) or bounds(view.name, shown_name(view.name))
    default = f"default {written(field.default)}"
    return Content("\n").join(
        [
            Content(field.description or ""),
            Content("; ".join(filter(None, (values, default)))).stylize(_QUIET),
            _fate(view, "left and right choose" if options else "enter edits"),
        ]
    )


def _fate(view: FieldView, how: str) -> Content:
    """What becomes of an edit, in a sentence."""
    change = f"{_short(view.value)} → {_short(view.wanted)}"
    if view.refusal:
        return Content(view.refusal).stylize("$warning")
    if is_live(view.name):
        if view.edited:
            return Content(f"pending: {change}, until the trainer confirms").stylize("$warning")
        return Content(f"live: {how}, the next step has it").stylize(_QUIET)
    if view.edited:
        return Content(f"new run: {change}, r starts it").stylize("$warning")
    return Content(f"new run: {how}, r then starts one with it").stylize(_QUIET)


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)

"""The texts of a form field: its row and its explanation."""

from __future__ import annotations

from typing import Any

from textual.content import Content

from grok_tui.config.schema import FIELDS, bounds, is_live, written
from grok_tui.tasks.registry import choices
from grok_tui.view.fields import FieldView

# The columns of a row: the cursor, the name, the mark, the value.
_NAME_WIDTH = max(map(len, FIELDS)) + 1
VALUE_COLUMN = 2 + _NAME_WIDTH + 2
_QUIET = "$foreground 60%"


def row_text(view: FieldView, width: int, *, selected: bool) -> Content:
    """A field's row: name, value and edited value, and a note if there is room."""
    default = view.value in (None, FIELDS[view.name].default)
    row = Content.assemble(
        ("▸ " if selected else "  ", "bold $accent"),
        (view.name.ljust(_NAME_WIDTH), "bold" if selected else ""),
        ("  " if default else "• ", "$accent"),
        (_short(view.value), "bold"),
        (f" → {_short(view.wanted)}" if view.edited else "", "$warning"),
    )
    room = width - row.cell_length
    note = next((note for note in _notes(view) if len(note) + 2 <= room), "")
    return row + Content(note.rjust(room)).stylize("$warning" if view.edited else _QUIET)


def _notes(view: FieldView) -> tuple[str, ...]:
    """Notes on when an edit takes effect, longest first."""
    if view.value is None:
        return ()
    if is_live(view.name) and not (view.ended and view.edited):
        return ("pending" if view.edited else "live",)
    if view.edited:
        return ("new run: r starts it", "r starts it", "new run")
    return ("new run",)


def explanation(view: FieldView) -> Content:
    """Three lines about a field: its description, its values, and the effect of an edit."""
    field = FIELDS[view.name]
    options = choices(view.name)
    values = ", ".join(options) or bounds(view.name, view.name)
    default = f"default {written(field.default)}"
    return Content("\n").join(
        [
            Content(field.description or ""),
            Content("; ".join(filter(None, (values, default)))).stylize(_QUIET),
            _fate(view, "left and right choose" if options else "enter edits it"),
        ]
    )


def _fate(view: FieldView, how: str) -> Content:
    """A sentence on when an edit takes effect; how: how to edit the field."""
    change = f"{_short(view.value)} → {_short(view.wanted)}"
    if view.refusal:
        return Content(view.refusal).stylize("$warning")
    if is_live(view.name):
        if view.edited:
            return Content(f"pending: {change}, until the trainer confirms").stylize("$warning")
        return Content(f"live: {how}, effective from the next step").stylize(_QUIET)
    if view.edited:
        return Content(f"new run: {change}, r starts it").stylize("$warning")
    return Content(f"new run: {how}, then r starts it").stylize(_QUIET)


def _short(value: Any) -> str:
    if value is None:
        return "not known"
    return f"{value:.6g}" if isinstance(value, float) else str(value)

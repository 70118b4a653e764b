"""Reads the hyperparameter form and types into it for tests."""

from __future__ import annotations

from scripted import run_screen, settled, strips
from textual.pilot import Pilot
from textual.widgets import Input

from grok_tui.config.schema import FIELDS
from grok_tui.tui.panes.parameters import Parameters

WIDE, SMALL, SMALLEST = (120, 36), (80, 24), (60, 16)


def form(pilot: Pilot) -> Parameters:
    return run_screen(pilot).query_one(Parameters)


def lines(pilot: Pilot) -> list[str]:
    """The form's lines on screen, without frame and scroll bar."""
    area = form(pilot).content_region
    inside = strips(pilot)[area.y : area.bottom]
    return [strip.crop(area.x, area.right - 1).text.strip() for strip in inside]


def line(pilot: Pilot, name: str) -> str:
    """A field's line on screen, with single spaces; empty if it is out of sight."""
    starts = (f"{name} ", f"▸ {name} ")
    return next((" ".join(t.split()) for t in lines(pilot) if t.startswith(starts)), "")


async def click(pilot: Pilot, name: str, column: int = 1) -> None:
    """Click on a column of a field's row."""
    area = form(pilot).content_region
    starts = (f"{name} ", f"▸ {name} ")
    down = next(y for y, t in enumerate(lines(pilot)) if t.startswith(starts))
    await pilot.click(offset=(area.x + column, area.y + down))


def text(pilot: Pilot) -> str | None:
    """The text in the open input; None if none is open."""
    return next((field.value for field in form(pilot).query(Input)), None)


async def choose(pilot: Pilot, name: str) -> None:
    """Open the form with a field chosen."""
    await settled(pilot)
    await pilot.press("e")
    form(pilot).action_first()
    form(pilot).action_move(list(FIELDS).index(name))
    await settled(pilot)


async def write(pilot: Pilot, value: str) -> None:
    """Type a value into the chosen field without applying it."""
    named = {".": "full_stop", "-": "minus", " ": "space", "_": "underscore", ",": "comma"}
    await pilot.press("enter", *(named.get(character, character) for character in value))
    await pilot.pause()

"""Runs whose answers to all pairs are set by a test, and the map of pairs that shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from rich.color import Color as RichColor
from rich.segment import Segment
from scripted import CONFIG, STARTED, ScriptedSource, metrics, run_screen
from textual.pilot import Pilot
from textual.strip import Strip

from grok_tui.protocol.events import Evaluated, Event
from grok_tui.protocol.results import Pairs
from grok_tui.tasks.registry import make_task
from grok_tui.tasks.task import Task
from grok_tui.tui.messages import Ending
from grok_tui.tui.widgets.pair_map import PairMap


def task_of(modulus: int, operation: str = "add") -> Task:
    return make_task(CONFIG.changed(modulus=modulus, operation=operation))


def pairs_of(task: Task, wrong: NDArray[np.bool_], off: int = 1) -> Pairs:
    """Answers that are `off` too high where wrong; there the right one has probability 1/4."""
    answers = np.where(wrong, (task.answer + off) % task.modulus, task.answer)
    loss = np.where(wrong, np.log(4.0), 0.0)
    return Pairs(answers.astype(np.int16), loss.astype(np.float16))


def evaluated(step: int, pairs: Pairs) -> Evaluated:
    return Evaluated(step, metrics(step), 0.1, pairs)


def config_of(modulus: int, operation: str = "add") -> dict[str, object]:
    """The config's fields as in a `Started` event."""
    return CONFIG.changed(modulus=modulus, operation=operation).model_dump(mode="json")


def playing_pairs(modulus: int, *events: Event, operation: str = "add") -> ScriptedSource:
    """A source that has compiled for this task and then delivers these events."""
    return ScriptedSource(replace(STARTED, config=config_of(modulus, operation)), *events)


def map_dots(pilot: Pilot[Ending]) -> list[list[RichColor]]:
    """The colors of the map on the screen, without its margins."""
    widget = run_screen(pilot).query_one(PairMap)
    return dots(Strip(list(line)[1:]) for line in widget.render_lines(widget.size.region)[1:])


def dots(lines: Iterable[Strip]) -> list[list[RichColor]]:
    """The colors of half blocks, row by row."""
    upper_and_lower: list[list[RichColor]] = []
    for line in lines:
        cells = [halves(segment) for segment in line for _ in segment.text]
        upper_and_lower += [[over for over, _ in cells], [under for _, under in cells]]
    return upper_and_lower


def halves(segment: Segment) -> tuple[RichColor, RichColor]:
    """The upper and lower color of a segment of half blocks."""
    assert segment.style is not None
    front, back = segment.style.color, segment.style.bgcolor
    assert front is not None
    assert back is not None
    return {
        "▀": (front, back),
        "▄": (back, front),
        "█": (front, front),
        " ": (back, back),
    }[segment.text[0]]

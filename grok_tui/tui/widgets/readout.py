"""The text in a chart's lower border: values at the crosshair, or notes on the view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.content import Content

from grok_tui.tui.themes import series_variable
from grok_tui.view.charts.plot import GHOST_MARKERS, SWATCHES, Scene
from grok_tui.view.charts.scales import Kind
from grok_tui.view.series import Series

_GAP = 2


def readout(kind: Kind, scene: Scene, width: int) -> Content:
    """The crosshair's step and the value of each series there, in at most `width` columns.

    A value from an earlier step shows that step if there is room: test 5.1 @1190.
    """
    full = list(_readings(kind, scene))
    if _columns(full) <= width:
        return _joined(full, width)
    short = list(_readings(kind, scene, short=True))
    if _columns(short, gap=1) > width:
        short = list(_readings(kind, scene, short=True, dated=False))
    return _joined(short, width, gap=1)


def notes(scene: Scene, ghost: str, width: int) -> Content:
    """What is unusual about a view, in at most `width` columns. ghost: the ghost's name."""
    words = []
    if scene.view.end is not None:
        words.append(f"held at {scene.window[1]:g}")
    if scene.view.smoothing != "none":
        words.append(f"{scene.view.smoothing} smoothing")
    if scene.ghost is not None:
        left = width - _columns([Content(word) for word in words]) - _GAP * bool(words)
        named = f"ghost: {ghost}"
        words.append(named if len(named) <= left else "ghost")
    return _joined([Content(word) for word in words], width)


def _readings(
    kind: Kind, scene: Scene, *, short: bool = False, dated: bool = True
) -> Iterator[Content]:
    step = scene.view.crosshair or 0
    yield Content(f"{step}" if short else f"step {step}")
    for name, series in kind.series(scene.state).items():
        label = SWATCHES[name][1] if short else f"{name} "
        words = label + _value(kind, series, step, dated=dated)
        yield Content(words).stylize(f"${series_variable(name)}")
    if scene.ghost is not None:
        for name, series in kind.series(scene.ghost).items():
            label = GHOST_MARKERS[name] if short else f"ghost {name} "
            yield Content(label + _value(kind, series, step, dated=dated))


def _value(kind: Kind, series: Series, step: int, *, dated: bool) -> str:
    point = series.at(step)
    if point is None:
        return "-"
    recorded, value = point
    words = kind.words(value)
    return words if recorded == step or not dated else f"{words} @{recorded}"


def _columns(parts: Sequence[Content], gap: int = _GAP) -> int:
    return sum(part.cell_length for part in parts) + gap * max(0, len(parts) - 1)


def _joined(parts: list[Content], width: int, gap: int = _GAP) -> Content:
    """The first parts that fit in `width` columns, joined."""
    while _columns(parts, gap) > width:
        parts = parts[:-1]
    return Content(" " * gap).join(parts)

"""Reads the charts on the screen for tests."""

from __future__ import annotations

import pytest
from scripted import (
    rows,
    run_screen,
)
from textual.color import Color
from textual.pilot import Pilot

from grok_tui.tui.messages import Ending
from grok_tui.tui.panes.charts import Charts
from grok_tui.tui.widgets.chart import Chart
from grok_tui.view.charts.window import ChartView

BOTH = pytest.mark.parametrize("size", [(120, 36), (80, 24)])
HISTORY = (0, 1000)


def chart(pilot: Pilot[Ending], name: str = "loss") -> Chart:
    return run_screen(pilot).query_one(f"#{name}", Chart)


def views(pilot: Pilot[Ending]) -> ChartView:
    """The view, which both charts share."""
    loss, accuracy = run_screen(pilot).query_one(Charts).query(Chart)
    assert loss.scene.view == accuracy.scene.view
    return loss.scene.view


def axis(pilot: Pilot[Ending], name: str = "loss") -> list[str]:
    """The labels below a chart."""
    drawn = chart(pilot, name)
    return drawn.render_line(drawn.size.height - 1).text.split()


def ticks(pilot: Pilot[Ending], name: str = "loss") -> list[str]:
    """The labels on the left of a chart."""
    drawn = chart(pilot, name)
    lines = [drawn.render_line(y).text for y in range(drawn.size.height)]
    return [line.split("┤")[0].strip() for line in lines if "┤" in line]


def frame(pilot: Pilot[Ending], name: str = "loss") -> str:
    """The lower border of a chart."""
    drawn = chart(pilot, name)
    place = drawn.region
    return rows(pilot)[place.bottom - 1][place.x : place.right].strip("─╰╯ ")


def border(pilot: Pilot[Ending], name: str) -> Color:
    return chart(pilot, name).styles.border_top[1]


def column_of(pilot: Pilot[Ending], sign: str, name: str = "loss") -> int:
    """The column of a sign inside the chart."""
    drawn = chart(pilot, name)
    lines = [drawn.render_line(y).text for y in range(drawn.size.height)]
    (column,) = {line.index(sign) for line in lines if sign in line}
    return column

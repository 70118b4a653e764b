"""The Health pane: five numbers with their history at any size, with warnings in color."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scripted import (
    STARTED,
    ScriptedSource,
    health,
    losses,
    metrics,
    run_screen,
    session,
    settled,
    shown,
    training,
)

from grok_tui.protocol.events import Evaluated
from grok_tui.tui.panes.health import HealthPane
from grok_tui.tui.widgets.dot_canvas import Area

NAMES = ("gradient norm", "update ratio", "zero loss", "largest logit", "spikes")


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 36)])
async def test_every_number_is_shown_with_its_history(size: tuple[int, int]) -> None:
    source = ScriptedSource(STARTED, *training(1, 1000))
    async with session(source).run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("h")
        await settled(pilot)
        text = shown(pilot)
        newest = health(1000)
        values = (f"{newest.gradient_norm:.3g}", "0.005", "0.0%", "30", "1")
        for name, value in zip(NAMES, values, strict=True):
            (line,) = [line for line in text.splitlines() if f"{name} " in line]
            assert f" {value} " in line, name
        assert ("█" in text) == (size[1] > 16)  # no room for bars on the smallest screen


async def test_only_unhealthy_numbers_are_warnings() -> None:
    ill = replace(health(500), zero_loss_share=0.7)
    events = [
        *training(1, 490),
        losses(491, 500),
        Evaluated(500, metrics(500), 0.1, health=ill),
    ]
    async with session(ScriptedSource(STARTED, *events)).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("h")
        await settled(pilot)
        content = run_screen(pilot).query_one("#health-rows", Area).visual
        warned = [
            content.plain[span.start : span.end].strip()
            for span in content.spans
            if "$warning" in str(span.style)
        ]
        assert warned == ["70.0%"]


async def test_a_run_of_an_older_version_says_why_nothing_is_shown() -> None:
    old = [Evaluated(10, metrics(10), 0.1)]
    async with session(ScriptedSource(STARTED, losses(1, 10), *old)).run_test() as pilot:
        await settled(pilot)
        await pilot.press("h")
        await settled(pilot)
        assert "not measured when this run was recorded" in shown(pilot)
        assert run_screen(pilot).query_one(HealthPane).has_focus

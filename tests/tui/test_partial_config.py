"""A run of which only some settings are known, such as one that another program wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hyperparameters import choose, line, lines
from mechanisms import analyzed
from scripted import (
    STARTED,
    ScriptedSource,
    grokking,
    run_screen,
    session,
    settled,
    shown,
    status,
    training,
)

from grok_tui.protocol.commands import SetField
from grok_tui.tui.panes.layout import PANE_KEYS, PANES

KNOWN = {"operation": "add", "modulus": 113, "train_fraction": 0.3, "lr": 1e-3, "steps": 2000}


def known(*fields: str) -> ScriptedSource:
    """A run that groks, with an analysis, whose config has only these fields."""
    config = {name: KNOWN[name] for name in fields}
    started = replace(STARTED, config=config)
    _, _, *events = grokking(600)
    return ScriptedSource(started, *events, analyzed(600), *training(601, 650))


@pytest.mark.parametrize("fields", [(), ("modulus",), tuple(KNOWN)], ids=len)
async def test_every_pane_can_do_with_it(fields: tuple[str, ...]) -> None:
    async with session(known(*fields)).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        for key, pane in zip(PANE_KEYS, PANES, strict=True):
            await pilot.press(key)
            await settled(pilot)
            assert pane.TITLE in shown(pilot)
        assert "step 650" in status(pilot)


async def test_the_form_says_what_is_not_known_and_edits_the_rest() -> None:
    source = known(*KNOWN)
    async with session(source).run_test(size=(120, 36)) as pilot:
        await choose(pilot, "d_model")
        assert line(pilot, "d_model") == "▸ d_model not known"
        assert "not known: another program trains this run" in lines(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert line(pilot, "d_model") == "▸ d_model not known"  # no input was opened
        await choose(pilot, "lr")
        assert line(pilot, "lr") == "▸ lr 0.001 live"


async def test_keys_that_change_what_is_not_known_say_so() -> None:
    source = known(*KNOWN)
    async with session(source).run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.press("]")
        await settled(pilot)
        assert "weight_decay of this run is not known" in status(pilot)
        assert source.commands == []
        await pilot.press("}")
        await settled(pilot)
        assert source.commands == [SetField("lr", 1.2e-3)]
        assert run_screen(pilot).state.pending == {"lr": 1.2e-3}

"""The panes about the weights, for a network with known frequencies."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mechanisms import KEYS, TASK, analysis, analyzed, answering
from pair_events import dots
from scripted import (
    STARTED,
    STOPPED,
    ScriptedSource,
    playing,
    recorded_run,
    rows,
    run_screen,
    session,
    settled,
    shown,
    status,
    training,
    until,
)
from small_weights import snapshot_of
from textual.pilot import Pilot

from grok_tui.protocol.commands import Inspect
from grok_tui.protocol.events import Analyzed
from grok_tui.protocol.results import Measures
from grok_tui.runs import checkpoints
from grok_tui.tui.messages import Ending
from grok_tui.tui.panes.analysis_pane import AnalysisPane
from grok_tui.tui.panes.attention import mean_attention
from grok_tui.tui.panes.fourier import Fourier
from grok_tui.tui.panes.measures import sparkline
from grok_tui.tui.panes.neurons import clusters
from grok_tui.tui.widgets.dot_canvas import DotCanvas
from grok_tui.view.histories import MOST_SPECTRA, AnalysisHistory

SIZES = [(120, 36), (80, 24), (60, 16)]
PANES = {"5": "Fourier", "6": "Measures", "7": "Circle", "8": "Attention", "9": "Neurons"}


async def opened(pilot: Pilot[Ending], key: str) -> None:
    await settled(pilot)
    await pilot.press(key)
    await settled(pilot)


# --- all of them --------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("key", PANES)
async def test_a_pane_waits_for_an_analysis_and_then_shows_it(
    key: str, size: tuple[int, int]
) -> None:
    source = answering(*training(1, 100))
    async with session(source).run_test(size=size) as pilot:
        await opened(pilot, key)
        pane = next(p for p in run_screen(pilot).query(AnalysisPane) if p.is_on_screen)
        assert PANES[key] == pane.TITLE
        assert "step" not in str(pane.border_subtitle)
        source.deliver(analyzed(100))
        await until(pilot, lambda: pane.border_subtitle == "step 100")
        await settled(pilot)

        def inside() -> list[str]:
            region = pane.region
            lines = [row[region.x + 1 : region.right - 1] for row in rows(pilot)]
            return lines[region.y + 1 : region.bottom - 1]

        def explained() -> bool:
            return pane.ABOUT in " ".join(" ".join(inside()).split())

        await until(pilot, lambda: explained() == (size != (60, 16)))
        assert pane.query_one(".about").display == (size != (60, 16))
        assert sum(bool(line.strip()) for line in inside()) > 5


@pytest.mark.parametrize("key", PANES)
async def test_every_key_of_a_pane_is_harmless_before_and_after_an_analysis(key: str) -> None:
    source = answering(*training(1, 100))
    keys = ("left", "right", "up", "down", "o", "plus", "minus", "home", "end", "escape")
    async with session(source).run_test(size=(80, 24)) as pilot:
        await opened(pilot, key)
        await pilot.press(*keys)
        source.deliver(analyzed(100))
        await settled(pilot)
        await pilot.press(*keys, *keys)
        await settled(pilot)
        assert "RUNNING" in status(pilot)


async def test_the_help_says_more_about_a_pane_than_its_two_lines() -> None:
    async with session(playing()).run_test(size=(120, 60)) as pilot:
        await opened(pilot, "7")
        await pilot.press("?")
        await until(pilot, lambda: "You are looking at: Circle" in shown(pilot))
        assert "a perfect ring" in " ".join(shown(pilot).split())


@pytest.mark.parametrize(
    ("key", "said"),
    [("8", "This network has no attention."), ("9", "neurons of this network are not known")],
)
async def test_a_pane_says_what_a_network_of_another_program_lacks(key: str, said: str) -> None:
    """It has no attention, no circuit, and its width is not known."""
    event = analyzed(100)
    assert event.arrays is not None
    lacking = replace(
        event.arrays,
        attention=np.zeros((0, 3, 0), np.float32),
        neuron_frequency=np.zeros(0, np.int16),
        neuron_share=np.zeros(0, np.float32),
    )
    source = ScriptedSource(replace(STARTED, config={"operation": "add", "modulus": 113}))
    async with session(source).run_test(size=(80, 24)) as pilot:
        await opened(pilot, key)
        source.deliver(replace(event, arrays=lacking))
        await until(pilot, lambda: said in " ".join(shown(pilot).split()))
        await pilot.press("left", "right", "up", "down", "home", "end", "plus")
        await settled(pilot)
        assert said in " ".join(shown(pilot).split())
        assert source.commands == []


# --- Fourier ------------------------------------------------------------------------------


async def test_fourier_names_the_key_frequencies_and_moves_along_them() -> None:
    async with session(playing(analyzed(100))).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "5")
        assert "3 key: 5 33 56" in shown(pilot)
        for key, k in (("down", 5), ("down", 33), ("down", 56), ("down", 5), ("up", 56)):
            await pilot.press(key)
            await until(pilot, lambda k=k: f"k {k}  W_E" in shown(pilot))
            assert "(100%)  key" in shown(pilot)
        await pilot.press("right", "right")  # wraps around
        await until(pilot, lambda: "k 2  W_E" in shown(pilot))


async def test_fourier_bars_are_at_their_frequencies() -> None:
    async with session(playing(analyzed(100))).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "5")
        area = run_screen(pilot).query_one("#fourier-bars").content_region
        bars = rows(pilot)[area.y][area.x : area.x + 56]
        assert {at + 1 for at, mark in enumerate(bars) if mark == "█"} == set(KEYS)


async def test_the_waterfall_has_a_line_for_every_analysis() -> None:
    source = playing(*(analyzed(100 * i, keys) for i, keys in enumerate([(7,), (8,), KEYS], 1)))
    async with session(source).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "5")
        await pilot.press("o")
        await until(pilot, lambda: "W_E, steps 100 to 300" in shown(pilot))
        await settled(pilot)
        canvas = run_screen(pilot).query_one(Fourier).query_one(DotCanvas)
        lines = canvas.render_lines(canvas.size.region)
        picture = dots(line.crop(0, 56) for line in lines)
        brightest = picture[0][7 - 1]
        found = [{k for k, color in enumerate(row, 1) if color == brightest} for row in picture]
        assert found[:3] == [{7}, {8}, set(KEYS)]
        await pilot.resize_terminal(160, 40)  # now there is room for the steps
        await until(pilot, lambda: any(" 100 " in row[80:92] for row in rows(pilot)))
        await pilot.press("o", "o")
        await until(pilot, lambda: "W_E above" in shown(pilot))


def test_old_spectra_are_thinned_out_and_the_newest_kept() -> None:
    learned = AnalysisHistory()
    for i in range(1, 3 * MOST_SPECTRA):
        learned = learned.after(analyzed(i))
        assert len(learned.spectra) <= MOST_SPECTRA + 1
        assert learned.spectra[-1].step == i
    assert learned.spectra[0].step == 1
    assert len(learned.measures) == 3 * MOST_SPECTRA - 1


# --- Measures -----------------------------------------------------------------------------


async def test_the_measures_are_on_the_chart_and_below() -> None:
    source = playing(*training(1, 200), analyzed(100), *training(201, 300), analyzed(300))
    async with session(source).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "6")
        text = shown(pilot)
        assert "key frequencies" in text
        assert f"{analysis()[0].gini_W_L:.3g}" in text
        state = run_screen(pilot).state
        assert state.analyses.restricted_loss.steps.tolist() == [100, 300]
        assert state.analyses.excluded_loss.last == analysis()[0].excluded_loss
        assert "restricted" in text
        await pilot.press("left")
        await until(pilot, lambda: "•" in shown(pilot))


async def test_without_a_circuit_rows_have_neither_number_nor_history() -> None:
    measures = Measures(0.1, 0.2, (1,), {"W_E": 3.0})
    _, arrays = analysis()
    event = Analyzed(100, measures, 0.1, arrays)
    async with session(playing(*training(1, 100), event)).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "6")
        row = next(row for row in rows(pilot) if "logit FVE" in row)
        assert row.split("logit FVE")[1].split()[0] == "-"


def test_a_sparkline_goes_from_the_least_to_the_largest_value() -> None:
    assert sparkline([0.0, 1.0], 10) == "▁█"
    assert sparkline([None, 2.0, 1.0], 10) == "·█▁"
    assert len(sparkline([float(x) for x in range(100)], 10)) == 10
    assert sparkline([None, None], 10) == ""
    assert len(set(sparkline([3.0, 3.0, 3.0], 10))) == 1
    assert sparkline([1.0], 0) == ""


# --- Circle -------------------------------------------------------------------------------


async def test_the_ring_is_round_and_ordered_and_keys_move_along_it() -> None:
    async with session(playing(analyzed(100))).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "7")
        for _ in KEYS:
            assert "round 1.00  order 1.00" in shown(pilot)
            await pilot.press("right")
            await settled(pilot)
        (shown_k,) = (int(k) for k in re.findall(r"k (\d+), \d+ of ", shown(pilot)))
        assert shown_k in KEYS
        await pilot.press("up")
        following = pow(shown_k, -1, 113)
        await until(pilot, lambda: f"a {following}: k a mod n = 1 of 113" in shown(pilot))
        await pilot.press("down", "down")
        await until(pilot, lambda: f"a {113 - following}: k a mod n = 112" in shown(pilot))
        await pilot.press("o")
        await until(pilot, lambda: "of 56 frequencies" in shown(pilot))


async def test_a_cloud_is_not_called_a_ring() -> None:
    measures, arrays = analysis()
    cloud = np.random.default_rng(0).standard_normal(arrays.circle.shape).astype(np.float32)
    event = Analyzed(100, measures, 0.1, replace(arrays, circle=cloud))
    async with session(playing(event)).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "7")
        line = next(row for row in rows(pilot) if "round" in row)
        assert float(line.split("order")[1].split()[0]) < 0.4
        assert float(line.split("round")[1].split()[0]) < 0.8


# --- Attention ----------------------------------------------------------------------------


def test_mean_attention_is_the_softmax_averaged_over_the_other_token() -> None:
    scores = np.random.default_rng(0).standard_normal((2, 3, 5)).astype(np.float32)
    found = mean_attention(scores)
    for head in range(2):
        for a in range(5):
            exps = [
                np.exp([scores[head, 0, a], scores[head, 1, b], scores[head, 2, 0]])
                for b in range(5)
            ]
            expected = np.mean([e[0] / e.sum() for e in exps])
            assert found[head, 0, a] == pytest.approx(expected, rel=1e-5)
    assert (found.sum(axis=1) < 2).all()


async def test_attention_reads_out_a_token_of_a_head() -> None:
    measures, arrays = analysis()
    scores = np.zeros((4, 3, 113), dtype=np.float32)
    scores[2, 0, 7] = 30.0
    event = Analyzed(100, measures, 0.1, replace(arrays, attention=scores))
    async with session(playing(event)).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "8")
        assert "head 0, token 0: to a 0.333, to b 0.333" in shown(pilot)
        await pilot.press("down", "down", *["right"] * 7)
        await until(pilot, lambda: "head 2, token 7: to a 1.000" in shown(pilot))
        await pilot.press("up", "end")
        await until(pilot, lambda: "head 1, token 112" in shown(pilot))


# --- Neurons ------------------------------------------------------------------------------


def test_clusters_are_sorted_by_size_with_the_rest_last() -> None:
    frequency = np.array([3, 7, 3, 9, 7, 3], dtype=np.int16)
    share = np.array([0.9, 0.95, 0.99, 0.5, 0.3, 0.86], dtype=np.float32)
    found = [(c.frequency, c.neurons) for c in clusters(frequency, share)]
    assert found == [(3, (2, 0, 5)), (7, (1,)), (0, (3, 4))]


async def test_neurons_shows_clusters_and_the_map_of_the_chosen_one() -> None:
    source = answering(analyzed(100))
    async with session(source).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "9")
        await until(pilot, lambda: "step 100  0.." in shown(pilot))
        assert "k 5: 16  k 33: 16  k 56: 16" in shown(pilot)
        (first,) = source.commands
        assert isinstance(first, Inspect)
        await pilot.press("right")
        await until(pilot, lambda: len(source.commands) == 2)
        await pilot.press("down")
        await until(pilot, lambda: ": k 33 " in shown(pilot))
        asked = [command.neuron for command in source.commands if isinstance(command, Inspect)]
        assert len(set(asked)) == 3
        frequency = analysis()[1].neuron_frequency
        assert [int(frequency[neuron]) for neuron in asked] == [5, 5, 33]


async def test_a_neuron_is_requested_once_per_analysis_and_only_on_screen() -> None:
    source = answering(analyzed(100))
    async with session(source).run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert source.commands == []
        await opened(pilot, "9")
        await until(pilot, lambda: len(source.commands) == 1)
        await pilot.press("2", "9")
        await settled(pilot)
        assert len(source.commands) == 1
        source.deliver(analyzed(200, (7, 8)))
        await until(pilot, lambda: len(source.commands) == 2)


async def test_a_neuron_of_an_ended_run_comes_from_its_checkpoint(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "run", *training(1, 30))
    for path in checkpoints.checkpoints_in(folder / "checkpoints"):
        path.unlink()
    snapshot = snapshot_of(30)
    checkpoints.save(checkpoints.checkpoint_path(folder / "checkpoints", 30), snapshot)
    source = playing(analyzed(30), STOPPED)
    async with session(source, folder=folder).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "9")
        await until(pilot, lambda: "step 30  0.." in shown(pilot))
        assert source.commands == []


def test_the_task_of_these_tests_matches_the_session() -> None:
    assert TASK.modulus == 113


async def test_a_low_terminal_shows_the_chart_or_the_numbers() -> None:
    source = playing(*training(1, 100), analyzed(100))
    async with session(source).run_test(size=(60, 16)) as pilot:
        await opened(pilot, "6")
        assert "restricted" in shown(pilot)
        assert "Gini of W_E" not in shown(pilot)
        await pilot.press("o")
        await until(pilot, lambda: "dist. irrelevance" in shown(pilot))
        assert "restricted" not in shown(pilot)
        await pilot.resize_terminal(120, 36)
        await pilot.press("o")
        await until(pilot, lambda: "restricted" in shown(pilot))
        assert "Gini of W_E" in shown(pilot)

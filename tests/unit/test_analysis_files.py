"""Analyses in a run directory: numbers in `metrics.jsonl`, arrays in files."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from recordings import (
    ARRAYS,
    CONFIG,
    ENVIRONMENT,
    MEASURES,
    ON_EVALUATED_STEPS,
    analyzed,
    evaluated,
    losses,
    metrics_of,
)

from grok_tui.protocol.events import Analyzed, Stopped
from grok_tui.protocol.results import AnalysisArrays
from grok_tui.runs import analysis_files
from grok_tui.runs.writer import RunWriter


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


def test_an_analyzed_step_has_measures_and_arrays(run: Path) -> None:
    writer = RunWriter.create(run, CONFIG, ENVIRONMENT)
    writer(losses(1, 4.0, 3.0))
    writer(evaluated(2))
    writer(analyzed(2))
    writer(losses(3, 2.0))
    writer(Analyzed(3, MEASURES, 0.1))  # without arrays
    writer(Stopped(3, "completed"))
    writer.close()
    first, second, third = metrics_of(run)
    assert set(first) == {"step", "train_loss"}
    assert set(second) == set(first) | ON_EVALUATED_STEPS | set(MEASURES.to_dict())
    assert set(third) == set(first) | set(MEASURES.to_dict())
    assert third["key_frequencies"] == [1, 2]
    assert third["excluded_loss"] is None
    assert third["sum_of_squares"] == {"W_E": 96.0}
    assert third["gini_W_E"] == pytest.approx(1 / 3, rel=1e-8)
    assert [path.name for path in analysis_files.analyses_in(run)] == ["step-00000002.npz"]
    found = analysis_files.load(analysis_files.analysis_path(run, 2), CONFIG)
    for field in fields(AnalysisArrays):
        np.testing.assert_array_equal(getattr(found, field.name), getattr(ARRAYS, field.name))


def test_an_analysis_of_a_model_without_attention_is_read_back(run: Path) -> None:
    run.mkdir()
    analysis_files.save(run, 2, replace(ARRAYS, attention=np.zeros((0, 3, 0), np.float32)))
    found = analysis_files.load(analysis_files.analysis_path(run, 2), CONFIG)
    assert found.attention.shape == (0, 3, 0)


@pytest.mark.parametrize("shape", [(1, 3, 5), (2, 3, 6), (0, 3, 5)])
def test_attention_of_another_size_is_refused(run: Path, shape: tuple[int, int, int]) -> None:
    run.mkdir()
    analysis_files.save(run, 2, replace(ARRAYS, attention=np.zeros(shape, np.float32)))
    with pytest.raises(analysis_files.AnalysisError, match="attention"):
        analysis_files.load(analysis_files.analysis_path(run, 2), CONFIG)


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_damaged_arrays_are_refused_with_a_reason(run: Path, content: bytes | None) -> None:
    RunWriter.create(run, CONFIG, ENVIRONMENT).close()
    analysis_files.save(run, 2, ARRAYS)
    path = analysis_files.analysis_path(run, 2)
    path.write_bytes(path.read_bytes()[:-50] if content is None else content)
    with pytest.raises(analysis_files.AnalysisError, match=r"step-00000002\.npz"):
        analysis_files.load(path, CONFIG)


def test_an_analysis_without_one_of_its_arrays_is_refused(run: Path) -> None:
    path = analysis_files.analysis_path(run, 2)
    path.parent.mkdir(parents=True)
    np.savez(path, elements=ARRAYS.elements)
    with pytest.raises(analysis_files.AnalysisError, match="it lacks"):
        analysis_files.load(path, CONFIG)

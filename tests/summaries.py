"""Run summaries for tests of other things."""

from __future__ import annotations

from typing import Any

from grok_tui.protocol.results import Metrics, Summary

FINAL = Metrics(
    train_loss=0.5, test_loss=2.5, train_acc=0.75, test_acc=0.25,
    weight_norm=33.0, lr=1e-3, weight_decay=1.0,
)  # fmt: skip


def summary(**known: Any) -> Summary:
    """The summary of a completed run, with some values replaced."""
    usual: dict[str, Any] = {
        "steps": 20,
        "grokked": False,
        "grok_step": None,
        "memorized_step": None,
        "final": FINAL,
        "steps_per_second": 50.0,
        "eval_seconds": 0.5,
        "analysis_seconds": 0.25,
        "compile_seconds": 2.0,
        "wall_seconds": 5.0,
        "device": "CPU",
        "exit": "completed",
    }
    return Summary(**{**usual, **known})

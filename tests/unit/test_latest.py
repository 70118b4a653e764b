"""How far a run has come, from the end of its metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from grok_tui.runs.latest import Reached, reached


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Reached()),
        ('{"step": 1, "train_loss": 2.5}', Reached()),  # still being written
        ('{"step": 1, "train_loss": 2.5}\n', Reached(1)),
        ('{"step": 9, "test_acc": 0.25}\n{"step": 10}\n{"step": 1', Reached(10, 0.25)),
        ("x" * 20000 + '\n{"step": 10}\n', Reached(10)),
        ("[1]\nnonsense\n", Reached()),
        ('{"step": 4}\n{"step": "9", "test_acc": null}\n', Reached(4)),
    ],
)
def test_how_far_a_run_has_come(text: str, expected: Reached, tmp_path: Path) -> None:
    assert reached(tmp_path) == Reached()
    (tmp_path / "metrics.jsonl").write_text(text)
    assert reached(tmp_path) == expected

"""A run that diverges: its message and its recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from command_line import checkpoint_steps, records, summary
from small_runs import Recording, record, small, train

from grok_tui.protocol.events import Failed

pytestmark = pytest.mark.usefixtures("cpu")

# The learning rate rises until it is too high, at about step 24.
CONFIG = small(lr=10.0, warmup_steps=60, steps=500, eval_every=4, checkpoint_every=8)


@pytest.fixture(scope="module")
def diverged(cpu: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recording]:
    run_dir = tmp_path_factory.mktemp("diverged") / "run"
    return run_dir, record(CONFIG, run_dir)


def test_the_reason_names_the_step_the_checkpoint_and_a_remedy(
    diverged: tuple[Path, Recording],
) -> None:
    run_dir, run = diverged
    assert isinstance(run.end, Failed)
    newest = max(checkpoint_steps(run_dir))
    assert run.end.step > newest > 0
    assert run.end.reason.startswith("diverged: ")
    assert run.end.reason.endswith(
        f" at step {run.end.step}; the last good checkpoint is at step {newest};"
        " try a lower lr than 10"
    )


@pytest.mark.parametrize("eval_every", [1, 100])
def test_the_bad_train_loss_is_of_the_first_step_without_a_line(eval_every: int) -> None:
    """Step 2 has a finite loss before its update; the weights after it do not."""
    run = train(small(lr=10.0, weight_decay=1000.0, warmup_steps=0, init_scale=100.0,
                      eval_every=eval_every))  # fmt: skip
    assert isinstance(run.end, Failed)
    assert len(run.losses()) == run.summary.steps == 2
    assert run.end.step == 3
    assert run.end.reason.startswith("diverged: the train loss became nan at step 3;")


def test_nothing_of_the_bad_step_is_recorded_as_progress(
    diverged: tuple[Path, Recording],
) -> None:
    run_dir, run = diverged
    losses, end = run.losses(), run.end
    assert np.isfinite(losses).all()
    assert run.summary.to_dict() == summary(run_dir)
    assert run.summary.steps == len(losses) <= end.step
    assert (run.summary.exit, run.summary.final) == ("diverged", None)
    lines = records(run_dir / "metrics.jsonl")
    assert [line["step"] for line in lines] == list(range(1, len(losses) + 1))
    assert all("test_loss" not in line for line in lines[end.step - 1 :])
    assert records(run_dir / "events.jsonl")[-1]["reason"] == end.reason


def test_without_a_checkpoint_the_reason_says_so() -> None:
    end = train(CONFIG, store=False).end
    assert isinstance(end, Failed)
    assert end.reason.endswith(
        f" at step {end.step}; there is no checkpoint; try a lower lr than 10"
    )

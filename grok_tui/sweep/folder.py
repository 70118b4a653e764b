"""The directory of a sweep: a run directory for each point, and files with all outcomes."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self

from grok_tui.config.schema import ConfigError
from grok_tui.files import write_durably
from grok_tui.runs.folders import RunError
from grok_tui.runs.history import read_history
from grok_tui.runs.schema import read_summary
from grok_tui.runs.writer import being_written
from grok_tui.sweep import RESULTS
from grok_tui.sweep.spec import Point, Spec, spec_from
from grok_tui.text import UserError

INDEX = "index.csv"
State = Literal["waiting", "cut off", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a point so far; numbers that are not known are None.

    state: `waiting` has not begun, `cut off` can continue from a checkpoint, `failed` diverged
    or broke, for the reason in `error`. steps: completed so far.
    """

    state: State
    steps: int = 0
    memorized_step: int | None = None
    grok_step: int | None = None
    test_loss: float | None = None
    test_acc: float | None = None
    error: str = ""


def outcome_of(run: Path) -> Outcome:
    """The outcome of a point according to its run directory."""
    if not (run / "config.toml").exists():
        return Outcome("waiting")
    if (summary := read_summary(run)) is None:
        return Outcome("cut off")
    final = summary.final
    return Outcome(
        "done" if summary.complete else "failed" if summary.diverged else "cut off",
        summary.steps,
        summary.memorized_step,
        summary.grok_step,
        final.test_loss if final else None,
        final.test_acc if final else None,
        _why_it_ended(run) if summary.diverged else "",
    )


def _why_it_ended(run: Path) -> str:
    try:
        return read_history(run).reason
    except (UserError, OSError):  # the events are damaged, but the summary says this much
        return "diverged"


def discard(run_dir: Path) -> None:
    """Remove a point's run so that it starts over. Raises RunError if it is being written."""
    if not run_dir.exists():
        return
    if (run_dir / "events.jsonl").exists() and being_written(run_dir):
        raise RunError(f"another process is writing to {run_dir}")
    shutil.rmtree(run_dir)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a sweep against other processes. Raises UserError if one is training it."""
    folder = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UserError(
            f"another process is training the sweep in {path}; stop it first"
        ) from None
    finally:
        os.close(folder)


class SweepFolder:
    """The directory of a sweep, new or continued.

    broken: why points failed without leaving a run, by point name.
    """

    def __init__(self, path: Path, spec: Spec, broken: Mapping[str, str]) -> None:
        self.path, self.spec = path, spec
        self.points = list(spec.points())
        self.broken = dict(broken)

    @classmethod
    def open(cls, path: Path, spec: Spec) -> Self:
        """Open a sweep's directory, creating it if it is missing.

        Raises UserError if it holds something else, or OSError.
        """
        broken: dict[str, str] = {}
        if path.exists() and any(path.iterdir()):
            _check_same(read_spec(path), spec, path)
            rows = list(read_results(path))
            broken = {r["run"]: r["error"] for r in rows if r["state"] == "failed"}
            _check_kept([r["run"] for r in rows if r["state"] != "waiting"], spec, path)
        path.mkdir(parents=True, exist_ok=True)
        return cls(path, spec, broken)

    def run_of(self, point: Point) -> Path:
        return self.path / point.name

    def outcome(self, point: Point) -> Outcome:
        """The outcome of a point so far."""
        recorded = outcome_of(self.run_of(point))
        reason = self.broken.get(point.name)
        if reason and recorded.state in ("waiting", "cut off"):
            return replace(recorded, state="failed", error=reason)
        return recorded

    def outcomes(self) -> list[tuple[Point, Outcome]]:
        return [(point, self.outcome(point)) for point in self.points]

    def save(self, outcomes: Iterable[tuple[Point, Outcome]]) -> None:
        """Rewrite `sweep.json` and `index.csv`. Raises OSError."""
        rows = [row(point, outcome) for point, outcome in outcomes]
        content = {**self.spec.to_dict(), "points": rows}
        text = json.dumps(content, indent=1, allow_nan=False) + "\n"
        write_durably(self.path / RESULTS, text.encode())
        write_durably(self.path / INDEX, points_csv(rows).encode())


def row(point: Point, outcome: Outcome) -> dict[str, Any]:
    """A point as an entry of `sweep.json`."""
    return {
        "run": point.name,
        "values": dict(point.values),
        "seed": point.seed,
        **asdict(outcome),
    }


def points_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows of `row` as CSV, with a column for each axis."""
    stream = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for content in rows:
        flat = {**content, **content["values"]}
        del flat["values"]
        if writer is None:
            writer = csv.DictWriter(stream, list(flat), lineterminator="\n")
            writer.writeheader()
        writer.writerow(flat)
    return stream.getvalue()


def read_results(path: Path) -> Iterator[Mapping[str, Any]]:
    """The points in a sweep's `sweep.json`. Raises UserError."""
    yield from _content(path)["points"]


def recorded_points(path: Path) -> list[Path]:
    """The existing run directories of a sweep, in its order. Raises UserError."""
    runs = [path / str(point["run"]) for point in read_results(path)]
    return [run for run in runs if (run / "metrics.jsonl").is_file()]


def read_spec(path: Path) -> Spec:
    """The spec that a sweep's directory was made from. Raises UserError."""
    content = _content(path)
    try:
        return spec_from({name: content[name] for name in ("base", "axes", "seeds")})
    except (KeyError, ConfigError) as error:
        raise UserError(f"{path / RESULTS} is damaged: {error}") from None


def _content(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads((path / RESULTS).read_text())
        return content
    except FileNotFoundError:
        raise UserError(f"{path} is not empty and not a sweep: it has no {RESULTS}") from None
    except ValueError as error:
        raise UserError(f"{path / RESULTS} is damaged: {error}") from None


def _check_same(old: Spec, new: Spec, path: Path) -> None:
    """Raise UserError unless the new spec has the old one's base and axis fields."""
    before, after = ({axis.field for axis in spec.axes} for spec in (old, new))
    if old.base == new.base and before == after:
        return
    what = "axes" if before != after else "base config"
    raise UserError(f"{path} holds a sweep with a different {what}; choose another directory")


def _check_kept(runs: Sequence[str], spec: Spec, path: Path) -> None:
    """Raise UserError if the new spec leaves out points that have been trained."""
    left_out = sorted(set(runs) - {point.name for point in spec.points()})
    if left_out:
        raise UserError(
            f"the spec leaves out {left_out[0]}, which {path} already holds; put its values and"
            " seeds back, or choose another directory"
        )

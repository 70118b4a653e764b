"""`grok-tui compare`: several runs in tables and charts."""

from __future__ import annotations

import os
import shutil
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grok_tui.cli.flags import command_parser, path
from grok_tui.cli.output import print_json
from grok_tui.config.schema import ConfigError, written
from grok_tui.sweep import is_sweep
from grok_tui.text import UserError, number, percent, table

if TYPE_CHECKING:
    from grok_tui.runs.history import RunHistory

# The height of a chart: a share of the terminal's, within these numbers of rows.
_SHARE, _LEAST, _MOST = 0.7, 12, 24
_RUN = "  run"  # aligned with the names, which follow a marker


def parse(name: str, arguments: Sequence[str]) -> Namespace:
    """The options `runs` and `json`."""
    parser = command_parser(name)
    parser.add_argument(
        "runs", metavar="DIR", type=path, nargs="+", help="a run directory, or a sweep's"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def run(options: Namespace) -> int:
    """Read the runs, and print their results and differences."""
    from grok_tui.view.comparison import differences, short_names

    folders = [run for folder in options.runs for run in _runs_in(folder)]
    if len(folders) < 2:
        raise UserError("compare needs two or more run directories, or a sweep with two runs")
    names = short_names(folders)
    runs = [_read(folder) for folder in folders]
    differing = differences([run.config for run in runs])
    if options.json:
        print_json({"runs": [run.to_dict() for run in runs], "differences": differing})
    else:
        maps = [_map(folder) for folder in options.runs if is_sweep(folder)]
        _show("\n\n".join([*maps, *_parts(runs, names, differing)]))
    return 0


def _read(folder: Path) -> RunHistory:
    """Read the run in a folder. Raises RunError that names it."""
    from grok_tui.runs.folders import RunError
    from grok_tui.runs.history import read_history

    try:
        return read_history(folder)
    except ConfigError as error:
        raise RunError(f"{folder} cannot be compared: {error}") from None
    except OSError as error:
        raise RunError(f"cannot read {error.filename or folder}: {error.strerror}") from None


def _runs_in(folder: Path) -> list[Path]:
    """The run directory itself, or all those of a sweep."""
    if not is_sweep(folder):
        return [folder]
    from grok_tui.sweep.folder import recorded_points

    return recorded_points(folder)


def _map(sweep: Path) -> str:
    from grok_tui.sweep.folder import SweepFolder, read_spec
    from grok_tui.sweep.phase_map import phase_map

    folder = SweepFolder.open(sweep, read_spec(sweep))
    return phase_map(folder.spec, folder.outcomes())


def _parts(
    runs: Sequence[RunHistory], names: Sequence[str], differing: dict[str, list[Any]]
) -> Iterator[str]:
    """The tables, the origins and edits of the runs, and the charts."""
    from grok_tui.view.charts.overlay import MARKERS

    width = shutil.get_terminal_size().columns
    markers = MARKERS.ljust(len(runs))  # further runs are not drawn, so they need no marker
    labels = [f"{marker} {name}" for marker, name in zip(markers, names, strict=False)]
    yield table([_row(*pair) for pair in zip(labels, runs, strict=True)], width)
    if differing:
        values = zip(*differing.values(), strict=True)
        rows = [dict(zip(differing, map(written, of_run), strict=True)) for of_run in values]
        yield table([{_RUN: x, **row} for x, row in zip(labels, rows, strict=True)], width)
    else:
        yield "The runs began with the same config."
    if happened := [line for pair in zip(labels, runs, strict=True) for line in _story(*pair)]:
        yield "\n".join(happened)
    if len(runs) > len(MARKERS):
        yield f"The charts show the first {len(MARKERS)} runs."
    yield from _charts(runs[: len(MARKERS)], names[: len(MARKERS)])


def _row(label: str, run: RunHistory) -> dict[str, Any]:
    """A run's results, as a row of the table."""
    keys = run.key_frequencies
    return {
        _RUN: label,
        "steps": run.steps,
        "memorized": run.milestones.memorized_step,
        "grokked": run.milestones.grok_step,
        "test loss": number(run.final["test_loss"]),
        "test acc": percent(run.final["test_acc"]),
        "train loss": number(run.final["train_loss"]),
        "train acc": percent(run.final["train_acc"]),
        "key frequencies": None if keys is None else list(keys),
        "phase": run.milestones.phase,
        "exit": run.end,
    }


def _story(label: str, run: RunHistory) -> Iterator[str]:
    """A run's origin if it is a branch, and its edits, one line each."""
    if run.parent:
        yield f"{label}: branched from {run.parent['run']} at step {run.parent['step']}"
    for edit in run.effective_edits:
        undone = " (undone)" if edit.undo else ""
        change = f"{written(edit.old)} -> {written(edit.new)}"
        yield f"{label}: {edit.field} {change} at step {edit.step}{undone}"


def _charts(runs: Sequence[RunHistory], names: Sequence[str]) -> Iterator[str]:
    import plotext

    from grok_tui.view.charts import overlay
    from grok_tui.view.charts.scales import ACCURACY, LOSS
    from grok_tui.view.series import Series

    width, lines = shutil.get_terminal_size()
    size = width, min(max(round(_SHARE * lines), _LEAST), _MOST)
    diverged = [place for place, run in enumerate(runs) if run.end == "diverged"]
    for title, scale, curves in (
        ("train loss", LOSS.log, [run.train_loss for run in runs]),
        ("test loss", LOSS.log, [run.curve("test_loss") for run in runs]),
        ("test accuracy", ACCURACY.linear, [run.curve("test_acc") for run in runs]),
    ):
        series = [Series().extended(curve.steps, curve.values) for curve in curves]
        if picture := overlay.draw(plotext, scale, series, size, diverged):
            yield f"{overlay.legend(plotext, title, names, width)}\n{picture}"


def _show(text: str) -> None:
    """Print text, without colors or in ASCII only if standard output requires it."""
    from plotext import uncolorize

    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        text = "\n".join(line.rstrip() for line in uncolorize(text).splitlines())
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        from grok_tui.tui.ascii_only import ascii_text

        text = "\n".join(map(ascii_text, uncolorize(text).splitlines()))
    print(text)

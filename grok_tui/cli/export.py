"""`grok-tui export`: a run in another tool's format."""

from __future__ import annotations

import contextlib
import math
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grok_tui.cli.flags import command_parser, integer, one_of, path
from grok_tui.files import write_durably
from grok_tui.models.registry import export_formats
from grok_tui.runs.exporting.metrics_csv import write_csv
from grok_tui.runs.exporting.weights import OWN, write_weights
from grok_tui.runs.folders import check_run_directory
from grok_tui.runs.reader import metric_lines
from grok_tui.sweep import is_sweep
from grok_tui.text import UserError, one_line

_DEFAULT_SIZE = (120, 36)


def parse(name: str, arguments: Sequence[str]) -> Namespace:
    """The options `run`, `form`, `output` and those of the formats. Raises UserError."""
    parser = command_parser(
        name,
        "csv and tensorboard hold the metrics, cast is a film of the session for asciinema, svg"
        " a picture of it, all others hold the weights.",
    )
    add = parser.add_argument
    add("run", metavar="DIR", type=path, help="the run directory; csv: or a sweep's")
    add(
        "--to", dest="form", required=True, metavar="FORMAT", type=one_of(FORMATS),
        help=f"the format: {', '.join(FORMATS)}",
    )  # fmt: skip
    add(
        "-o", dest="output", metavar="PATH", type=path,
        help="where to write (default: csv to standard output, tensorboard to a folder here,"
        " all else to a file here)",
    )  # fmt: skip
    add(
        "--step", type=integer,
        help="svg: any step (default: the last); weights: a checkpoint's (default: the newest)",
    )  # fmt: skip
    screens = parser.add_argument_group("cast and svg").add_argument
    screens("--size", type=_size, metavar="WxH", help="columns x rows (default: 120x36)")
    screens("--pane", metavar="NAME", help="the pane to show (default: charts)")
    screens("--theme", metavar="NAME", help="its colors")
    screens("--ascii", action="store_true", default=None, help="ASCII only")
    screens(
        "--speed",
        type=_speed,
        metavar="X",
        help="cast: speed as a multiple of the run's own (default: 1)",
    )
    options = parser.parse_args(arguments)
    for option in _OPTIONS:
        if getattr(options, option) is None or option in FORMATS[options.form].options:
            continue
        forms = (name for name, form in FORMATS.items() if option in form.options)
        raise UserError(f"--{option} is for {', '.join(forms)}, not for {options.form}")
    return options


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ArgumentTypeError(f"must be columns x rows, such as 120x36 (got {text!r})")
    return int(width), int(height)


def _speed(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < (speed := float(text)) < math.inf:
            return speed
    raise ArgumentTypeError(f"must be a number above 0 (got {text!r})")


def run(options: Namespace) -> int:
    """Write the files, and print their names."""
    if not (options.form == "csv" and is_sweep(options.run)):
        check_run_directory(options.run)
    for file in FORMATS[options.form].write(options):
        print(file)
    return 0


# --- the formats ----------------------------------------------------------------------


def _csv(options: Namespace) -> list[Path]:
    if is_sweep(options.run):
        return _csv_of_sweep(options)
    if options.output is None:
        write_csv(options.run, sys.stdout)
        return []
    for _ in metric_lines(options.run):
        pass  # detect damage before overwriting a file
    with options.output.open("w", newline="") as file:
        write_csv(options.run, file)
    return [options.output]


def _csv_of_sweep(options: Namespace) -> list[Path]:
    """Write the points of a sweep as CSV."""
    from grok_tui.sweep.folder import points_csv, read_results

    text = points_csv(read_results(options.run))
    if options.output is None:
        print(text, end="")
        return []
    write_durably(options.output, text.encode())
    return [options.output]


def _tensorboard(options: Namespace) -> list[Path]:
    try:
        from grok_tui.runs.exporting.tensorboard import write_events
    except ImportError:
        raise UserError(
            "tensorboard needs tensorboardX: pip install 'grok-tui[tensorboard]'"
        ) from None
    return [write_events(options.run, options.output)]


def _screens(options: Namespace) -> list[Path]:
    """Write a film (cast) or a picture (svg) of the session."""
    from grok_tui.runs.exporting.asciicast import asciicast
    from grok_tui.sources.launcher import replay_launcher
    from grok_tui.sources.recording import Recording
    from grok_tui.tui.film import Stage, film, picture
    from grok_tui.tui.panes.layout import pane_number
    from grok_tui.tui.start import make_app
    from grok_tui.tui.themes import DEFAULT_THEME

    launcher, theme = replay_launcher(), options.theme or DEFAULT_THEME
    stage = Stage(
        options.size or _DEFAULT_SIZE,
        lambda run: make_app(launcher, run, theme, ascii_only=bool(options.ascii)),
        pane_number(options.pane or "charts"),
    )
    recording = Recording.open(options.run)
    name = options.run.resolve().name
    if options.form == "cast":
        frames = film(recording, stage, options.speed or 1.0)
        content = asciicast(stage.size, one_line(name), ((f.seconds, f.output) for f in frames))
        file = options.output or Path(f"{name}.cast")
    else:
        content = picture(recording, stage, options.step)
        step = recording.last if options.step is None else options.step
        file = options.output or Path(f"{name}-step-{step}.svg")
    write_durably(file, content.encode())
    return [file]


def _weights(options: Namespace) -> list[Path]:
    return write_weights(options.run, options.form, options.step, options.output)


@dataclass(frozen=True, slots=True)
class Format:
    """A format. write: writes the files and returns them. options: those it supports."""

    write: Callable[[Namespace], list[Path]]
    options: tuple[str, ...] = ()


_LOOKS = ("size", "pane", "theme", "ascii")
# Options that only some formats support; the others refuse them.
_OPTIONS = ("step", *_LOOKS, "speed")
FORMATS: Mapping[str, Format] = {
    "csv": Format(_csv),
    "tensorboard": Format(_tensorboard),
    "cast": Format(_screens, (*_LOOKS, "speed")),
    "svg": Format(_screens, (*_LOOKS, "step")),
    **dict.fromkeys((OWN, *export_formats()), Format(_weights, ("step",))),
}

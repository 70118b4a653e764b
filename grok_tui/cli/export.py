"""`grok-tui export`: a run in the format of another tool."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from grok_tui.cli.commands import COMMANDS
from grok_tui.cli.flags import Parser
from grok_tui.runs.exporting.files import CSV, TENSORBOARD, WEIGHTS, write_csv, write_weights
from grok_tui.runs.reader import metric_lines
from grok_tui.sweep import is_sweep
from grok_tui.text import UserError

CAST, SVG = "cast", "svg"
FORMATS = (CSV, TENSORBOARD, CAST, SVG, *WEIGHTS)
_DEFAULT_SIZE = (120, 36)
# Which formats an option is for; it is refused with any other, where it would change nothing.
_OPTIONS = {
    "step": (SVG, *WEIGHTS),
    "size": (CAST, SVG),
    "pane": (CAST, SVG),
    "theme": (CAST, SVG),
    "ascii": (CAST, SVG),
    "speed": (CAST,),
}


def parse(arguments: Sequence[str]) -> Namespace:
    """`run`, `form`, `output` and the options of the formats."""
    parser = Parser(
        prog="grok-tui export",
        description=f"{COMMANDS['export']}. csv and tensorboard are the metrics, cast a film of"
        " the session for asciinema, svg a picture of it, everything else the weights.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "run", metavar="DIR", type=Path, help="the run directory; csv: or a sweep's"
    )
    parser.add_argument("--to", dest="form", required=True, choices=FORMATS, help="the format")
    parser.add_argument(
        "-o", dest="output", metavar="FILE", type=Path,
        help="where; without it, csv goes to standard output, tensorboard to a folder here,"
        " all else to a file here",
    )  # fmt: skip
    parser.add_argument(
        "--step", type=int,
        help="svg: any step (the last); weights: the step of a checkpoint (the newest)",
    )  # fmt: skip
    screens = parser.add_argument_group("cast and svg")
    screens.add_argument("--size", type=_size, metavar="WxH", help="columns x rows (120x36)")
    screens.add_argument("--pane", metavar="NAME", help="the pane that is shown (charts)")
    screens.add_argument("--theme", metavar="NAME", help="its colours")
    screens.add_argument("--ascii", action="store_true", default=None, help="ASCII only")
    screens.add_argument(
        "--speed", type=_speed, metavar="X", help="cast: times as fast as the run was (1)"
    )
    options = parser.parse_args(arguments)
    for name, forms in _OPTIONS.items():
        if getattr(options, name) is not None and options.form not in forms:
            raise UserError(f"--{name} is for {', '.join(forms)}, not for {options.form}")
    return options


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def _speed(text: str) -> float:
    speed = float(text)
    if not 0 < speed < float("inf"):
        raise ValueError
    return speed


def run(options: Namespace) -> int:
    """Write it, and print the names of the files."""
    folder: Path = options.run
    if options.form == CSV and is_sweep(folder):
        return _write_points(folder, options.output)
    if not (folder / "config.toml").is_file():
        raise UserError(f"{folder} is no run directory: it has no config.toml")
    if options.form in WEIGHTS:
        for file in write_weights(folder, options.form, options.step, options.output):
            print(file)
    elif options.form in (CAST, SVG):
        print(_write_screens(options))
    elif options.form == TENSORBOARD:
        print(_write_events(folder, options.output))
    elif options.output is None:
        write_csv(folder, sys.stdout)
    else:
        for _ in metric_lines(folder):
            pass  # damage is found before a file is overwritten
        with options.output.open("w", newline="") as file:
            write_csv(folder, file)
        print(options.output)
    return 0


def _write_points(sweep: Path, output: Path | None) -> int:
    """The points of a sweep as a table."""
    from grok_tui.files import write_durably
    from grok_tui.sweep.folder import read_results, table

    text = table(read_results(sweep))
    if output is None:
        print(text, end="")
    else:
        write_durably(output, text.encode())
        print(output)
    return 0


def _write_screens(options: Namespace) -> Path:
    """Write the film or the picture; returns its file."""
    from grok_tui.cli.replay import replay_session
    from grok_tui.files import write_durably
    from grok_tui.runs.exporting.asciicast import asciicast
    from grok_tui.sources.recording import Recording
    from grok_tui.tui.film import Stage, film, picture
    from grok_tui.tui.panes.layout import pane_number
    from grok_tui.tui.start import make_app
    from grok_tui.tui.themes import DEFAULT_THEME

    session, theme = replay_session(), options.theme or DEFAULT_THEME
    stage = Stage(
        options.size or _DEFAULT_SIZE,
        lambda run: make_app(session, run, theme, ascii_only=bool(options.ascii)),
        pane_number(options.pane or "charts"),
    )
    recording = Recording(options.run)
    name = options.run.resolve().name
    if options.form == CAST:
        frames = film(recording, stage, options.speed or 1.0)
        content = asciicast(stage.size, name, ((f.seconds, f.output) for f in frames))
        file = options.output or Path(f"{name}.cast")
    else:
        content = picture(recording, stage, options.step)
        step = recording.last if options.step is None else options.step
        file = options.output or Path(f"{name}-step-{step}.svg")
    write_durably(file, content.encode())
    return file


def _write_events(run: Path, folder: Path | None) -> Path:
    try:
        from grok_tui.runs.exporting.tensorboard import write_events
    except ImportError:
        raise UserError(
            f"{TENSORBOARD} needs tensorboardX: pip install 'grok-tui[tensorboard]'"
        ) from None
    return write_events(run, folder)

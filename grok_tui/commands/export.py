"""`grok-tui export`: a run in the format of another tool."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from grok_tui.arguments import Parser
from grok_tui.commands import COMMANDS
from grok_tui.errors import UserError
from grok_tui.runs.export import CSV, FORMATS, TENSORBOARD, write_csv, write_weights


def parse(arguments: Sequence[str]) -> Namespace:
    """`run`, `form`, `output` and `step`."""
    parser = Parser(
        prog="grok-tui export",
        description=f"{COMMANDS['export']}. {CSV} and {TENSORBOARD} are the metrics,"
        " everything else the weights.",
        allow_abbrev=False,
    )
    parser.add_argument("run", metavar="DIR", type=Path, help="the run directory")
    parser.add_argument("--to", dest="form", required=True, choices=FORMATS, help="the format")
    parser.add_argument(
        "-o", dest="output", metavar="FILE", type=Path,
        help=f"where; without it, {CSV} goes to standard output, weights to a file here,"
        f" {TENSORBOARD} to a folder here",
    )  # fmt: skip
    parser.add_argument(
        "--step", type=int, help="the step of a checkpoint; the newest if none is given"
    )
    options = parser.parse_args(arguments)
    if options.form in (CSV, TENSORBOARD) and options.step is not None:
        raise UserError(f"--step chooses the weights to export; {options.form} has all steps")
    return options


def run(options: Namespace) -> int:
    """Write it, and print the names of the files."""
    folder: Path = options.run
    if not (folder / "config.toml").is_file():
        raise UserError(f"{folder} is no run directory: it has no config.toml")
    if options.form == TENSORBOARD:
        print(_write_events(folder, options.output))
    elif options.form != CSV:
        for file in write_weights(folder, options.form, options.step, options.output):
            print(file)
    elif options.output is None:
        write_csv(folder, sys.stdout)
    else:
        with options.output.open("w", newline="") as file:
            write_csv(folder, file)
        print(options.output)
    return 0


def _write_events(run: Path, folder: Path | None) -> Path:
    try:
        from grok_tui.runs.tensorboard import write_events
    except ImportError:
        raise UserError(
            f"{TENSORBOARD} needs tensorboardX: pip install 'grok-tui[tensorboard]'"
        ) from None
    return write_events(run, folder)

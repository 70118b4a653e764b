"""`grok-tui export`: a run in the format of another tool."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from grok_tui.arguments import Parser
from grok_tui.commands import COMMANDS
from grok_tui.errors import UserError
from grok_tui.runs.export import CSV, FORMATS, write_csv, write_weights
from grok_tui.runs.reader import metric_lines


def parse(arguments: Sequence[str]) -> Namespace:
    """`run`, `form`, `output` and `step`."""
    parser = Parser(
        prog="grok-tui export",
        description=f"{COMMANDS['export']}. {CSV} is the metrics, everything else the weights.",
        allow_abbrev=False,
    )
    parser.add_argument("run", metavar="DIR", type=Path, help="the run directory")
    parser.add_argument("--to", dest="form", required=True, choices=FORMATS, help="the format")
    parser.add_argument(
        "-o", dest="output", metavar="FILE", type=Path,
        help=f"where; without it, {CSV} goes to standard output, weights to a file here",
    )  # fmt: skip
    parser.add_argument(
        "--step", type=int, help="the step of a checkpoint; the newest if none is given"
    )
    options = parser.parse_args(arguments)
    if options.form == CSV and options.step is not None:
        raise UserError(f"--step chooses the weights to export; {CSV} has all steps")
    return options


def run(options: Namespace) -> int:
    """Write it, and print the names of the files."""
    folder: Path = options.run
    if not (folder / "config.toml").is_file():
        raise UserError(f"{folder} is no run directory: it has no config.toml")
    if options.form != CSV:
        for file in write_weights(folder, options.form, options.step, options.output):
            print(file)
    elif options.output is None:
        write_csv(folder, sys.stdout)
    else:
        for _ in metric_lines(folder):
            pass  # damage is found before a file is overwritten
        with options.output.open("w", newline="") as file:
            write_csv(folder, file)
        print(options.output)
    return 0

"""The command line: every config field as a flag, and the few flags beside them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import NoReturn

from grok_tui import __version__
from grok_tui.config import FIELDS, bounds, choices, flag, group_of, is_live, written
from grok_tui.errors import UserError

LISTS = {
    "presets": "list the presets",
    "devices": "list the devices, and which of them open here",
    "themes": "list the themes",
    "keys": "list the session's keys",
}

SERVE = "the session in a browser, on 127.0.0.1"
EXPORT = "write a run in the format of another tool"

_DESCRIPTION = """\
Train a small transformer on modular arithmetic and watch it grok.

  grok-tui                              choose a preset, then watch it train
  grok-tui --preset quick               straight into that preset
  grok-tui --record DIR --preset nanda  headless: write the run directory DIR
  grok-tui --resume DIR                 go on in DIR from its newest checkpoint
"""


class _Parser(ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (try grok-tui --help)")


def parse(arguments: Sequence[str]) -> Namespace:
    """The options: `command` (None to train) and, for training, `fields` that were given.

    Exits after --help and --version; raises UserError.
    """
    if arguments and arguments[0] in LISTS:
        options = _list_parser(arguments[0]).parse_args(arguments[1:])
        options.command = arguments[0]
        return options
    if arguments and arguments[0] == "serve":
        return _parse_serve(arguments[1:])
    if arguments and arguments[0] == "export":
        return _parse_export(arguments[1:])
    return _parse_train(arguments)


def _parse_train(arguments: Sequence[str]) -> Namespace:
    options = _train_parser().parse_args(arguments)
    options.command = None
    given = {name: getattr(options, name) for name in FIELDS}
    options.fields = {name: value for name, value in given.items() if value is not None}
    return options


def _parse_serve(arguments: Sequence[str]) -> Namespace:
    """`port`, and `arguments` that each session is started with: `session` once parsed."""
    parser = _Parser(
        prog="grok-tui serve", description=f"{SERVE}. All options of grok-tui itself follow.",
        allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--port", type=int, default=8000, help="where (default 8000)")
    options, rest = parser.parse_known_args(arguments)
    if not 0 < options.port < 65536:
        raise UserError(f"--port {options.port} is no port; there are 1 to 65535")
    session = _parse_train(rest)
    if session.record:
        raise UserError("serve shows sessions; --record needs no screen")
    return Namespace(command="serve", port=options.port, arguments=rest, session=session)


def _parse_export(arguments: Sequence[str]) -> Namespace:
    """`run`, `form`, `output` and `step`."""
    from grok_tui.runs.export import CSV, FORMATS

    parser = _Parser(
        prog="grok-tui export",
        description=f"{EXPORT}. {CSV} is the metrics, everything else the weights.",
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
    options.command = "export"
    return options


def _list_parser(command: str) -> ArgumentParser:
    parser = _Parser(prog=f"grok-tui {command}", description=LISTS[command], allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _train_parser() -> ArgumentParser:
    commands = {**LISTS, "export": EXPORT, "serve": SERVE}
    commands_text = "\n".join(f"  {name:10}{text}" for name, text in commands.items())
    parser = _Parser(
        prog="grok-tui",
        description=_DESCRIPTION,
        epilog=f"commands:\n{commands_text}\n\nEvery field can also be set by GROK_TUI_<FIELD>"
        " in the environment or in a --config file.",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"grok-tui {__version__}")
    parser.add_argument("--preset", metavar="NAME", help="start from a preset")
    parser.add_argument("--config", metavar="FILE", type=Path, help="TOML file with fields")
    parser.add_argument(
        "--record", metavar="DIR", type=Path, help="train headless into a run directory"
    )
    parser.add_argument(
        "--resume",
        metavar="DIR",
        type=Path,
        help="go on with a run; headless if --record names the same DIR",
    )
    parser.add_argument(
        "--no-save", action="store_true", help="record nothing (only in the session)"
    )
    parser.add_argument("--theme", metavar="NAME", help="colours of the session")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")
    for group, names in groupby(FIELDS, key=group_of):
        section = parser.add_argument_group(group)
        for name in names:
            section.add_argument(flag(name), dest=name, metavar=_values(name), help=_help(name))
    return parser


def _values(name: str) -> str:
    """What a field takes: its choices, or its type."""
    if options := choices(name):
        return "{" + ",".join(options) + "}"
    return {int: "INT", float: "FLOAT"}.get(FIELDS[name].annotation, "NAME")  # type: ignore[arg-type]


def _help(name: str) -> str:
    field = FIELDS[name]
    kind = "live" if is_live(name) else "restart"
    values = ", ".join(filter(None, (f"default {written(field.default)}", bounds(name, "x"))))
    text = f"{field.description} ({values}; {kind})"
    return text.replace("%", "%%")

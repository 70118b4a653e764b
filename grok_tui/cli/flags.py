"""The command line: every config field as a flag, and the few flags beside them."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NoReturn

from grok_tui import __version__
from grok_tui.cli.commands import COMMANDS, load
from grok_tui.config.schema import FIELDS, bounds, choices, flag, group_of, is_live, written
from grok_tui.text import UserError

LISTS = {
    "presets": "list the presets",
    "devices": "list the devices, and which of them open here",
    "themes": "list the themes",
    "keys": "list the session's keys",
}

_DESCRIPTION = """\
Train a small transformer on modular arithmetic and watch it grok.

  grok-tui                              choose a preset, then watch it train
  grok-tui --preset quick               straight into that preset
  grok-tui --record DIR --preset nanda  headless: write the run directory DIR
  grok-tui --resume DIR                 go on in DIR from its newest checkpoint
  grok-tui --branch DIR --at STEP       another future of DIR from that step on
"""


class Parser(ArgumentParser):
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
    if arguments and arguments[0] in COMMANDS:
        options = load(arguments[0]).parse(arguments[1:])
        options.command = arguments[0]
        return options
    return parse_train(arguments)


def parse_train(arguments: Sequence[str]) -> Namespace:
    """The options of a call without a command."""
    options = _train_parser().parse_args(arguments)
    options.command = None
    options.fields = given_fields(options)
    return options


def given_fields(options: Namespace) -> dict[str, Any]:
    """The fields whose flags were given, as text."""
    given = {name: getattr(options, name) for name in FIELDS}
    return {name: value for name, value in given.items() if value is not None}


def add_config_flags(parser: ArgumentParser) -> None:
    """A preset, a file, and a flag for every field."""
    parser.add_argument("--preset", metavar="NAME", help="start from a preset")
    parser.add_argument("--config", metavar="FILE", type=Path, help="TOML file with fields")
    for group, names in groupby(FIELDS, key=group_of):
        section = parser.add_argument_group(group)
        for name in names:
            section.add_argument(flag(name), dest=name, metavar=_values(name), help=_help(name))


def _list_parser(command: str) -> ArgumentParser:
    parser = Parser(prog=f"grok-tui {command}", description=LISTS[command], allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _train_parser() -> ArgumentParser:
    commands = {**COMMANDS, **LISTS}
    commands_text = "\n".join(f"  {name:10}{text}" for name, text in commands.items())
    parser = Parser(
        prog="grok-tui",
        description=_DESCRIPTION,
        epilog=f"commands:\n{commands_text}\n\nEvery field can also be set by GROK_TUI_<FIELD>"
        " in the environment or in a --config file.",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"grok-tui {__version__}")
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
        "--branch",
        metavar="DIR",
        type=Path,
        help="a new run that begins as DIR was at a checkpoint; --record names its folder",
    )
    parser.add_argument(
        "--at", metavar="STEP", type=int, help="the checkpoint to branch from (the newest)"
    )
    parser.add_argument(
        "--no-save", action="store_true", help="record nothing (only in the session)"
    )
    parser.add_argument("--theme", metavar="NAME", help="colours of the session")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")
    add_config_flags(parser)
    return parser


def _values(name: str) -> str:
    """What a field takes: its choices, or its type."""
    if options := choices(name):
        return "{" + ",".join(options) + "}"
    return {int: "INT", float: "FLOAT"}.get(FIELDS[name].annotation, "TEXT")  # type: ignore[arg-type]


def _help(name: str) -> str:
    field = FIELDS[name]
    kind = "live" if is_live(name) else "restart"
    values = ", ".join(filter(None, (f"default {written(field.default)}", bounds(name, "x"))))
    text = f"{field.description} ({values}; {kind})"
    return text.replace("%", "%%")

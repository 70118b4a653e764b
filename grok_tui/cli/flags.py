"""Flags: a parser for each subcommand, and every config field as a flag."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NoReturn

from grok_tui.cli.main import COMMANDS
from grok_tui.config.schema import FIELDS, bounds, flag, group_of, is_live, written
from grok_tui.text import UserError


class Parser(ArgumentParser):
    """An argument parser that raises its errors as UserError."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message} (try {self.prog} --help)")


def command_parser(name: str, more: str = "") -> Parser:
    """The parser of a subcommand. more: help text that follows the summary."""
    about = COMMANDS[name].about
    description = f"{about[0].upper()}{about[1:]}. {more}".strip()
    return Parser(prog=f"grok-tui {name}", description=description, allow_abbrev=False)


def add_config_flags(parser: ArgumentParser) -> None:
    """Add `--preset`, `--config` and a flag for every config field."""
    parser.add_argument("--preset", metavar="NAME", help="start from a preset")
    parser.add_argument("--config", metavar="FILE", type=Path, help="TOML file with fields")
    for group, names in groupby(FIELDS, key=group_of):
        section = parser.add_argument_group(group)
        for name in names:
            section.add_argument(flag(name), dest=name, metavar=_values(name), help=_help(name))


def add_screen_flags(parser: ArgumentParser) -> None:
    """Add the flags that all commands with a screen share."""
    parser.add_argument("--theme", metavar="NAME", help="colors of the session")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")


def given_fields(options: Namespace) -> dict[str, Any]:
    """The config fields whose flags were given; values are still text."""
    given = {name: getattr(options, name) for name in FIELDS}
    return {name: value for name, value in given.items() if value is not None}


def count(text: str) -> int:
    """Parse a whole number of at least 1, for argparse's `type=`. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"must be a whole number of at least 1 (got {text!r})")
    return int(text)


def _values(name: str) -> str:
    """The values that a field takes: its choices, or its type."""
    from grok_tui.tasks.registry import choices  # loads NumPy, which lists do not need

    options: Sequence[str] = choices(name)
    if options:
        return "{" + ",".join(options) + "}"
    return {int: "INT", float: "FLOAT"}.get(FIELDS[name].annotation, "TEXT")  # type: ignore[arg-type]


def _help(name: str) -> str:
    field = FIELDS[name]
    kind = "live" if is_live(name) else "restart"
    values = ", ".join(filter(None, (f"default {written(field.default)}", bounds(name, "x"))))
    text = f"{field.description} ({values}; {kind})"
    return text.replace("%", "%%")

"""Flags: a parser for each subcommand, and every config field as a flag."""

from __future__ import annotations

import contextlib
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NoReturn

from grok_tui.cli.main import COMMANDS
from grok_tui.config.schema import FIELDS, bounds, flag, group_of, is_live, written
from grok_tui.text import UserError, did_you_mean, whole


class Parser(ArgumentParser):
    """An argument parser that raises its errors as UserError."""

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: None = None
    ) -> Namespace:
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}{self._hint(unknown[0])}")
        return options

    def _hint(self, word: str) -> str:
        if word in COMMANDS:
            return "; a command comes first"
        if not word.startswith("-"):
            return did_you_mean(word, COMMANDS)
        flags = [flag.lstrip("-") for flag in self._option_string_actions]
        return did_you_mean(word.lstrip("-").partition("=")[0], flags, "--")

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
    parser.add_argument("--config", metavar="FILE", type=path, help="TOML file with fields")
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


def integer(text: str) -> int:
    """Parse a whole number, for argparse's `type=`. Raises ArgumentTypeError."""
    try:
        return whole(text)
    except ValueError:
        raise ArgumentTypeError(f"must be a whole number (got {text!r})") from None


def count(text: str) -> int:
    """Parse a whole number of at least 1, for argparse's `type=`. Raises ArgumentTypeError."""
    with contextlib.suppress(ValueError):
        if (number := whole(text)) >= 1:
            return number
    raise ArgumentTypeError(f"must be a whole number of at least 1 (got {text!r})")


def path(text: str) -> Path:
    """Parse a path, for argparse's `type=`. Raises ArgumentTypeError if it is empty."""
    if not text:
        raise ArgumentTypeError("must name a file or a folder (got '')")
    return Path(text)


def one_of(names: Iterable[str]) -> Callable[[str], str]:
    """A parser of one of some names, for argparse's `type=`."""

    def parse(text: str) -> str:
        if text in names:
            return text
        raise ArgumentTypeError(
            f"must be one of {', '.join(names)} (got {text!r}){did_you_mean(text, names)}"
        )

    return parse


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

"""`grok-tui doctor`: why a run, or a config, does not grok."""

from __future__ import annotations

import shutil
import textwrap
from argparse import ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from grok_tui.cli.flags import add_config_flags, command_parser, given_fields, path
from grok_tui.cli.output import print_json
from grok_tui.config.presets import load_preset
from grok_tui.config.schema import build, flag, written
from grok_tui.config.sources import load_file, resolve
from grok_tui.tasks.registry import check
from grok_tui.text import UserError, number

if TYPE_CHECKING:
    from grok_tui.doctor import Case, Verdict

_WIDTH = 80


def parse(name: str, arguments: Sequence[str]) -> Namespace:
    """The options `run`, `metrics`, `json` and, for a config, `fields` and its sources."""
    parser = command_parser(
        name,
        "Examines the run in DIR; or the losses in FILE, with the fields that are given; or,"
        " with neither, a config before it is trained.",
    )
    parser.add_argument("run", metavar="DIR", type=path, nargs="?", help="a run directory")
    parser.add_argument(
        "--metrics",
        metavar="FILE",
        type=path,
        nargs="+",
        action="extend",
        help="losses as CSV, JSON or JSON lines, as loggers write them (docs/doctor.md)",
    )
    parser.add_argument(
        "--columns",
        metavar="NAME=COLUMN",
        type=_column,
        nargs="+",
        action="extend",
        default=[],
        help="a column of FILE for step, train_loss, test_loss, train_acc, test_acc or"
        " weight_norm, such as train_loss=loss; FILE:COLUMN if there are several files",
    )
    parser.add_argument(
        "--accuracy",
        choices=("percent", "share"),
        help="the unit of accuracies in FILE, where their values do not tell",
    )
    parser.add_argument(
        "--resumed",
        action="store_true",
        help="a step in FILE that goes back begins a resumed part of the run",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_config_flags(parser)
    options = parser.parse_args(arguments)
    options.fields = given_fields(options)
    return options


def run(options: Namespace) -> int:
    """Print what was understood of a file, and the verdicts, the most confident first."""
    from grok_tui.doctor import diagnose

    case, understood = _case(options)
    verdicts = diagnose(case)
    if options.json:
        said = {"understood": understood} if understood else {}
        print_json({**said, "verdicts": [verdict.to_dict() for verdict in verdicts]})
    else:
        lines = [textwrap.fill(understood, _width())] if understood else []
        print("\n\n".join([*lines, *map(_text, verdicts)]))
    return 0


def _column(text: str) -> tuple[str, str]:
    """A quantity and its column, for argparse's `type=`. Raises ArgumentTypeError."""
    from grok_tui.runs.importing.columns import AXIS, QUANTITIES

    quantity, _, column = text.partition("=")
    if quantity not in (AXIS, *QUANTITIES) or not column:
        names = ", ".join((AXIS, *QUANTITIES))
        raise ArgumentTypeError(f"must be NAME=COLUMN, where NAME is {names} (got {text!r})")
    return quantity, column


def _case(options: Namespace) -> tuple[Case, str]:
    """The case to examine: a run, losses or a config; and what was understood of losses.

    Raises UserError.
    """
    from grok_tui.doctor import Case

    how = options.columns or options.accuracy or options.resumed
    if how and not options.metrics:
        raise UserError("--columns, --accuracy and --resumed go with --metrics FILE")
    try:
        if options.run:
            if options.metrics or options.preset or options.config or options.fields:
                raise UserError("a run has its own config and metrics; give DIR alone")
            from grok_tui.runs.history import read_history

            return read_history(options.run).case(), ""
        if options.metrics:
            from grok_tui.runs.importing.losses import read_losses

            imported = read_losses(
                options.metrics,
                _known(options),
                dict(options.columns),
                accuracy=options.accuracy,
                resumed=options.resumed,
            )
            return imported.case, imported.understood
    except OSError as error:
        place = error.filename or options.run or options.metrics[0]
        raise UserError(f"cannot read {place}: {error.strerror}") from None
    config = resolve(options.fields, options.config, options.preset, check=check)
    return Case(config.model_dump(mode="json")), ""


def _known(options: Namespace) -> Mapping[str, Any]:
    """The fields that preset, file or flags set; defaults are left out."""
    fields = dict(load_preset(options.preset).fields) if options.preset else {}
    fields |= load_file(options.config) if options.config else {}
    fields |= options.fields
    config = check(build(fields)).model_dump(mode="json")
    return {name: config[name] for name in fields}


def _text(verdict: Verdict) -> str:
    return "\n".join(_lines(verdict, _width()))


def _width() -> int:
    return max(20, min(_WIDTH, shutil.get_terminal_size().columns))


def _lines(verdict: Verdict, width: int) -> Iterator[str]:
    yield f"{verdict.id}  {verdict.confidence:.0%}"
    evidence = ", ".join(f"{name} {_shown(value)}" for name, value in verdict.evidence.items())
    for label, text in (
        ("", verdict.reason),
        ("evidence: ", evidence),
        ("fix: ", _fix(verdict)),
    ):
        if text:
            yield textwrap.fill(
                f"{label}{text}",
                width,
                initial_indent="  ",
                subsequent_indent="    " if label else "  ",
                break_on_hyphens=False,
            )


def _fix(verdict: Verdict) -> str:
    """The flags to set, or the advice if there are none."""
    flags = (f"{flag(name)} {written(value)}" for name, value in verdict.changes.items())
    return " ".join(flags) or verdict.advice


def _shown(value: float | int | str) -> str:
    return number(value) if isinstance(value, float) else str(value)

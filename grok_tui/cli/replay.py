"""`grok-tui replay`: a recorded run on the session's screens."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from grok_tui.cli.flags import add_screen_flags, command_parser, integer, path
from grok_tui.cli.output import has_screen
from grok_tui.sources.launcher import replay_launcher
from grok_tui.sources.player import SPEEDS
from grok_tui.text import UserError
from grok_tui.tui.start import make_app, run_session


def parse(name: str, arguments: Sequence[str]) -> Namespace:
    """The options `run`, `at`, `speed`, `theme` and `ascii`. Raises UserError."""
    parser = command_parser(name)
    parser.add_argument("run", metavar="DIR", type=path, help="the run directory")
    parser.add_argument(
        "--at", metavar="STEP", type=integer, default=0, help="start at this step"
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, metavar="X",
        help=f"multiple of the run's own speed: {', '.join(f'{speed:g}' for speed in SPEEDS)}",
    )  # fmt: skip
    add_screen_flags(parser)
    options = parser.parse_args(arguments)
    if options.speed not in SPEEDS:
        speeds = ", ".join(f"{speed:g}" for speed in SPEEDS)
        raise UserError(f"--speed {options.speed:g} is not available; choose from {speeds}")
    return options


def run(options: Namespace) -> int:
    """Show the run until the user leaves."""
    instead = "export --to cast or svg writes a file"
    if not has_screen(instead):
        raise UserError(f"replay needs a terminal; {instead}")
    launcher = replay_launcher()
    first = launcher.replay(options.run, options.at, options.speed)
    app = make_app(launcher, first, options.theme, ascii_only=options.ascii)
    return run_session(launcher, app)

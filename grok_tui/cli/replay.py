"""`grok-tui replay`: a recorded run on the session's screens."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from grok_tui.cli.commands import COMMANDS
from grok_tui.cli.flags import Parser
from grok_tui.cli.train import has_screen
from grok_tui.sources.job import Job
from grok_tui.sources.player import SPEEDS
from grok_tui.text import UserError
from grok_tui.tui.start import Session, make_app, run_session


def parse(arguments: Sequence[str]) -> Namespace:
    """`run`, `at`, `speed`, `theme` and `ascii`."""
    parser = Parser(prog="grok-tui replay", description=COMMANDS["replay"], allow_abbrev=False)
    parser.add_argument("run", metavar="DIR", type=Path, help="the run directory")
    parser.add_argument("--at", metavar="STEP", type=int, default=0, help="begin at a step")
    parser.add_argument(
        "--speed", type=float, default=1.0, metavar="X",
        help=f"times as fast as it was: {', '.join(f'{speed:g}' for speed in SPEEDS)}",
    )  # fmt: skip
    parser.add_argument("--theme", metavar="NAME", help="colours of the session")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")
    options = parser.parse_args(arguments)
    if options.speed not in SPEEDS:
        raise UserError(f"--speed {options.speed:g} is none of the speeds; see replay --help")
    return options


def run(options: Namespace) -> int:
    """Show it until the user leaves."""
    if not has_screen():
        raise UserError("replay needs a terminal; export --to cast or svg writes a file")
    session = replay_session()
    first = session.replay(options.run, options.at, options.speed)
    app = make_app(session, first, options.theme, ascii_only=options.ascii)
    return run_session(session, app)


def replay_session() -> Session:
    """A session that begins with a recorded run; a branch of it is live, and saved."""
    return Session(_no_job, save=True)


def _no_job(preset: str) -> Job:
    """A replay opens no preset."""
    raise UserError(f"{preset} cannot be opened from a replay")

"""`grok-tui serve`: the session in a browser on this machine, by textual-serve."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from collections.abc import Sequence

from grok_tui.cli import train
from grok_tui.cli.flags import command_parser, integer
from grok_tui.text import UserError

HOST = "127.0.0.1"


def parse(name: str, arguments: Sequence[str]) -> Namespace:
    """The options `port`, `arguments` (of each session) and `session` (these, parsed)."""
    parser = command_parser(name, "Takes the options of a session as well (grok-tui --help).")
    parser.add_argument("--port", type=integer, default=8000, help="port (default: 8000)")
    options, rest = parser.parse_known_args(arguments)
    if not 0 < options.port < 65536:
        raise UserError(f"--port must be from 1 to 65535 (got {options.port})")
    session = train.parse("", rest)
    if session.record:
        raise UserError("serve shows a session; --record has no screen to show")
    return Namespace(port=options.port, arguments=rest, session=session)


def run(options: Namespace) -> int:
    """Serve until ctrl+c. Raises OSError if the port is taken."""
    try:
        from textual_serve.server import Server
    except ImportError:
        raise UserError("serve needs textual-serve: pip install 'grok-tui[serve]'") from None
    from rich.console import Console

    train.check_options(options.session)
    if not options.session.resume:  # report errors here rather than in a browser
        train.new_job(options.session, options.session.preset, None)
    command = shlex.join([sys.executable, "-m", "grok_tui", *options.arguments])
    server = Server(command, HOST, options.port, "grok-tui")
    server.console = Console(stderr=True)  # keep standard output for data
    server.serve()
    return 0

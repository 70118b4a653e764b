"""`grok-tui serve`: the session in a browser."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from grok_tui.cli.commands import COMMANDS
from grok_tui.cli.flags import Parser, parse_train
from grok_tui.cli.train import check, new_job
from grok_tui.text import UserError


def parse(arguments: Sequence[str]) -> Namespace:
    """`port`, and `arguments` that each session is started with: `session` once parsed."""
    parser = Parser(
        prog="grok-tui serve",
        description=f"{COMMANDS['serve']}. All options of grok-tui itself follow.",
        allow_abbrev=False,
    )
    parser.add_argument("--port", type=int, default=8000, help="where (default 8000)")
    options, rest = parser.parse_known_args(arguments)
    if not 0 < options.port < 65536:
        raise UserError(f"--port {options.port} is no port; there are 1 to 65535")
    session = parse_train(rest)
    if session.record:
        raise UserError("serve shows sessions; --record needs no screen")
    return Namespace(port=options.port, arguments=rest, session=session)


def run(options: Namespace) -> int:
    """Serve until ctrl+c."""
    try:
        from grok_tui.serve import serve
    except ImportError:
        raise UserError("serve needs textual-serve: pip install 'grok-tui[serve]'") from None
    check(options.session)
    if not options.session.resume:  # what is wrong is better said here than in a browser
        new_job(options.session, options.session.preset, None)
    return serve(options.arguments, options.port)

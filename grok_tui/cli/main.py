"""The `grok-tui` command: it reads the arguments and hands them to the command they name."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from grok_tui.cli.commands import load
from grok_tui.cli.flags import LISTS, parse
from grok_tui.text import UserError

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    try:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        if options.command in LISTS:
            from grok_tui.cli.lists import print_list

            print_list(options.command, as_json=options.json)
            return DONE
        return load(options.command or "train").run(options)
    except UserError as error:
        _say(f"error: {error}")
        return USAGE
    except BrokenPipeError:  # `grok-tui presets | head`
        sys.stderr.close()
        return DONE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _say(f"error: {place}{error.strerror or error}")
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED


def _say(text: str) -> None:
    print(f"grok-tui: {text}", file=sys.stderr)

"""`python -m grok_tui` is the `grok-tui` command."""

import sys

from grok_tui.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

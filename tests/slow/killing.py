"""Runs grok-tui, which kills itself at a writing call: `killing.py LIKE NUMBER MOMENT ...`.

LIKE, NUMBER and MOMENT select the call (see `faults.Calls`); the rest is the command line.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults import Calls

from grok_tui.cli.main import main

like, number, moment = sys.argv[1:4]


def strike() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


Calls(strike, range(int(number), int(number) + 1), moment, like).install(setattr)  # type: ignore[arg-type]
sys.exit(main(sys.argv[4:]))

"""Reading TOML files that people write."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file; raises OSError, or ValueError in one line if it is none."""
    try:
        return tomllib.loads(path.read_bytes().decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None

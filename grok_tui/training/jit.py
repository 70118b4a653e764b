"""tinygrad's jit, as everything here uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad import TinyJit


def recorded(function: Callable[..., Any]) -> Any:
    """A TinyJit that records in its first call.

    By itself it would run the function once before, for the sake of constants made there;
    here all are made before, and the work on the graph is not done twice.
    """
    jit: Any = TinyJit(function)
    jit.cnt = 1
    return jit

"""tinygrad's jit, as everything here uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad import TinyJit, Variable

from grok_tui.device.one_call import in_one_batch


def recorded(function: Callable[..., Any]) -> Any:
    """A TinyJit that records in its first call.

    By itself it would run the function once before, for the sake of constants made there;
    here all are made before, and the work on the graph is not done twice.
    """
    jit: Any = TinyJit(function)
    jit.cnt = 1
    return jit


class Recorded:
    """A function of variables alone, recorded in its first call.

    TinyJit looks for tensors among the arguments of every call, which takes as long as some
    kernels of a small step; here are none.
    """

    def __init__(self, function: Callable[..., Any], *variables: Variable) -> None:
        """function: is given its variables bound, in order."""
        self._jit = recorded(function)
        self._variables = variables
        self._bounds = [(v.expr, v.vmin, v.vmax) for v in variables]

    @property
    def calls(self) -> list[Any]:
        """What tinygrad does for one call of it, once it is recorded."""
        return list(self._jit.captured.linear.src)

    def __call__(self, *values: int) -> Any:
        """values: of the variables. Returns what the function does, in the same buffers."""
        if self._jit.captured is None:  # or the environment's JIT=0
            bound = [v.bind(x) for v, x in zip(self._variables, values, strict=True)]
            with in_one_batch():
                return self._jit(*bound)
        named = {}
        for (name, least, most), value in zip(self._bounds, values, strict=True):
            if not least <= value <= most:
                raise ValueError(f"{name} must be from {least} to {most} (got {value})")
            named[name] = value
        return self._jit.captured([], named)

"""tinygrad's JIT, set up as this program uses it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad import TinyJit, Variable

from grok_tui.device.one_call import in_one_batch


def recorded(function: Callable[..., Any]) -> Any:
    """A TinyJit that records in its first call.

    Normally it first runs the function once without recording, to create constants. Here all
    constants exist already, and skipping that run saves scheduling the graph twice.
    """
    jit: Any = TinyJit(function)
    jit.cnt = 1
    return jit


class Recorded:
    """A function of variables alone, recorded in its first call.

    It bypasses TinyJit's search for tensors in the arguments of every call, which takes as long
    as some kernels of a small step.
    """

    def __init__(self, function: Callable[..., Any], *variables: Variable) -> None:
        """function: takes the variables, bound, in order."""
        self._jit = recorded(function)
        self._variables = variables
        self._bounds = [(v.expr, v.vmin, v.vmax) for v in variables]

    @property
    def calls(self) -> list[Any]:
        """The calls that tinygrad makes to run the recorded function once."""
        return list(self._jit.captured.linear.src)

    def __call__(self, *values: int) -> Any:
        """Run the function with the variables set to `values`, in order.

        Returns its result, in the same buffers every time. Raises ValueError for a value out
        of bounds.
        """
        if self._jit.captured is None:  # not recorded yet, or never with JIT=0
            bound = [v.bind(x) for v, x in zip(self._variables, values, strict=True)]
            with in_one_batch():
                return self._jit(*bound)
        named = {}
        for (name, least, most), value in zip(self._bounds, values, strict=True):
            if not least <= value <= most:
                raise ValueError(f"{name} must be from {least} to {most} (got {value})")
            named[name] = value
        return self._jit.captured([], named)

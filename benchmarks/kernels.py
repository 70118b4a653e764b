"""Times the kernels of the jitted training step, and its products alone."""

from __future__ import annotations

import ctypes
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from tinygrad import Device
from tinygrad.engine.realize import ExecContext, get_call_name, pm_exec
from tinygrad.helpers import ansistrip
from tinygrad.uop.ops import Ops

from grok_tui.device.openblas import openblas
from grok_tui.protocol.results import FloatArray
from grok_tui.training.network import Network

_PRODUCT = re.compile(r"sgemm_([NT])([NT])_(\d+)_(\d+)_(\d+)")
# CBLAS's constants for row-major order and for plain and transposed operands.
_ROW_MAJOR = 101
_TRANSPOSE = {"N": 111, "T": 112}
_INT, _FLOAT, _POINTER = ctypes.c_int, ctypes.c_float, ctypes.c_void_p
_SGEMM = ctypes.CFUNCTYPE(
    None,
    *(_INT, _INT, _INT, _INT, _INT, _INT, _FLOAT),
    *(_POINTER, _INT, _POINTER, _INT, _FLOAT, _POINTER, _INT),
)


@dataclass(frozen=True, slots=True)
class Kernel:
    """All calls of one name in a training step. seconds: sum of medians; share: of the step."""

    name: str
    calls: int
    seconds: float
    share: float


def step_calls(network: Network) -> list[Any]:
    """The kernel calls of one training step, in order; the network must be compiled."""
    (train_step,) = network._train_steps.values()
    return [kernel for call in train_step.calls for kernel in _kernel_calls(call)]


def _kernel_calls(call: Any) -> Iterable[Any]:
    """The calls in a tinygrad graph; any other call itself."""
    program = call.src[0]
    is_graph = program.op is Ops.CUSTOM_FUNCTION and program.arg == "graph"
    return program.src[0].src if is_graph else (call,)


def call_name(call: Any) -> str:
    return str(ansistrip(get_call_name(call, call.src[1:])))


def step_kernels(network: Network, device: str, rounds: int) -> list[Kernel]:
    """Every kernel of the training step, slowest first. This trains the network further."""
    # The first row of the schedule; these are real updates.
    context = ExecContext({"slot": 0}, jit=True)
    calls = step_calls(network)
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, seconds in zip(calls, times, strict=True):
            started = time.perf_counter()
            pm_exec.rewrite(call, context)
            Device[device].synchronize()
            seconds.append(time.perf_counter() - started)
    by_name: defaultdict[str, list[float]] = defaultdict(list)
    for call, seconds in zip(calls, times, strict=True):
        by_name[call_name(call)].append(statistics.median(seconds))
    total = sum(map(sum, by_name.values()))
    kernels = [Kernel(n, len(s), sum(s), sum(s) / total) for n, s in by_name.items()]
    return sorted(kernels, key=lambda kernel: -kernel.seconds)


class BareProducts:
    """The products of a training step and nothing else, one OpenBLAS call each."""

    def __init__(self, names: Iterable[str]) -> None:
        """names: of the step's kernels. Raises LookupError if none is a product."""
        library = openblas()
        assert library is not None
        address = ctypes.cast(library.scipy_cblas_sgemm, ctypes.c_void_p).value
        assert address is not None
        self._sgemm = _SGEMM(address)
        self._operands: list[FloatArray] = []  # keeps alive what the arguments point to
        self._arguments = [
            self._prepared(*match.groups()) for name in names if (match := _PRODUCT.match(name))
        ]
        if not self._arguments:
            raise LookupError("the training step has no product of OpenBLAS's")

    @property
    def count(self) -> int:
        return len(self._arguments)

    def __call__(self) -> None:
        for arguments in self._arguments:
            self._sgemm(*arguments)

    def _prepared(self, ta: str, tb: str, *sizes: str) -> tuple[int | float, ...]:
        m, n, k = map(int, sizes)
        rng = np.random.default_rng(0)
        a, b = (rng.standard_normal(s).astype(np.float32) for s in (m * k, k * n))
        c = np.zeros(m * n, dtype=np.float32)
        self._operands += [a, b, c]
        lda, ldb = (m if ta == "T" else k), (k if tb == "T" else n)
        head = (_ROW_MAJOR, _TRANSPOSE[ta], _TRANSPOSE[tb], m, n, k, 1.0)
        return (*head, a.ctypes.data, lda, b.ctypes.data, ldb, 0.0, c.ctypes.data, n)

"""A jitted step on the CPU device as one call to C, which runs a table of its kernels.

tinygrad 0.14 calls every kernel of a captured step from Python, at 40 us each: nearly all the
time of a small step. A device can have a graph class instead, as CUDA and Metal do in
tinygrad's `runtime/graph`; this is one for the CPU. Kernels, order and memory stay the same,
so the results are bit for bit the same, too.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad import Device
from tinygrad.device import TinyELF
from tinygrad.engine.jit import GraphRunner
from tinygrad.engine.realize import get_call_arg_uops
from tinygrad.helpers import DEBUG, PROFILE, Context
from tinygrad.uop.ops import Ops, UOp

from grok_tui.device.c_calls import runs_c

# 64-bit words in a row of the table: a kernel's address and up to 63 arguments. Shorter rows
# are not measurably faster.
_ROW = 64
# A kernel that is divided among cores has this variable, and a row for each of its values.
_CORE = "core_id"
_Runner = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint64)


def install(device: str) -> None:
    """Make the CPU device run captured kernels in one call, if its kernels are C."""
    if not runs_c(device):
        return
    # Fails without a working compiler; the kernels may still come from tinygrad's cache.
    with contextlib.suppress(Exception):
        load_runner()
        Device["CPU"].graph = OneCall


def in_one_batch() -> contextlib.AbstractContextManager[Any]:
    """Within it, kernels captured on the CPU become one call, however many there are.

    On other devices, or if the environment sets JIT_BATCH_SIZE, tinygrad's batches stay.
    """
    one = Device[Device.DEFAULT].graph is OneCall and "JIT_BATCH_SIZE" not in os.environ
    return Context(JIT_BATCH_SIZE=0) if one else contextlib.nullcontext()


class OneCall(GraphRunner):  # type: ignore[misc]  # mypy knows no types of tinygrad's
    """The captured kernels of the CPU device, in order.

    It keeps its programs and its own buffers alive. Of the inputs, which come with every call,
    it keeps only the addresses.
    """

    def __init__(self, linear: UOp, input_uops: Sequence[UOp] = ()) -> None:
        super().__init__(linear, input_uops)
        programs = [program.arg for _, program, _, _ in self.calls]
        n_rows = sum(program.global_size[0] for program in programs)
        self._table = (ctypes.c_uint64 * (n_rows * _ROW))()
        self._variables: list[tuple[int, str]] = []  # each with the word that holds it
        # For each buffer or input (by its number), the words that hold its address, and the
        # offset added there.
        pointers: defaultdict[Any, list[tuple[int, int]]] = defaultdict(list)
        first = 0
        for i, program in enumerate(programs):
            arguments = self._arguments(i, input_uops)
            for core in range(program.global_size[0]):
                self._table[first] = self.runtimes[i].addr
                for word, argument in enumerate(program.globals, first + 1):
                    memory, offset = arguments[argument]
                    pointers[memory].append((word, offset))
                after = first + 1 + len(program.globals)
                for word, variable in enumerate(program.vars, after):
                    if variable.expr == _CORE:
                        self._table[word] = core
                    else:
                        self._variables.append((word, variable.expr))
                first += _ROW
        self._inputs = [memory for memory in pointers if isinstance(memory, int)]
        self._buffers = [memory for memory in pointers if not isinstance(memory, int)]
        self._pointers = [pointers[memory] for memory in (*self._buffers, *self._inputs)]
        self._addresses: list[int | None] = [None] * len(self._pointers)
        self._program = load_runner()
        self._run = _Runner(self._program.addr)
        self.calls.clear()  # they would keep the first call's inputs alive

    def __call__(
        self, input_uops: Sequence[UOp], var_vals: Mapping[str, int], *, wait: bool = False
    ) -> float | None:
        """Run the kernels; returns the seconds that they took if `wait` is set."""
        buffers = [*self._buffers, *(input_uops[i].buffer for i in self._inputs)]
        addresses = [buffer.get_buf("CPU").va_addr for buffer in buffers]
        if addresses != self._addresses:
            self._point_to(addresses)
        for word, name in self._variables:
            self._table[word] = var_vals[name]
        started = time.perf_counter()
        self._run(self._table, len(self._table))  # releases Python's global lock
        return time.perf_counter() - started if wait else None

    @staticmethod
    def supports_uop(batch_devs: Sequence[Any], new_call: UOp) -> bool:
        """Whether the table can hold a call; none while tinygrad times every kernel."""
        if DEBUG >= 2 or PROFILE or not GraphRunner.supports_uop(batch_devs, new_call):
            return False
        program = new_call.src[0].arg
        return (
            program.target.renderer != "LVP"  # its kernels take one argument, a struct
            and isinstance(program.global_size[0], int)
            and 1 + len(program.globals) + len(program.vars) <= _ROW
            and all(_is_memory(argument) for argument in get_call_arg_uops(new_call))
        )

    def _arguments(self, i: int, input_uops: Sequence[UOp]) -> list[tuple[Any, int]]:
        """For each argument of a call, its buffer or the number of its input, and an offset."""
        arguments: list[tuple[Any, int]] = []
        uops = get_call_arg_uops(self.linear.src[i])
        for uop, buffer in zip(uops, self.calls[i][2], strict=True):
            if (param := _param(uop)) is None:
                arguments.append((buffer.base, buffer.offset))
            else:
                slot = param.arg.slot
                arguments.append((slot, buffer.offset - input_uops[slot].buffer.offset))
        return arguments

    def _point_to(self, addresses: Sequence[int]) -> None:
        """Point the table to the current addresses."""
        for i, (address, old) in enumerate(zip(addresses, self._addresses, strict=True)):
            if address != old:
                self._addresses[i] = None  # an interrupt may leave this half done
                for word, offset in self._pointers[i]:
                    self._table[word] = address + offset
                self._addresses[i] = address


def _param(argument: UOp) -> UOp | None:
    """The input that an argument is or is part of, None if there is none."""
    inner = argument.src[0] if argument.op is Ops.SHRINK else argument
    return inner if inner.op is Ops.PARAM else None


def _is_memory(argument: UOp) -> bool:
    """Whether an argument is an input or part of one, or does not depend on any."""
    return _param(argument) is not None or all(
        uop.op is not Ops.PARAM for uop in argument.toposort()
    )


@functools.cache
def load_runner() -> Any:
    """The C function that runs a table, compiled and loaded.

    Every kernel gets all arguments of its row. The extra ones are in registers that it may
    overwrite, or on the stack above its own, where they are harmless on every platform.
    """
    device, name = Device["CPU"], "run_down_table"
    words = range(1, _ROW)
    source = f"""
typedef unsigned long long word;
typedef void (*kernel)({", ".join("word" for _ in words)});
void {name}(word* table, word words) {{
  for (word* row = table; row < table + words; row += {_ROW})
    ((kernel)row[0])({", ".join(f"row[{i}]" for i in words)});
}}
"""
    library = device.compiler.compile_cached(source)
    return device.runtime(TinyELF(library, name, device.renderer.target, ()))

"""C functions as kernels inside tinygrad's graph, on its CPU device.

tinygrad 0.14 generates CPU kernels for one core and without blocking. Where hand-written loops
are ten times faster, the step calls C. tinygrad compiles, caches, schedules and replays such a
kernel like its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any

from tinygrad import Device, Tensor, dtypes
from tinygrad.renderer import Estimates
from tinygrad.renderer.cstyle import ClangRenderer
from tinygrad.uop.ops import KernelInfo, Ops, ProgramInfo, UOp

Gradient = Callable[[UOp, UOp], tuple[UOp | None, ...]]


def is_cpu(device: str) -> bool:
    return device.split(":", maxsplit=1)[0] == "CPU"


def runs_c(device: str) -> bool:
    """Whether kernels on `device` can be written in C."""
    return is_cpu(device) and isinstance(Device["CPU"].renderer, ClangRenderer)


def empty(*shape: int) -> UOp:
    """A float32 buffer for a kernel to write."""
    return Tensor.empty(*shape, dtype=dtypes.float32, device="CPU").uop


def call(
    name: str,
    source: str,
    outs: Sequence[UOp],
    ins: Sequence[UOp],
    *,
    operations: int,
    gradient: Gradient | None = None,
) -> list[UOp]:
    """Call the C function `name` of `source`, which fills `outs`; returns them, filled.

    The function takes a pointer to each of `outs`, then to each of `ins`. operations: number
    of its floating-point operations, for tinygrad's statistics. gradient: takes the gradient
    of the first of `outs` and the call, whose src[1:] are outs and ins; returns a gradient (or
    None) for each of these.
    """
    program = functools.partial(_program, name, source, len(outs), operations)
    filled = UOp.custom_kernel(*outs, *ins, fxn=program, grad_fxn=gradient)
    return list(filled[: len(outs)])


@functools.cache
def source(file: str, **constants: int) -> str:
    """The C source in kernels/`file`, with each of `constants` defined as a macro."""
    folder = resources.files("grok_tui.device").joinpath("kernels")
    defines = [f"#define {name} {value}\n" for name, value in constants.items()]
    texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in ("vector.h", file)]
    return "".join(defines + texts)


def _program(name: str, source: str, n_outs: int, operations: int, *buffers: UOp) -> UOp:
    """The program of a call; tinygrad only has to compile it."""
    bases = tuple(b.base for b in buffers)
    moved = sum(int(b.numel()) * b.dtype.itemsize for b in bases)
    estimates: Any = Estimates(ops=operations, lds=moved, mem=moved)
    sink = UOp.sink(*bases, arg=KernelInfo(name, estimates=estimates))
    info = ProgramInfo(
        name=name,
        globals=tuple(range(len(bases))),
        outs=tuple(range(n_outs)),
        ins=tuple(range(n_outs, len(bases))),
        global_size=(1, 1, 1),
        local_size=None,
        target=Device["CPU"].renderer.target,
    )
    linear = UOp(Ops.LINEAR, src=(*sink.src, sink))
    return UOp(Ops.PROGRAM, src=(sink, linear, UOp(Ops.SOURCE, arg=source)), arg=info)

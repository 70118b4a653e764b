"""Lowers the jitted step and evaluation to Metal source without a Mac; prints a report.

A separate program, since the environment must choose the device before tinygrad is imported.
The compiler, which only a Mac has, is replaced by one that keeps the source. The recorded
calls are then replayed as in training, with kernels that do nothing.
"""

from __future__ import annotations

import json
import os
import re
import sys
import types

os.environ |= {"DEV": "NULL:METAL:Apple9", "PARALLEL": "0", "NULL_ALLOW_COPYOUT": "1"}

from tinygrad import Device
from tinygrad.device import Compiler

sources: list[str] = []


class MetalCompiler(Compiler):
    """Returns the source as the binary."""

    def __init__(self) -> None:
        super().__init__(None)

    def compile(self, src: str) -> bytes:
        sources.append(src)
        return src.encode()


stand_in = types.ModuleType("tinygrad.runtime.ops_metal")
stand_in.MetalCompiler = MetalCompiler  # type: ignore[attr-defined]
sys.modules[stand_in.__name__] = stand_in

from grok_tui.config.schema import Config
from grok_tui.training.network import Network, Start


def main(replicas: int, fields: str) -> None:
    config = Config(**json.loads(fields))
    network = Network([Start.of(config)] * replicas)
    for _ in network.compile():
        pass
    for _ in range(2):  # as up to an evaluated step, and up to a checkpoint
        network.train([config] * replicas, 2, look=True)
        network.evaluate()
        for kind in ("first_moment", "second_moment", "gradient_mean"):
            network.copies(kind)
    heads = [
        re.search(r"kernel void (\w+)\((.*?)\)\s*{", source, re.DOTALL) for source in sources
    ]
    report = {
        "renderer": type(Device[Device.DEFAULT].renderer).__name__,
        "kernels": len(sources),
        "unnamed": heads.count(None),
        "tensor_core": sum("simdgroup_multiply" in source for source in sources),
        "double": [source for source in sources if re.search(r"\bdouble\b", source)],
        "buffers": max(len(re.findall(r"\bdevice\b", h[2])) for h in heads if h),
    }
    print(json.dumps(report))


main(int(sys.argv[1]), sys.argv[2])

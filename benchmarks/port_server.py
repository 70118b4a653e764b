"""The process of the PyTorch port, which `port_client.py` starts and talks to.

In one process, two CUDA contexts or two thread pools would interfere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection

import torch

from benchmarks.port_client import Request
from benchmarks.pytorch_port import GraphedPort, Port
from benchmarks.rounds import turn
from grok_tui.device.openblas import usable_cores


def main(descriptor: int) -> None:
    """Answer requests until the pipe closes."""
    connection = Connection(descriptor)
    start = connection.recv()
    torch.set_num_threads(usable_cores())
    ports = {"eager": Port(start.config, start.weights, start.kind)}
    if start.kind == "cuda":
        ports["graphed"] = GraphedPort(start.config, start.weights)
    connection.send(list(ports))
    while True:
        try:
            request: Request = connection.recv()
        except EOFError:
            return
        call = _call(ports[request.port], request)
        connection.send(turn(call, request.calls) if request.calls else call())


def _call(port: Port, request: Request) -> Callable[[], object]:
    match request.what:
        case "train":
            return partial(port.train, request.steps)
        case "evaluate":
            return port.evaluate
        case "evaluate test":
            return port.evaluate_test


if __name__ == "__main__":
    main(int(sys.argv[1]))

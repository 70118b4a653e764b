"""Arrays of the shapes of all weights, copied to the host in one transfer.

A transfer of its own for each would take longer than a training step of a GPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from tinygrad import Tensor

from grok_tui.protocol.events import FloatArray
from grok_tui.training.jit import recorded


class Copies:
    """shapes: of the arrays by name, without the leading axis of replicas."""

    def __init__(self, shapes: Mapping[str, tuple[int, int]]) -> None:
        self._shapes = shapes
        self._cuts = np.cumsum([rows * columns for rows, columns in shapes.values()])[:-1]
        self._joined = recorded(_joined)

    def of(self, tensors: Iterable[Tensor]) -> list[dict[str, FloatArray]]:
        """Of each replica the arrays by name; tensors: (replicas, rows, columns), in order."""
        joined = self._joined(*tensors).numpy().copy()
        return [self._by_name(replica) for replica in joined]

    def _by_name(self, joined: FloatArray) -> dict[str, FloatArray]:
        parts = np.split(joined, self._cuts)
        named = zip(self._shapes.items(), parts, strict=True)
        return {name: part.reshape(shape) for (name, shape), part in named}


def _joined(*tensors: Tensor) -> Tensor:
    """(replicas, elements of all)."""
    return Tensor.cat(*(tensor.flatten(1) for tensor in tensors), dim=1).contiguous().realize()

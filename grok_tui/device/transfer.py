"""Reading and writing tensors from the host; on the CPU device directly in their memory.

There, tinygrad's way takes longer than a step of a small model: it builds a graph each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tinygrad import Device, Tensor

from grok_tui.device.c_calls import is_cpu
from grok_tui.device.jit import recorded


def read(*tensors: Tensor) -> list[NDArray[Any]]:
    """Copies of the tensors' elements. tensors: at least one, realized, all on one device."""
    device = str(tensors[0].device)
    if not is_cpu(device):
        return [tensor.numpy().copy() for tensor in tensors]
    contiguous = [x if _is_whole(x) else x.contiguous().realize() for x in tensors]
    Device[device].synchronize()
    return [_elements(tensor).copy() for tensor in contiguous]


def write(tensor: Tensor, array: NDArray[Any]) -> None:
    """Set the elements of a realized tensor to those of an array of its shape and type.

    On the CPU device, raises ValueError if shape or type differ.
    """
    device = str(tensor.device)
    if not is_cpu(device) or not _is_whole(tensor):
        tensor.assign(Tensor(array)).realize()
        return
    Device[device].synchronize()
    elements = _elements(tensor)
    if (elements.shape, elements.dtype) != (array.shape, array.dtype):
        wanted, got = (f"{x.dtype}{list(x.shape)}" for x in (elements, array))
        raise ValueError(f"cannot write {got} into a tensor of {wanted}")
    elements[:] = array


def _is_whole(tensor: Tensor) -> bool:
    """Whether a tensor covers all of its buffer, in the buffer's order."""
    return bool(tensor.uop.has_buffer_identity())


def _elements(tensor: Tensor) -> NDArray[Any]:
    """The memory, on the CPU device, of a tensor that covers all of its buffer."""
    buffer = tensor.uop.buffer.ensure_allocated()
    memory = buffer.as_memoryview(force_zero_copy=True, no_sync=True)
    return np.frombuffer(memory, dtype=tensor.dtype.fmt).reshape(tensor.shape)


class HostCopies:
    """Copies arrays with the shapes of all weights to the host in one transfer.

    One transfer per array would take longer than a training step on a GPU.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, int]]) -> None:
        """shapes: of the arrays, by name, without the leading axis of replicas."""
        self._shapes = shapes
        self._cuts = np.cumsum([rows * columns for rows, columns in shapes.values()])[:-1]
        self._joined = recorded(_joined)

    def of(self, tensors: Iterable[Tensor]) -> list[dict[str, NDArray[np.float32]]]:
        """The arrays of each replica, by name. tensors: (replicas, rows, columns), in order."""
        tensors = list(tensors)
        if is_cpu(str(tensors[0].device)):  # their memory is the host's
            replicas = zip(*read(*tensors), strict=True)
            return [dict(zip(self._shapes, replica, strict=True)) for replica in replicas]
        (joined,) = read(self._joined(*tensors))
        return [self._by_name(replica) for replica in joined]

    def _by_name(self, joined: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        parts = np.split(joined, self._cuts)
        named = zip(self._shapes.items(), parts, strict=True)
        return {name: part.reshape(shape) for (name, shape), part in named}


def _joined(*tensors: Tensor) -> Tensor:
    """All tensors side by side: (replicas, total elements)."""
    return Tensor.cat(*(tensor.flatten(1) for tensor in tensors), dim=1).contiguous().realize()

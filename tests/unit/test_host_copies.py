"""Copies of many tensors on the host."""

from __future__ import annotations

import numpy as np
import pytest
from tinygrad import Tensor

from grok_tui.device import transfer
from grok_tui.device.transfer import HostCopies

pytestmark = pytest.mark.usefixtures("cpu")

SHAPES = {"W_E": (6, 4), "W_pos": (3, 4), "W_U": (4, 5)}


@pytest.mark.parametrize("device", ["CPU", "another"])
def test_each_replica_gets_its_arrays_by_name(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if device == "another":
        monkeypatch.setattr(transfer, "is_cpu", lambda device: False)
    copies = HostCopies(SHAPES)
    rng = np.random.default_rng(0)
    for _ in range(3):  # the first call records, and the others replay with other tensors
        arrays = [rng.standard_normal((2, *shape)).astype("f4") for shape in SHAPES.values()]
        found = copies.of(Tensor(array).realize() for array in arrays)
        assert [list(names) for names in found] == [list(SHAPES)] * 2
        for name, array in zip(SHAPES, arrays, strict=True):
            for i in range(2):
                np.testing.assert_array_equal(found[i][name], array[i])


def test_a_copy_stays_as_it_is_when_its_tensors_are_written() -> None:
    copies = HostCopies({"W_E": (2, 2)})
    tensor = Tensor(np.ones((1, 2, 2), dtype=np.float32)).clone().realize()
    (before,) = copies.of([tensor])
    tensor.assign(tensor * 5).realize()
    (after,) = copies.of([tensor])
    assert before["W_E"].tolist() == [[1, 1], [1, 1]]
    assert after["W_E"].tolist() == [[5, 5], [5, 5]]

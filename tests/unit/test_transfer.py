"""Reading and writing tensors, in place and in tinygrad's own way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tinygrad import Tensor, dtypes

from grok_tui.device import transfer
from grok_tui.device.transfer import read, write

pytestmark = pytest.mark.usefixtures("cpu")


@pytest.fixture(params=["in place", "by tinygrad"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """As on the CPU, or as on every other device."""
    if request.param == "by tinygrad":
        monkeypatch.setattr(transfer, "is_cpu", lambda device: False)
    return str(request.param)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.int32, np.uint64])
def test_reading_gives_the_content_of_the_tensor(dtype: Any) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    (found,) = read(Tensor(array).clone().realize())
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, array)


def test_several_tensors_at_once_and_views_of_them() -> None:
    tensor = Tensor(np.arange(12, dtype=np.float32).reshape(3, 4)).clone().realize()
    whole, part, turned, flat = read(tensor, tensor[1], tensor.permute(1, 0), tensor.flatten())
    expected = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_array_equal(whole, expected)
    np.testing.assert_array_equal(part, expected[1])
    np.testing.assert_array_equal(turned, expected.T)
    np.testing.assert_array_equal(flat, expected.ravel())


def test_arrays_that_were_read_are_independent_copies() -> None:
    tensor = Tensor.zeros(3).contiguous().realize()
    (before,) = read(tensor)
    tensor.assign(tensor + 1).realize()
    np.testing.assert_array_equal(before, 0)
    before[:] = 7
    (after,) = read(tensor)
    np.testing.assert_array_equal(after, 1)


def test_kernels_see_written_values() -> None:
    tensor = Tensor.zeros(2, 3).contiguous().realize()
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    write(tensor, array)
    array += 1  # the tensor does not share its memory
    np.testing.assert_array_equal((tensor * 2).numpy(), [[0, 2, 4], [6, 8, 10]])


def test_a_view_is_written_into_its_tensor() -> None:
    tensor = Tensor.zeros(2, 3).contiguous().realize()
    write(tensor[1:2], np.array([[1, 2, 3]], dtype=np.float32))
    np.testing.assert_array_equal(tensor.numpy(), [[0, 0, 0], [1, 2, 3]])


def test_an_array_of_another_shape_or_type_is_refused(way: str) -> None:
    tensor = Tensor.zeros(2, 3, dtype=dtypes.float32).contiguous().realize()
    for array in (np.ones((3, 2), np.float32), np.ones((2, 3), np.float64)):
        # tinygrad refuses each with a different error
        with pytest.raises((ValueError, RuntimeError, AssertionError)) as caught:
            write(tensor, array)
        if way == "in place":
            assert "into a tensor of float32[2, 3]" in str(caught.value)
    np.testing.assert_array_equal(tensor.numpy(), 0)

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def cpu() -> str:
    """tinygrad's CPU device, opened with a C compiler; what uses tensors must ask for it."""
    from grok_tui.core.device import open_device

    return open_device("CPU")

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def cpu() -> str:
    """tinygrad's CPU device, opened with a C compiler; what uses tensors must ask for it."""
    from grok_tui.core.device import open_device

    return open_device("CPU")


@pytest.fixture(params=["in C", "by tinygrad"])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who writes the kernels: as on the CPU, or as everywhere else."""
    from grok_tui.core import native

    if request.param == "by tinygrad":
        monkeypatch.setattr(native, "runs_c", lambda device: False)

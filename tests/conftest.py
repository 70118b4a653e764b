from __future__ import annotations

import pytest

from grok_tui.device.environment import prepare_environment

prepare_environment()  # before any test module imports tinygrad, which reads it


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move tests at further sizes of the terminal to the slow suite."""
    for item in items:
        parameters = getattr(item, "callspec", None)
        if parameters is not None and parameters.indices.get("size", 0) > 0:
            item.add_marker(pytest.mark.slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many fuzz cases were tried, by kind."""
    passed = terminalreporter.stats.get("passed", [])
    told = dict(told for report in passed for told in report.user_properties)
    counts = {
        n.removeprefix("garbage "): x for n, x in told.items() if n.startswith("garbage ")
    }
    if counts:
        kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        terminalreporter.write_line(f"harmless: {sum(counts.values())} cases: {kinds}")


@pytest.fixture(scope="session")
def cpu() -> str:
    """tinygrad's CPU device, opened with a C compiler; required by all tests with tensors."""
    from grok_tui.device.open import open_device

    return open_device("CPU")


@pytest.fixture(params=["in C", pytest.param("by tinygrad", marks=pytest.mark.slow)])
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels in C, as on the CPU, or by tinygrad, as on every other device."""
    from grok_tui.device import c_calls

    if request.param == "by tinygrad":
        monkeypatch.setattr(c_calls, "runs_c", lambda device: False)

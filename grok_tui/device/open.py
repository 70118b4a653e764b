"""Opening a tinygrad device."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grok_tui.device.environment import (
    PREFIX,
    cache_folder,
    compiler_problem,
    passed_on,
    prepare_environment,
)
from grok_tui.text import UserError

if TYPE_CHECKING:
    from grok_tui.device.kernel_cache import KernelCache

# The devices that `auto` tries, best first, with a description of each. CPU comes last.
DEVICES = {
    "METAL": "Apple GPU",
    "CUDA": "NVIDIA GPU through the CUDA driver",
    "NV": "NVIDIA GPU without the CUDA driver",
    "AMD": "AMD GPU",
    "CL": "OpenCL device",
    "CPU": "processor",
}


class DeviceError(UserError):
    """The requested device does not open, or none does; the message says what to do."""


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """Whether a device opens. problem: empty if it does, else tinygrad's reason in one line."""

    name: str
    description: str
    problem: str


def open_device(name: str) -> str:
    """Open the device `name`, or for `auto` the best that opens, and make it the default.

    Returns tinygrad's name for it. Raises DeviceError. Call it before creating any tensor.
    """
    disk = _load()
    from tinygrad.helpers import DEV

    from grok_tui.device import one_call, program_cache
    from grok_tui.device.c_calls import is_cpu

    reports = []
    for candidate in [name] if name != "auto" else DEVICES:
        report = _try(candidate)
        if not report.problem:
            DEV.value = candidate
            if is_cpu(candidate):
                program_cache.install(disk)
                one_call.install(candidate)
            return candidate
        reports.append(report)
    raise DeviceError(_explain(name, reports))


def survey() -> Iterator[DeviceReport]:
    """Try to open every device that `auto` considers, best first. Raises DeviceError."""
    _load()
    yield from (_try(name) for name in DEVICES)


def _load() -> KernelCache:
    """Import tinygrad with its environment and its cache. Raises DeviceError."""
    prepare_environment()
    try:
        from grok_tui.device.kernel_cache import install
    except ValueError as error:
        variables = ", ".join(f"{PREFIX}{name}={value}" for name, value in passed_on().items())
        if not variables:
            raise
        raise DeviceError(f"tinygrad does not take {variables}: {error}") from None
    return install(cache_folder() / "kernels")


def _try(name: str) -> DeviceReport:
    from tinygrad import Device

    try:
        Device[name]
        problem = ""
    except subprocess.CalledProcessError as error:
        problem = f"{error.cmd[0]} fails with exit code {error.returncode}"
    except Exception as error:  # noqa: BLE001  drivers raise any kind of error
        lines = str(error).strip().splitlines() or [type(error).__name__]
        problem = lines[0]
    return DeviceReport(name, DEVICES.get(name.partition(":")[0], "tinygrad device"), problem)


def _explain(name: str, reports: list[DeviceReport]) -> str:
    advice = compiler_problem() if name == "auto" or name.startswith("CPU") else ""
    advice = f" For the CPU, {advice}." if advice else ""
    if name == "auto":
        tried = "; ".join(f"{r.name}: {r.problem}" for r in reports)
        return f"no device opens.{advice} Tried {tried}"
    return (
        f"device {name} does not open: {reports[0].problem.rstrip('.')}.{advice}"
        " `grok-tui devices` lists those that do"
    )

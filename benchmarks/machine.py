"""Describes the machine that the measurements ran on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from grok_tui import __version__
from grok_tui.device.openblas import usable_cores


def describe(device: str) -> dict[str, str]:
    """Processor, cores, load, device, versions and date, as text."""
    return {
        "processor": _processor(),
        "usable cores": str(usable_cores()),
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "device": device,
        "grok-tui": __version__,
        "python": platform.python_version(),
        "tinygrad": _version("tinygrad"),
        "torch": _version("torch"),
        "date": time.strftime("%Y-%m-%d %H:%M"),
    }


def _processor() -> str:
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.check_output(command, text=True).strip()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"

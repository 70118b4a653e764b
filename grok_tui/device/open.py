"""Opening a tinygrad device, and providing the CPU device with a C compiler."""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grok_tui.files import base_folder
from grok_tui.text import UserError

_CACHE_HOME = "XDG_CACHE_HOME"
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
    prepare_environment()
    from tinygrad.helpers import DEV

    from grok_tui.device import one_call, program_cache
    from grok_tui.device.c_calls import is_cpu

    reports = []
    for candidate in [name] if name != "auto" else DEVICES:
        report = _try(candidate)
        if not report.problem:
            DEV.value = candidate
            if is_cpu(candidate):
                program_cache.install()
                one_call.install(candidate)
            return candidate
        reports.append(report)
    raise DeviceError(_explain(name, reports))


def survey() -> Iterator[DeviceReport]:
    """Try to open every device that `auto` considers, best first."""
    prepare_environment()
    yield from (_try(name) for name in DEVICES)


def prepare_environment() -> None:
    """Set the environment that tinygrad reads on import; values that suit it stay."""
    if not Path(os.environ.get(_CACHE_HOME, "")).is_absolute():
        # tinygrad and zig would take it as relative to the current folder.
        os.environ.pop(_CACHE_HOME, None)
    provide_compiler()
    # tinygrad's pool of compiler processes takes longer to start than the step to compile.
    os.environ.setdefault("PARALLEL", "0")
    # tinygrad reads NO_COLOR as a number, but users set it to any text.
    if not (no_color := os.environ.get("NO_COLOR", "0")).isdigit():
        os.environ["NO_COLOR"] = "1" if no_color else "0"
    if "CACHEDB" not in os.environ and not _writable(_cache_root() / "tinygrad"):
        os.environ["CACHEDB"] = str(_cache_folder() / "tinygrad.db")


def provide_compiler() -> None:
    """Give tinygrad's CPU device a clang: the one on the path, or the one inside ziglang.

    tinygrad runs the single executable that `CC` names, so `zig clang` needs a wrapper.
    """
    if os.environ.get("CC") or shutil.which("clang"):
        return
    try:
        import ziglang
    except ImportError:
        return
    zig = Path(ziglang.__file__).with_name("zig")
    script = f'#!/bin/sh\nexec {shlex.quote(str(zig))} clang "$@"\n'
    wrapper = _cache_folder() / "zig-clang"
    if not wrapper.exists() or wrapper.read_text() != script:
        # Renamed into place, so that another process never runs half a script.
        partial = wrapper.with_name(f"zig-clang.{os.getpid()}")
        partial.write_text(script)
        partial.chmod(0o755)
        partial.replace(wrapper)
    os.environ["CC"] = str(wrapper)


@functools.cache
def _cache_folder() -> Path:
    """This program's cache; a temporary folder if the user's cache is not writable."""
    folder = _cache_root() / "grok-tui"
    return folder if _writable(folder) else Path(tempfile.mkdtemp(prefix="grok-tui-"))


def _cache_root() -> Path:
    default = "Library/Caches" if sys.platform == "darwin" else ".cache"
    return base_folder(_CACHE_HOME, Path.home() / default)


def _writable(folder: Path) -> bool:
    """Whether the folder exists, or can be created, and is writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _try(name: str) -> DeviceReport:
    from tinygrad import Device

    try:
        Device[name]
        problem = ""
    except Exception as error:  # noqa: BLE001  drivers raise any kind of error
        lines = str(error).strip().splitlines() or [type(error).__name__]
        problem = lines[0]
    return DeviceReport(name, DEVICES.get(name.partition(":")[0], "tinygrad device"), problem)


def _explain(name: str, reports: list[DeviceReport]) -> str:
    if name == "auto":
        tried = "; ".join(f"{r.name}: {r.problem}" for r in reports)
        return f"no device opens. For the CPU, {_cpu_advice()}. Tried {tried}"
    advice = f" For the CPU, {_cpu_advice()}." if name.startswith("CPU") else ""
    return (
        f"device {name} does not open: {reports[0].problem}.{advice}"
        " `grok-tui devices` lists those that do"
    )


def _cpu_advice() -> str:
    if sys.platform == "darwin":
        return "install a compiler: xcode-select --install"
    return "install a compiler: pip install ziglang, or clang by the system's package manager"

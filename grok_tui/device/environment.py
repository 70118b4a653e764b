"""What tinygrad finds in the environment: a compiler, a cache, no other program's settings.

tinygrad reads some 150 variables, many of which other programs use for something else: `DEBUG`,
`PROFILE`, `JIT`, `THREADS`. They break it where it expects a number, or make it slow.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from grok_tui.files import base_folder

# tinygrad gets the variable `NAME` from `TINYGRAD_NAME`.
PREFIX = "TINYGRAD_"
_CACHE_HOME = "XDG_CACHE_HOME"
# These mean to other programs what they mean to tinygrad.
_SHARED = {_CACHE_HOME, "CUDA_PATH", "ROCM_PATH", "BROWSER", "NO_COLOR", "CC"}
_SHARED |= {"PYTEST_XDIST_WORKER_COUNT"}
_READS = re.compile(r"""(?:getenv|ContextVar|_DEV)\(\s*["'](\w+)""")
# Names that tinygrad puts together, such as `CPU=1` and `CUDA_CC=...`.
_DEVICE = re.compile(
    "(CPU|CUDA|NV|AMD|METAL|CL)"
    "(_(CC|IFACE|CLANG|LLVM|LVP|X86|PTX|NVCC|NAK|CUDA|HIP|HIPCC|OPENCL))?"
)
_TRIAL_SECONDS = 30.0


def prepare_environment() -> None:
    """Set the environment that tinygrad reads, some of it on import."""
    os.environ.setdefault("PATH", os.defpath)  # tinygrad requires one
    if not Path(os.environ.get(_CACHE_HOME, "")).is_absolute():
        # tinygrad and zig would take it as relative to the current folder.
        os.environ.pop(_CACHE_HOME, None)
    _isolate()
    provide_compiler()
    # tinygrad's pool of compiler processes takes longer to start than the step to compile.
    os.environ.setdefault("PARALLEL", "0")
    # tinygrad reads NO_COLOR as a number, but users set it to any text.
    if no_color := os.environ.pop("NO_COLOR", ""):
        os.environ["NO_COLOR"] = no_color if no_color in ("0", "1") else "1"


@functools.cache  # once in a process: what is passed on must stay
def _isolate() -> None:
    """Hide variables from tinygrad, and pass on those with the prefix."""
    names = _names()
    for name in list(os.environ):
        if name not in _SHARED and (name in names or _DEVICE.fullmatch(name)):
            del os.environ[name]
    for name, value in passed_on().items():
        os.environ[name] = value


def passed_on() -> dict[str, str]:
    """The variables that the user means for tinygrad, without their prefix."""
    return {
        name.removeprefix(PREFIX): value
        for name, value in os.environ.items()
        if name.startswith(PREFIX)
    }


def _names() -> set[str]:
    """The variables in tinygrad's source, without importing it."""
    spec = importlib.util.find_spec("tinygrad")
    if spec is None or spec.origin is None:
        return set()
    files = Path(spec.origin).parent.rglob("*.py")
    # The bindings in `autogen` are long, and read nothing.
    files = (f for f in files if "autogen" not in f.parts or f.name == "__init__.py")
    return {name for file in files for name in _READS.findall(file.read_text(encoding="utf-8"))}


# --- the compiler -----------------------------------------------------------------------


def provide_compiler() -> None:
    """Make `CC` a clang for tinygrad's CPU device: the user's, that of the path, or ziglang's.

    tinygrad runs one executable and needs a clang: a `CC` that is something else, such as gcc,
    is for other programs. Without any clang, `CC` is unset.
    """
    mine = os.environ.pop("CC", "")
    if (command := _words(mine)) and (_is_wrapper(command) or _is_clang(command)):
        os.environ["CC"] = command[0] if len(command) == 1 else _wrapper(command)
    elif not shutil.which("clang") and (zig := _zig()):
        # Without a home, zig would find no place for its cache.
        os.environ.setdefault("ZIG_GLOBAL_CACHE_DIR", str(cache_folder() / "zig"))
        os.environ["CC"] = _wrapper([str(zig), "clang"])


def compiler_problem() -> str:
    """Why C cannot be compiled and what to do, in one line; empty if it can."""
    compiler = os.environ.get("CC") or shutil.which("clang")
    if compiler is None:
        if sys.platform == "darwin":
            return "install a compiler: xcode-select --install"
        return (
            "install a compiler: pip install ziglang, or clang by the system's package manager"
        )
    trial = _run([compiler, "-c", "-x", "c", "-", "-o", os.devnull])
    if trial is not None and trial.returncode == 0:
        return ""
    lines = trial.stderr.strip().splitlines() if trial else []
    return f"repair the compiler {compiler}: {lines[-1] if lines else 'it does not run'}"


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:  # quotes that do not end
        return []


def _is_clang(command: Sequence[str]) -> bool:
    version = _run([*command, "--version"])
    return version is not None and version.returncode == 0 and "clang" in version.stdout


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str] | None:
    """Run a command with nothing on its standard input; None if it does not run or end."""
    try:
        return subprocess.run(  # noqa: S603  the user's own compiler
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def _zig() -> Path | None:
    try:
        import ziglang
    except ImportError:
        return None
    return Path(ziglang.__file__).with_name("zig")


def _wrapper(command: Sequence[str]) -> str:
    """An executable that runs a command of several words."""
    script = f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n'
    name = f"clang-{hashlib.blake2b(os.fsencode(script), digest_size=4).hexdigest()}"
    wrapper = cache_folder() / name
    if not wrapper.exists():
        # Renamed into place, so that another process never runs half a script.
        partial = wrapper.with_name(f"{name}.{os.getpid()}")
        partial.write_text(script, errors="surrogateescape")
        partial.chmod(0o755)
        partial.replace(wrapper)
    return str(wrapper)


def _is_wrapper(command: Sequence[str]) -> bool:
    """Whether an earlier process of this program has made the command."""
    return (
        len(command) == 1
        and Path(command[0]).parent == cache_folder()
        and Path(command[0]).exists()
    )


# --- the cache --------------------------------------------------------------------------


@functools.cache
def cache_folder() -> Path:
    """This program's cache; a temporary folder if the user's cache is not writable."""
    default = "Library/Caches" if sys.platform == "darwin" else ".cache"
    folder = base_folder(_CACHE_HOME, default) / "grok-tui"
    if not _writable(folder):
        folder = Path(tempfile.mkdtemp(prefix="grok-tui-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _writable(folder: Path) -> bool:
    """Whether the folder exists, or can be created, and is writable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # for root, a mode says nothing
            return True
    except OSError:
        return False

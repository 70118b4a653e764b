"""Random calls of the installed command: with damaged files, closed streams, odd environments.

`python -m tests.fuzz.fuzz_commands --seed 1 --minutes 60` prints every call that goes wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

COMMAND = Path(sys.executable).with_name("grok-tui")
SMALL = [
    *("--modulus", "13", "--d-model", "32", "--n-heads", "2", "--d-mlp", "64"),
    *("--device", "CPU", "--steps", "20", "--checkpoint-every", "10", "--analyze-every", "10"),
]
LIMIT = 120.0
ODD_NAME = os.fsdecode(b"caf\xe9")

ENVIRONMENTS: list[dict[str, str | None]] = [
    *[{}] * 6,
    {"DEBUG": "true", "PROFILE": "release", "JIT": "0", "THREADS": "auto"},
    {"CC": "gcc"},
    {"CC": "'"},
    {"HOME": None, "PATH": None},
    {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null", "XDG_CONFIG_HOME": "/dev/null"},
    {"XDG_CACHE_HOME": "relative", "XDG_CONFIG_HOME": ""},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "ascii"},
    {"TERM": "dumb", "COLUMNS": "abc", "LINES": "-3"},
    {"COLUMNS": "1", "LINES": "1", "NO_COLOR": "yes"},
    {"COLUMNS": "100000", "NO_COLOR": "²"},
    {"GROK_TUI_LR": "fast"},
    {"GROK_TUI_NOTHING": "1"},
    {"TINYGRAD_DEBUG": "x"},
    {"TEXTUAL_FPS": "x", "TEXTUAL_COLOR_SYSTEM": "none"},
]
STREAMS = [
    *[""] * 6,
    *("2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-", "| true", "2>&1 | true", "2>&1 | head -1"),
    *((">/dev/full", "2>/dev/full", ">/dev/full 2>&1") if Path("/dev/full").exists() else ()),
]


@dataclass
class Call:
    """A call of the command. done: whether it left what it is for, checked if it returns 0."""

    words: list[str]
    streams: str
    environment: dict[str, str | None]
    done: Callable[[], bool] = field(default=lambda: True, repr=False)
    prints: bool = True


@dataclass
class Outcome:
    code: int
    out: bytes
    err: str


def problem(call: Call, outcome: Outcome) -> str:  # noqa: PLR0911  one each
    """What is wrong with the outcome of a call; empty if nothing is."""
    if outcome.code not in (0, 1, 2):
        return f"exit code {outcome.code}"
    if "Traceback" in outcome.err or "Exception ignored" in outcome.err:
        return "a traceback"
    heard = "2>" not in call.streams and ">&-" not in call.streams
    if outcome.code and heard and "|" not in call.streams and not outcome.err.strip():
        return "it fails in silence"
    if outcome.code == 0 and not call.done():
        return "the work is undone"
    lost = call.streams.startswith((">/dev/full", ">&-"))
    if outcome.code == 0 and call.prints and lost:
        return "its output is lost, and nobody is told"
    if outcome.code == 0 and call.prints and not call.streams and not outcome.out:
        return "it prints nothing"
    return ""


class Fuzzer:
    """Makes calls in a folder, from undamaged files that are made once."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._random = random.Random(seed)
        self._whole, self._place = folder / "whole", folder / "place"
        self._whole.mkdir()
        self._make_files()

    def calls(self) -> Iterator[tuple[Call, Outcome]]:
        """Calls without end, each in fresh copies of the files, some of them damaged."""
        while True:
            shutil.rmtree(self._place, ignore_errors=True)
            shutil.copytree(self._whole, self._place)
            for _ in range(self._random.choice([0, 0, 1, 1, 3])):
                self._damage()
            call = self._call()
            yield call, self._run(call)

    def _make_files(self) -> None:
        whole = self._whole
        for name in ("run", ODD_NAME):
            command = [COMMAND, "--record", name, *SMALL]
            subprocess.run(command, cwd=whole, check=True, capture_output=True, timeout=LIMIT)
        unbegun = whole / "unbegun"
        unbegun.mkdir()
        shutil.copy(whole / "run" / "config.toml", unbegun)
        (whole / "empty").mkdir()
        (whole / "file").write_text("mine\n")
        (whole / "good.toml").write_text("modulus = 13\nd-model = 32\nlr = 3e-3\n")
        (whole / "bom.toml").write_bytes(b"\xef\xbb\xbflr = 1e-3\n")
        (whole / "binary").write_bytes(bytes(range(256)))
        (whole / "losses.csv").write_text(
            "step,train_loss,test_loss\n"
            + "".join(f"{i},{3 / i},{4.0}\n" for i in range(1, 60))
        )
        (whole / "spec.toml").write_text("seeds = 1\n[axes]\nlr = [1e-3, 1e-2]\n")

    def _damage(self) -> None:
        """Change, cut, empty, swap or remove a random file."""
        files = sorted(p for p in self._place.rglob("*") if p.is_file())
        path, other = self._random.choice(files), self._random.choice(files)
        content = bytearray(path.read_bytes())
        at = self._random.randrange(max(1, len(content)))
        match self._random.randrange(7):
            case 0 if content:
                content[at] ^= 1 << self._random.randrange(8)
            case 1:
                del content[at:]
            case 2:
                content[at:at] = self._random.randbytes(5)
            case 3:
                content[at:] = other.read_bytes()
            case 4:
                lines = bytes(content).splitlines(keepends=True)
                self._random.shuffle(lines)
                content = bytearray(b"".join(lines))
            case 5:
                path.unlink()
                return
            case _:
                path.unlink()
                path.mkdir()
                return
        path.write_bytes(content)

    def _path(self) -> str:
        names = ["run", "run", "run", ODD_NAME, "unbegun", "empty", "file", "binary", "none"]
        return self._random.choice([*names, "", "good.toml", "/", "run/config.toml", "-"])

    def _number(self) -> str:
        return self._random.choice(
            ["0", "10", "20", "1e1", "-1", "7", "x", "", "1e400", "9" * 50]
        )

    def _call(self) -> Call:  # noqa: C901  one case each
        choose, place = self._random.choice, self._place
        call = Call([], choose(STREAMS), choose(ENVIRONMENTS))
        form = choose(["csv", "tensorboard", "svg", "safetensors", "transformerlens", "cvs"])
        match self._random.randrange(12):
            case 0:
                call.words = [choose(["presets", "themes", "keys", "--help", "--version"])]
                if self._random.random() < 0.3:
                    call.words.append(choose(["--json", "--jsn", "x", ODD_NAME]))
            case 1:
                call.words = ["doctor", self._path()]
            case 2:
                file = choose(["losses.csv", self._path()])
                call.words = ["doctor", "--metrics", file, *self._fields()]
            case 3:
                call.words = ["compare", self._path(), self._path()]
                call.words += choose([[], ["--json"]])
            case 4:
                call.words = ["export", self._path(), "--to", form]
            case 5:
                out = choose(["out", "none/out", ODD_NAME + ".out", "file"])
                call.words = ["export", self._path(), "--to", form, "-o", out]
                call.done = (place / out).exists
            case 6 | 7:
                to = choose(["new", "none/new", ODD_NAME + "new", "empty", self._path()])
                call.words = ["--record", to, *SMALL, *self._fields()]
                call.prints, call.done = False, self._recorded(to)
            case 8:
                to = self._path()
                call.words = ["--resume", to, "--steps", "30"]
                call.prints, call.done = False, self._recorded(to)
            case 9:
                to = choose(["new", self._path()])
                call.words = ["--record", to, "--resume", to, *SMALL]
                call.prints, call.done = False, self._recorded(to)
            case 10:
                call.words = ["--branch", self._path(), "--at", self._number(), "--record", "b"]
                call.words += ["--steps", "30"]
                call.prints, call.done = False, self._recorded("b")
            case _:
                call.words = [choose(["doctor", "replay", "replya", "sweep", "export"])]
                call.words += [choose([*self._fields(), self._path(), "--at", "-o", "--to"])]
        return call

    def _fields(self) -> list[str]:
        choose = self._random.choice
        some = [
            ["--preset", choose(["quick", "quik", "", "nanda", ODD_NAME])],
            ["--config", choose(["good.toml", "bom.toml", self._path()])],
            ["--steps", self._number()],
            ["--operation", choose(["add", "ad", "x2+y2", ODD_NAME])],
            ["--lr", choose(["1e-3", "nan", "-1", "1e400"])],
            ["--keep", choose(["all", "first, last 1", "last"])],
        ]
        return choose([[], [], choose(some), [*choose(some), *choose(some)]])

    def _recorded(self, name: str) -> Callable[[], bool]:
        """Whether a folder holds a run that ended, and that is now complete."""
        folder = self._place / name
        return lambda: (
            (folder / "summary.json").is_file() and (folder / "metrics.jsonl").is_file()
        )

    def _run(self, call: Call) -> Outcome:
        environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
        for name, value in call.environment.items():
            environment.pop(name, None)
            if value is not None:
                environment[name] = value
        script = f'set -o pipefail; "$0" "$@" {call.streams}'
        bash = shutil.which("bash") or "bash"
        command = [bash, "-c", script, str(COMMAND), *call.words]
        try:
            done = subprocess.run(
                command, cwd=self._place, env=environment, stdin=subprocess.DEVNULL,
                capture_output=True, timeout=LIMIT, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Outcome(-1, b"", "it does not end")
        return Outcome(done.returncode, done.stdout, done.stderr.decode(errors="replace"))


def fuzz(seed: int, seconds: float) -> tuple[int, list[str]]:
    """Make calls for some time; returns how many, and those that went wrong."""
    wrong: list[str] = []
    count, end = 0, time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="grok-tui-calls-") as name:
        for call, outcome in Fuzzer(seed, Path(name)).calls():
            count += 1
            if what := problem(call, outcome):
                wrong.append(f"call {count} of seed {seed}: {what}: {call}\n{outcome}")
            if time.monotonic() > end:
                break
    return count, wrong


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1.0)
    options = parser.parse_args(arguments)
    count, wrong = fuzz(options.seed, 60 * options.minutes)
    for text in wrong:
        with contextlib.suppress(UnicodeError):
            print(ascii(text).replace("\\n", "\n"))
    print(f"{count} calls, {len(wrong)} went wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

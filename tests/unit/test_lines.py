from __future__ import annotations

import errno
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grok_tui.runs.lines import Lines, cut_after


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def line(step: int) -> bytes:
    return json.dumps({"step": step, "x": "y" * step}).encode() + b"\n"


class Clumsy:
    """A raw file that takes `bite` bytes at a time, and no more than `space` in all."""

    def __init__(self, file: Any, bite: int, space: int) -> None:
        self._file, self._bite, self._space = file, bite, space

    def write(self, content: bytes) -> int:
        if self._space <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written: int = self._file.write(content[: min(self._bite, self._space)])
        self._space -= written
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def test_one_line_for_each_record(tmp_path: Path) -> None:
    lines = Lines(tmp_path / "a.jsonl")
    records = [{"step": 1, "text": "a\nb"}, {"step": 2, "list": [1, 2]}, {"step": 3, "n": None}]
    lines.write(records[0], records[1])
    lines.write()
    lines.write(records[2])
    assert read(tmp_path / "a.jsonl") == records  # at once: nothing waits in a buffer
    assert (tmp_path / "a.jsonl").read_bytes().endswith(b"\n")
    lines.sync()
    lines.close()


def test_an_existing_file_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for step in (1, 2):
        lines = Lines(path)
        lines.write({"step": step})
        lines.close()
    assert read(path) == [{"step": 1}, {"step": 2}]


def test_a_file_that_takes_a_few_bytes_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = Lines(tmp_path / "a.jsonl")
    monkeypatch.setattr(lines, "_file", Clumsy(lines._file, bite=3, space=10**6))
    lines.write({"step": 1, "x": "long" * 10}, {"step": 2})
    lines.close()
    assert read(tmp_path / "a.jsonl") == [{"step": 1, "x": "long" * 10}, {"step": 2}]


@pytest.mark.parametrize("space", [0, 1, 13, 20, 25])
def test_a_failed_write_is_taken_back(
    space: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """{"step": 2} and its line break are 12 bytes: one, or not even one, fits."""
    path = tmp_path / "a.jsonl"
    lines = Lines(path)
    lines.write({"step": 1})
    whole = lines._file
    monkeypatch.setattr(lines, "_file", Clumsy(whole, bite=7, space=space))
    with pytest.raises(OSError, match="No space left"):
        lines.write({"step": 2}, {"step": 3}, {"step": 4})
    assert read(path) == [{"step": 1}]
    monkeypatch.setattr(lines, "_file", whole)
    lines.write({"step": 2})
    lines.close()
    assert read(path) == [{"step": 1}, {"step": 2}]


FULL_DISK = """
import resource, sys
from pathlib import Path
from grok_tui.runs.lines import Lines
lines = Lines(Path(sys.argv[1]))
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
try:
    for step in range(1, 100):
        lines.write({"step": step}, {"step": step, "again": True})
except OSError as error:
    print(step, error.strerror)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
lines.write({"step": step})
"""


def test_a_write_that_the_system_cuts_off_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    failed, reason = done.stdout.split(maxsplit=1)
    assert reason.strip() == "File too large"
    complete = [{"step": s, **more} for s in range(1, int(failed)) for more in ({}, AGAIN)]
    assert len(complete) > 2
    assert read(path) == [*complete, {"step": int(failed)}]


AGAIN = {"again": True}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_is_no_json_is_refused_before_anything_is_written(
    value: object, tmp_path: Path
) -> None:
    lines = Lines(tmp_path / "a.jsonl")
    with pytest.raises((ValueError, TypeError)):
        lines.write({"step": 1}, {"step": 2, "x": value})
    lines.write({"step": 1})
    lines.close()
    assert read(tmp_path / "a.jsonl") == [{"step": 1}]


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b"", b""),
        (line(1) + line(2) + line(3), line(1) + line(2)),
        (line(1) + line(2) + line(2), line(1) + line(2)),
        (line(1), line(1)),
        (line(1) + b'{"step": 2', line(1)),  # torn
        (line(1) + line(2).removesuffix(b"\n"), line(1)),  # torn at the line break
        (line(1) + b"\0" * 100, line(1)),  # what a power cut leaves
    ],
)
def test_cut_after_two_lines(content: bytes, kept: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    cut_after(path, 2)
    assert path.read_bytes() == kept


def test_cutting_a_missing_file_creates_none(tmp_path: Path) -> None:
    cut_after(tmp_path / "a.jsonl", 2)
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.integers(0, 20), max_size=15).map(sorted),
    count=st.integers(0, 16),
    torn=st.integers(0, 10),
)
def test_a_file_cut_and_torn_anywhere_goes_on_as_if_it_had_never_stopped(
    steps: list[int], count: int, torn: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    whole = b"".join(map(line, steps))
    path.write_bytes(whole[: len(whole) - torn])
    survived = whole[: len(whole) - torn].count(b"\n")
    cut_after(path, count)
    kept = steps[:survived][:count]
    assert path.read_bytes() == b"".join(map(line, kept))
    lines = Lines(path)
    lines.write({"step": 99})
    lines.close()
    assert [record["step"] for record in read(path)] == [*kept, 99]

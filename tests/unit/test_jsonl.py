from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grok_tui.runs.jsonl import Lines, cut_after


def read(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def line(step: int) -> bytes:
    return json.dumps({"step": step, "x": "y" * step}).encode() + b"\n"


class Disk:
    """Replaces system calls: writes `bite` bytes at a time and at most `space` in total.

    forgets: whether a sync fails and loses what was written since the last one.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bite = self.space = 10**9
        self.forgets = False
        self._unsynced: list[tuple[int, int]] = []
        self._pwrite, self._fsync = os.pwrite, os.fsync
        monkeypatch.setattr(os, "pwrite", self.pwrite)
        monkeypatch.setattr(os, "fsync", self.fsync)

    def pwrite(self, file: int, content: bytes, at: int) -> int:
        if self.space <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._pwrite(file, content[: min(self.bite, self.space)], at)
        self.space -= written
        self._unsynced.append((at, written))
        return written

    def fsync(self, file: int) -> None:
        if self.forgets:
            for at, count in self._unsynced:
                self._pwrite(file, bytes(count), at)
            raise OSError(errno.EDQUOT, "Disk quota exceeded")
        self._fsync(file)
        self._unsynced.clear()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_each_record_has_one_line(tmp_path: Path) -> None:
    lines = Lines.open(tmp_path / "a.jsonl")
    records = [{"step": 1, "text": "a\nb"}, {"step": 2, "list": [1, 2]}, {"step": 3, "n": None}]
    lines.write(records[0], records[1])
    lines.write()
    lines.write(records[2])
    assert read(tmp_path / "a.jsonl") == records  # written at once, without a buffer
    assert (tmp_path / "a.jsonl").read_bytes().endswith(b"\n")
    lines.sync()
    lines.close()


def test_an_existing_file_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for step in (1, 2):
        lines = Lines.open(path)
        lines.write({"step": step})
        lines.close()
    assert read(path) == [{"step": 1}, {"step": 2}]


def test_a_file_that_takes_a_few_bytes_at_a_time(tmp_path: Path, disk: Disk) -> None:
    lines = Lines.open(tmp_path / "a.jsonl")
    disk.bite = 3
    lines.write({"step": 1, "x": "long" * 10}, {"step": 2})
    lines.close()
    assert read(tmp_path / "a.jsonl") == [{"step": 1, "x": "long" * 10}, {"step": 2}]


@pytest.mark.parametrize("space", [0, 1, 13, 20, 25])
def test_a_failed_write_is_undone(space: int, tmp_path: Path, disk: Disk) -> None:
    """{"step": 2} and its line break are 12 bytes: one line fits, or not even one."""
    path = tmp_path / "a.jsonl"
    lines = Lines.open(path)
    lines.write({"step": 1})
    lines.sync()
    disk.bite, disk.space = 7, space
    with pytest.raises(OSError, match="No space left"):
        lines.write({"step": 2}, {"step": 3}, {"step": 4})
    assert read(path) == [{"step": 1}]
    disk.space = 100
    lines.write({"step": 2})
    lines.close()
    assert read(path) == [{"step": 1}, {"step": 2}]


def test_a_torn_write_that_cannot_be_undone_is_removed_before_the_next(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    path = tmp_path / "a.jsonl"
    lines = Lines.open(path)
    lines.write({"step": 1})
    disk.space = 5
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(os, "ftruncate", broken)
        lines.write({"step": 2})
    assert path.read_bytes() == b'{"step": 1}\n{"ste'
    disk.space = 100
    lines.write({"step": 3})
    lines.close()
    assert read(path) == [{"step": 1}, {"step": 3}]


def test_lines_lost_by_a_failed_sync_are_written_again(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "a.jsonl"
    lines = Lines.open(path)
    lines.write({"step": 1})
    lines.sync()
    lines.write({"step": 2})
    lines.write({"step": 3})
    disk.forgets = True
    with pytest.raises(OSError, match="quota"):
        lines.sync()
    disk.forgets = False
    lines.write({"step": 4})
    lines.sync()
    lines.close()
    assert read(path) == [{"step": step} for step in (1, 2, 3, 4)]


def test_lines_are_synced_before_too_many_are_waiting(tmp_path: Path, disk: Disk) -> None:
    lines = Lines.open(tmp_path / "a.jsonl")
    disk.forgets = True
    with pytest.raises(OSError, match="quota"):
        for step in range(100):
            lines.write({"step": step, "x": "y" * 100_000})
    assert 10 <= step <= 20
    lines.close()


def test_writing_to_a_removed_file_fails(tmp_path: Path) -> None:
    path = tmp_path / "run" / "a.jsonl"
    path.parent.mkdir()
    lines = Lines.open(path)
    lines.write({"step": 1})
    shutil.rmtree(path.parent)
    for call in (lines.sync, lambda: lines.write({"step": 2})):
        with pytest.raises(FileNotFoundError) as caught:
            call()
        assert caught.value.filename == str(path)
    lines.close()


FULL_DISK = """
import resource, sys
from pathlib import Path
from grok_tui.runs.jsonl import Lines
lines = Lines.open(Path(sys.argv[1]))
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


def test_a_write_cut_off_by_the_system_is_undone(tmp_path: Path) -> None:
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
def test_values_that_are_not_json_are_refused_before_writing(
    value: object, tmp_path: Path
) -> None:
    lines = Lines.open(tmp_path / "a.jsonl")
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
def test_a_file_cut_and_torn_anywhere_ends_up_as_if_never_stopped(
    steps: list[int], count: int, torn: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    whole = b"".join(map(line, steps))
    path.write_bytes(whole[: len(whole) - torn])
    survived = whole[: len(whole) - torn].count(b"\n")
    cut_after(path, count)
    kept = steps[:survived][:count]
    assert path.read_bytes() == b"".join(map(line, kept))
    lines = Lines.open(path)
    lines.write({"step": 99})
    lines.close()
    assert [record["step"] for record in read(path)] == [*kept, 99]

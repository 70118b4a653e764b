"""Closed, full and broken standard streams: messages may be lost, work never is."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import COMMAND, SMALL, environment, line_count, summary
from made_run import made_run

STEPS = 60
FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in which $0 is the command; its code is that of the command, if piped."""
    command = [shutil.which("bash") or "sh", "-c", f"set -o pipefail; {script}", COMMAND]
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    "streams",
    [
        "2>&1 | true",
        pytest.param("2>&-", marks=pytest.mark.slow),
        "0<&- >&- 2>&-",
        pytest.param("2>/dev/full", marks=[needs_full, pytest.mark.slow]),
    ],
)
def test_a_run_is_recorded_though_nobody_reads_its_progress(
    streams: str, tmp_path: Path
) -> None:
    arguments = " ".join([*SMALL, "--steps", str(STEPS)])
    assert shell(f'"$0" --record run {arguments} {streams}', tmp_path).returncode == 0
    assert line_count(tmp_path / "run") == STEPS
    assert summary(tmp_path / "run")["exit"] == "completed"


@pytest.mark.slow
def test_a_reader_that_takes_nothing_does_not_hold_up_a_run(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writer, bytes(4096)):
            pass
    os.set_blocking(writer, True)
    command = [COMMAND, "--record", "run", *SMALL, "--steps", str(STEPS)]
    run = subprocess.run(
        command, cwd=tmp_path, env=environment(), stderr=writer, check=False, timeout=120
    )
    os.close(reader)
    os.close(writer)
    assert run.returncode == 0
    assert summary(tmp_path / "run")["exit"] == "completed"


LISTS = ["keys", "--help", "export run --to csv"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streams")
    made_run(folder / "run")
    return folder


@pytest.mark.parametrize("command", LISTS)
def test_a_reader_that_has_seen_enough_is_no_error(command: str, folder: Path) -> None:
    result = shell(f'"$0" {command} | true', folder)
    assert (result.returncode, result.stderr) == (0, "")


@needs_full
@pytest.mark.parametrize("streams", [">/dev/full", ">&-"])
@pytest.mark.parametrize("command", LISTS)
def test_output_that_cannot_be_written_is_an_error(
    command: str, streams: str, folder: Path
) -> None:
    result = shell(f'"$0" {command} {streams}', folder)
    assert result.returncode == 1
    assert result.stderr.startswith("grok-tui: error: standard output: ")
    assert len(result.stderr.splitlines()) == 1


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    """Otherwise the lines of a run would mix with its progress."""
    made_run(tmp_path / "run")
    assert shell('"$0" export run --to csv -o csv 0<&- >&- 2>&-', tmp_path).returncode == 1
    assert (tmp_path / "csv").read_text().startswith("step,train_loss")
    assert (
        shell('"$0" themes --json 2>&-', tmp_path).stdout
        == json.dumps(json.loads(shell('"$0" themes --json', tmp_path).stdout), indent=2) + "\n"
    )


def test_a_name_that_is_not_text_is_printed_as_it_is(tmp_path: Path) -> None:
    """And drawn with `?`: pictures and terminals want text."""
    name = os.fsdecode(b"caf\xe9")
    made_run(tmp_path / name)
    command = [COMMAND, "export", name, "--to", "svg", "--size", "60x16"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"caf\xe9-step-20.svg\n"
    assert "caf?" in (tmp_path / f"{name}-step-20.svg").read_text()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_an_encoding_without_some_characters_is_no_error(encoding: str, tmp_path: Path) -> None:
    command = [COMMAND, "keys"]
    done = subprocess.run(
        command, env=environment(PYTHONIOENCODING=encoding), capture_output=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"Pause or resume" in done.stdout

"""What terminals, shells and users do to a session, none of which may end it or hang it."""

from __future__ import annotations

import os
import signal
import termios
import time
from pathlib import Path

import pytest
from terminal import ALTERNATE_OFF, ALTERNATE_ON, COMMAND, SMALL, Start, Terminal, processes

pytestmark = [
    pytest.mark.usefixtures("cpu"),
    pytest.mark.filterwarnings("ignore:.*forkpty.*:DeprecationWarning"),
]
NOT_UTF_8 = (b"\xe9", b"\xff\xfe", b"\xc3", b"\x80" * 50, b"\x1b[200~\xe9\x1b[201~")
OLD_MOUSE_REPORTS = (b"\x1b[M \x85\x30", b"\x1b[M \xc3\xa9", b"\x1b[M#\xff\xff")
OUT_OF_RANGE = (
    b"\x1b[99999999999;5u", b"\x1b[1:2;5u", b"\x1b[55296;1u", b"\x1b[<0;0;0M",
    b"\x1b[<0;9999999;9999999M", b"\x1b[48;9999999;9999999;1;1t", b"\x1b[48;0;0;0;0t",
)  # fmt: skip
PICKER, PALETTE = "Which run do you want to watch?", "Search for commands"


def answers(terminal: Terminal) -> None:
    """Check that the palette opens and closes."""
    terminal.press("\x10")
    terminal.shows(PALETTE)
    terminal.press("\x1b")
    terminal.until(lambda: PALETTE not in terminal.text())


def wait_for_end_of(pid: int, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while any(running == pid for running, _, _ in processes()):
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.05)


@pytest.mark.slow
def test_bytes_that_mean_nothing_are_ignored(start: Start) -> None:
    terminal = start()
    terminal.shows(PICKER)
    for kind in NOT_UTF_8, OLD_MOUSE_REPORTS, OUT_OF_RANGE:
        for data in kind:
            terminal.press(data)
        answers(terminal)
    terminal.press("q")
    assert terminal.exit_code() == 0
    terminal.assert_restored()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(120, 36), (80, 24), (60, 16)])
def test_a_terminal_that_is_not_utf_8_gets_ascii(start: Start, size: tuple[int, int]) -> None:
    terminal = start("--preset", "quick", *SMALL, size=size, PYTHONIOENCODING="latin-1")
    terminal.shows("train")
    answers(terminal)
    assert terminal.output.isascii()
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.exit_code() == 143
    terminal.assert_restored()


@pytest.mark.slow
def test_ctrl_z_gives_the_terminal_to_the_shell_until_fg(start: Start) -> None:
    terminal = start("-i", command="sh", PS1="shell> ")
    terminal.press(f"sh -c '{COMMAND}; echo left with $?'\r")  # as make would start it
    terminal.shows(PICKER)
    for times in (1, 2):
        terminal.press("\x1a")
        terminal.until(lambda times=times: terminal.output.count(ALTERNATE_OFF) == times)
        terminal.shows("Stopped")
        terminal.press("fg\r")
        terminal.shows(PICKER)
        answers(terminal)
    terminal.press("q")
    terminal.shows("left with 0")
    terminal.press("exit\r")
    assert terminal.exit_code() == 0


@pytest.mark.slow
def test_a_session_that_no_shell_could_continue_does_not_stop(start: Start) -> None:
    terminal = start()
    terminal.shows(PICKER)
    terminal.press("\x1a")
    terminal.until(lambda: terminal.output.count(ALTERNATE_ON) == 2)
    answers(terminal)
    os.kill(terminal.pid, signal.SIGSTOP)
    terminal.until(terminal.stopped)
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.until(lambda: terminal.output.count(ALTERNATE_ON) == 3)
    answers(terminal)
    terminal.press("q")
    assert terminal.exit_code() == 0
    assert terminal.output.count(ALTERNATE_OFF) == 3


@pytest.mark.slow
def test_signals_in_quick_succession_leave_the_terminal_to_the_session(start: Start) -> None:
    terminal = start()
    terminal.shows(PICKER)
    for _ in range(30):
        for number in (signal.SIGCONT, signal.SIGWINCH, signal.SIGWINCH):
            os.kill(terminal.pid, number)
            terminal.read(0.01)
    answers(terminal)
    terminal.press("q")
    assert terminal.exit_code() == 0
    assert termios.tcgetattr(terminal.process.child_fd) == terminal.before


def test_a_terminal_that_cannot_draw_is_told_what_to_use(start: Start) -> None:
    for arguments, instead in (
        ((), "--record DIR trains without one"),
        (("replay", "somewhere"), "export --to cast or svg writes a file"),
    ):
        terminal = start(*arguments, TERM="dumb")
        assert terminal.exit_code() == 2
        told = f"grok-tui: error: TERM=dumb cannot show a full screen; {instead}"
        assert terminal.output.decode().split() == told.split()


@pytest.mark.slow
def test_sigterm_ends_a_session_whose_terminal_reads_nothing(
    start: Start, tmp_path: Path
) -> None:
    terminal = start("--preset", "nanda", *SMALL)
    terminal.until(lambda: terminal.step() > 0, 60)
    trainer, (run,) = terminal.trainer(), (tmp_path / "runs").iterdir()
    time.sleep(5)  # frames that nobody reads
    os.kill(terminal.pid, signal.SIGTERM)
    wait_for_end_of(terminal.pid)
    wait_for_end_of(trainer)
    assert terminal.exit_code() == 143
    assert (run / "summary.json").exists()


@pytest.mark.slow
def test_sigterm_ends_a_session_that_is_suspended(start: Start, tmp_path: Path) -> None:
    terminal = start("-i", command="bash", PS1="shell> ")
    terminal.press(" ".join([str(COMMAND), "--preset", "nanda", *SMALL, "\r"]))
    terminal.until(lambda: terminal.step() > 0, 60)
    terminal.press("\x1a")
    terminal.shows("Stopped")
    terminal.press("kill %1; wait; echo ended by $?\r")
    terminal.shows("Continue: grok-tui --resume runs/")
    (run,) = (tmp_path / "runs").iterdir()
    assert (run / "summary.json").exists()

"""Pictures and films of a recorded run, made without a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pyte
import pytest
from scripted import ScriptedLauncher, grokking, recorded_run, timed

from grok_tui.cli.main import main
from grok_tui.protocol.events import Stopped
from grok_tui.runs.exporting.asciicast import asciicast
from grok_tui.sources.recording import Recording
from grok_tui.text import UserError
from grok_tui.tui.app import SessionApp
from grok_tui.tui.film import FRAMES_PER_SECOND, LAST_SECONDS, Frame, Stage, film, picture
from grok_tui.tui.panes.layout import pane_number
from grok_tui.tui.themes import load_themes

WIDE, SMALL = (120, 36), (80, 24)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 25 seconds at 60 steps per second."""
    run = tmp_path_factory.mktemp("film") / "run"
    recorded_run(run, *grokking(), Stopped(1500, "completed"))
    return timed(run, 60)


def stage(size: tuple[int, int], pane: str = "charts", *, ascii: bool = False) -> Stage:  # noqa: A002
    themes = load_themes()[0]

    def app_of(first: object) -> SessionApp:
        return SessionApp(first, ScriptedLauncher(), themes, "midnight", ascii=ascii)  # type: ignore[arg-type]

    return Stage(size, app_of, pane_number(pane))


def played(frames: list[Frame], size: tuple[int, int], until: float = 1e9) -> list[str]:
    """The screen of a terminal after the frames up to a time."""
    screen = pyte.Screen(*size)
    stream = pyte.Stream(screen)
    for frame in frames:
        if frame.seconds <= until:
            stream.feed(frame.output)
    return list(screen.display)


def test_a_film_plays_in_a_terminal(run: Path) -> None:
    frames = film(Recording.open(run), stage(WIDE), speed=8.0)
    assert frames[-1].seconds == pytest.approx(25 / 8 + LAST_SECONDS, abs=1 / FRAMES_PER_SECOND)
    seconds = [frame.seconds for frame in frames]
    assert seconds == sorted(seconds)
    start, middle, end = (played(frames, WIDE, until) for until in (0, 1, 1e9))
    assert "step 0 / 1,500" in start[0]
    assert "PLAYING" in middle[0]
    assert "step 480 / 1,500" in middle[0]  # one second at 8 x 60 steps
    assert "STOPPED" in end[0]
    assert "step 1,500 / 1,500" in end[0]
    assert "GROKKED" in end[1]
    assert "╭─ loss" in end[3]
    assert "q Quit" in end[-1]


def test_a_film_is_the_same_twice(run: Path) -> None:
    one, other = (film(Recording.open(run), stage(SMALL), speed=64.0) for _ in range(2))
    assert one == other


def test_a_picture_of_any_step(run: Path) -> None:
    svg = picture(Recording.open(run), stage(SMALL, "grid"), 700)
    assert svg.startswith("<svg")
    text = svg.replace("&#160;", " ")
    for words in ("700 / 1,500", "PAUSED", "Grid", "grok-tui run"):
        assert words in text
    end = picture(Recording.open(run), stage(SMALL), None).replace("&#160;", " ")
    assert "STOPPED" in end
    assert "1,500 / 1,500" in end


def test_a_picture_of_the_doctor_is_of_its_step(run: Path) -> None:
    svg = picture(Recording.open(run), stage(WIDE, "doctor"), 700).replace("&#160;", " ")
    assert "> step 700 <" in svg
    end = picture(Recording.open(run), stage(WIDE, "doctor"), None).replace("&#160;", " ")
    assert ">grokked<" in end
    assert "> step 1500 <" in end


def test_a_film_in_ascii(run: Path) -> None:
    frames = film(Recording.open(run), stage(SMALL, ascii=True), speed=64.0)
    assert all(line.isascii() for line in played(frames, SMALL))


def test_pictures_that_cannot_be_drawn(run: Path) -> None:
    with pytest.raises(UserError, match="59x16 is too small"):
        film(Recording.open(run), stage((59, 16)), speed=1.0)
    with pytest.raises(UserError, match="has steps 0 to 1500, not 1501"):
        picture(Recording.open(run), stage(WIDE), 1501)


def test_the_file_is_an_asciicast_of_version_2() -> None:
    header, *events = map(
        json.loads, asciicast((80, 24), "a", [(0.0, "x"), (0.5, "é")]).splitlines()
    )
    assert (header["version"], header["width"], header["height"]) == (2, 80, 24)
    assert events == [[0.0, "o", "x"], [0.5, "o", "é"]]


def test_the_command(
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", str(run), "--to", "cast", "--speed", "64", "--size", "80x24"]) == 0
    assert main(["export", str(run), "--to", "svg", "--step", "10"]) == 0
    assert capsys.readouterr().out == "run.cast\nrun-step-10.svg\n"
    header, *events = map(json.loads, (tmp_path / "run.cast").read_text().splitlines())
    assert (header["width"], header["height"]) == (80, 24)
    display = played([Frame(time, output) for time, _, output in events], SMALL)
    assert "step 1,500 / 1,500" in display[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--to", "svg", "--speed", "2"], "--speed is for cast, not for svg"),
        (["--to", "csv", "--size", "80x24"], "--size is for cast, svg, not for csv"),
        (["--to", "cast", "--step", "3"], "--step is for svg"),
        (["--to", "cast", "--speed", "0"], "--speed: must be a number above 0 (got '0')"),
        (["--to", "svg", "--size", "80"], "--size: must be columns x rows, such as"),
        (["--to", "svg", "--pane", "attic"], "there is no pane 'attic'"),
        (["--to", "svg", "--theme", "drab"], "unknown theme 'drab'"),
    ],
)
def test_invalid_commands_are_refused(
    run: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run), *arguments]) == 2
    assert says in capsys.readouterr().err

"""The output of `grok-tui compare`."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from written_runs import CONFIG, DIVERGED, RUN, STARTED, course, losses, written

from grok_tui.cli.main import main
from grok_tui.protocol.events import ConfigApplied
from grok_tui.view.charts.overlay import MARKERS

OTHER = CONFIG.changed(seed=1, weight_decay=3.0)


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two runs: `whole`, which grokked, and `short`, which was cut off."""
    written(tmp_path / "whole", *RUN)
    written(
        tmp_path / "short", STARTED, *course([(0.5, 0.01)] * 3), losses(31, 33), config=OTHER
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["compare", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def cells(text: str, label: str) -> dict[str, str]:
    """The cells of a run in the printed tables, by column."""
    found: dict[str, str] = {}
    for block in text.split("\n\n"):
        first, *rows = block.split("\n")
        if first.startswith("  run"):
            (row,) = [row for row in rows if row.startswith(label)]
            names = re.split(" {2,}", first.strip())
            found |= dict(zip(names, re.split(" {2,}", row.strip()), strict=True))
    return found


# --- the tables ---------------------------------------------------------------------------


@pytest.mark.parametrize("columns", ["80", "200"])
def test_the_tables(
    runs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: str,
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    text = printed(capsys, "whole", "short")
    assert cells(text, "o whole") == {
        "run": "o whole", "steps": "100", "memorized": "20", "grokked": "70",
        "test loss": "0.0251", "test acc": "99.5%", "train loss": "0.01", "train acc": "100.0%",
        "key frequencies": "2 5", "phase": "GROKKED", "exit": "completed",
        "seed": "0", "weight_decay": "1",
    }  # fmt: skip
    assert cells(text, "x short") == {
        "run": "x short", "steps": "32", "memorized": "-", "grokked": "-",
        "test loss": "4.95", "test acc": "1.0%", "train loss": "0.5", "train acc": "50.0%",
        "key frequencies": "-", "phase": "MEMORIZING", "exit": "cut off",
        "seed": "1", "weight_decay": "3",
    }  # fmt: skip
    assert all(len(line) <= int(columns) for line in text.split("\n"))


def test_edits_and_branches_are_listed(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parent = {"parent": {"run": "runs/first", "step": 20}}
    with (runs / "short" / "config.toml").open("ab") as file:
        file.write(tomli_w.dumps(parent).encode())
    lines = printed(capsys, "whole", "short").split("\n")
    assert "o whole: weight_decay 1 -> 3 at step 60" in lines
    assert "x short: branched from runs/first at step 20" in lines


def test_rounding_errors_do_not_show(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit = ConfigApplied(9, "lr", 0.003 * 0.8, 0.0003 / 3)
    other = CONFIG.changed(lr=0.003 * 0.8)
    written(runs / "edited", STARTED, *course([(1, 0.1)]), edit, config=other)
    text = printed(capsys, "whole", "edited")
    assert cells(text, "x edited")["lr"] == "0.0024"
    assert "x edited: lr 0.0024 -> 0.0001 at step 9" in text


def test_a_diverged_run_does_not_flatten_the_charts(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(runs / "hot", STARTED, losses(1, 29, 4.0), losses(30, 30, 1e35), DIVERGED)
    text = printed(capsys, "whole", "hot")
    assert cells(text, "x hot")["exit"] == "diverged"
    chart = text.split("train loss   o")[1].split("test loss   o")[0]
    assert max(float(label) for label in re.findall(r"^ *(\S+)┤", chart, re.MULTILINE)) <= 1


def test_runs_of_the_same_config(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(runs / "elsewhere" / "whole", STARTED, *course([(1, 0.1)]))
    text = printed(capsys, "whole", "elsewhere/whole")
    assert "The runs began with the same config." in text
    assert cells(text, "x elsewhere/whole")["steps"] == "9"
    assert cells(text, f"o {runs.name}/whole")["steps"] == "100"


# --- the charts ---------------------------------------------------------------------------


def charts(text: str) -> dict[str, str]:
    """The text below each title."""
    parts = re.split(r"^(train loss|test loss|test accuracy)   ", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_charts_show_every_run_and_fit_the_terminal(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = charts(printed(capsys, "whole", "short"))
    assert list(found) == ["train loss", "test loss", "test accuracy"]
    for text in found.values():
        legend, *picture = text.strip("\n").split("\n")
        assert legend == "o whole   x short"
        assert {"o", "x"} <= set("".join(picture))
        assert len(picture) == 17
        assert all(len(line) <= 80 for line in picture)
        assert max(map(len, picture)) > 70


@pytest.mark.parametrize("reason", ["no terminal", "NO_COLOR"])
def test_without_colors_there_are_no_escape_sequences(
    runs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    reason: str,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    if reason == "NO_COLOR":
        monkeypatch.setenv("NO_COLOR", "1")
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    text = printed(capsys, "whole", "short")
    assert "\x1b" not in text
    assert all(line == line.rstrip() for line in text.split("\n"))


def test_a_terminal_has_colors(
    runs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    colored = printed(capsys, "whole", "short")
    assert re.search(r"\x1b\[38;5;\d+mo", colored)


def test_output_with_a_small_character_set_gets_replacements(
    runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(content, "ascii"))
    (runs / "whole").rename(runs / "größer")
    assert main(["compare", "größer", "short"]) == 0
    sys.stdout.flush()
    text = content.getvalue().decode("ascii")
    assert cells(text, "o gr")["steps"] == "100"
    assert len(charts(text)) == 3


def test_runs_without_an_evaluation_have_no_chart_of_evaluations(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b", "c"):
        written(runs / name, STARTED, losses(1, 9))
    found = charts(printed(capsys, "a", "b"))
    assert list(found) == ["train loss"]
    assert list(charts(printed(capsys, "a", "whole"))) == [
        "train loss", "test loss", "test accuracy"
    ]  # fmt: skip
    for name in ("d", "e"):
        written(runs / name)
    text = printed(capsys, "d", "e")
    assert charts(text) == {}
    assert cells(text, "o d")["exit"] == "cut off"


def test_more_runs_than_markers_are_not_all_drawn(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"run-{number}" for number in range(len(MARKERS) + 2)]
    for name in names:
        written(runs / name, STARTED, losses(1, 3))
    text = printed(capsys, *names)
    assert f"The charts show the first {len(MARKERS)} runs." in text
    assert cells(text, f"  {names[-1]}")["steps"] == "2"
    (legend, *_) = charts(text)["train loss"].split("\n\n")
    assert names[len(MARKERS) - 1] in legend
    assert names[-1] not in legend


# --- JSON ---------------------------------------------------------------------------------


def test_json_says_the_same_and_draws_nothing(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(name: str) -> Any:
        raise AssertionError(f"{name} is no JSON")

    content = json.loads(printed(capsys, "whole", "short", "--json"), parse_constant=refuse)
    assert list(content) == ["runs", "differences"]
    whole, short = content["runs"]
    assert list(whole) == list(short) == [
        "run", "steps", "memorized_step", "grok_step", "final", "key_frequencies", "phase",
        "exit", "config", "edits", "parent",
    ]  # fmt: skip
    assert (whole["run"], whole["steps"], whole["grok_step"]) == ("whole", 100, 70)
    assert whole["final"]["test_acc"] == 0.995
    assert whole["config"] == CONFIG.model_dump(mode="json")
    assert whole["edits"] == [
        {"step": 60, "field": "weight_decay", "old": 1.0, "new": 3.0, "undo": False}
    ]
    assert (short["key_frequencies"], short["parent"], short["exit"]) == (None, None, "cut off")
    assert content["differences"] == {"seed": [0, 1], "weight_decay": [1.0, 3.0]}


# --- refusals -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["whole"], "two or more run directories"),
        (["whole", "nowhere"], "nowhere is not a run directory"),
        (["whole", "."], ". is not a run directory"),
        (["whole", "short/../whole"], "whole is named twice"),
        (["whole", "short", "--csv"], "--csv"),
        (["whole", "broken"], "broken/metrics.jsonl is damaged in line 1"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused_in_one_line(
    runs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    (written(runs / "broken") / "metrics.jsonl").write_text("step 1\n")
    assert main(["compare", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.count("\n") == 1

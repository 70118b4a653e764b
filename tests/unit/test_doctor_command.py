"""The output of `grok-tui doctor`, for runs, configs and loss tables of other programs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from written_runs import COMPLETED, CONFIG, DIVERGED, RUN, STARTED, course, written

from grok_tui.cli.main import main
from grok_tui.config.presets import load_preset, preset_names
from grok_tui.config.schema import FIELDS
from grok_tui.protocol.events import ConfigApplied

HEADER = "step,train_loss,test_loss\n"
# The first user's plateau, as it was reported.
PLATEAU = [(0, 4.73, 4.74), (100, 4.2, 4.5), *((s, 1.5, 2.3) for s in range(500, 5001, 100))]


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> list[dict[str, Any]]:
    """The verdicts as JSON."""
    assert main(["doctor", "--json", *map(str, arguments)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    content = json.loads(captured.out)
    assert list(content) == [*(["understood"] if "--metrics" in arguments else []), "verdicts"]
    for verdict in content["verdicts"]:
        assert list(verdict) == ["id", "confidence", "evidence", "reason", "fix"]
        assert 0 < verdict["confidence"] <= 1
        assert verdict["reason"].endswith(".")
        assert list(verdict["fix"]) in (["set"], ["advice"])
        assert verdict["fix"].get("set", {}).keys() <= FIELDS.keys()
    return list(content["verdicts"])


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["doctor", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    return captured.err


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "losses.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def rows(points: list[tuple[int, float, float]]) -> str:
    return HEADER + "".join(f"{step},{train},{test}\n" for step, train, test in points)


# --- a config before it is trained ----------------------------------------------------------


@pytest.mark.parametrize("name", preset_names())
def test_a_patient_is_diagnosed_before_it_is_trained(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    principal = said(capsys, "--preset", name)[0]
    assert principal["id"] == (load_preset(name).patient or "on-track")


@pytest.mark.parametrize("name", [n for n in preset_names() if load_preset(n).patient])
def test_after_the_fix_a_patient_has_no_verdict(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    fix = said(capsys, "--preset", name)[0]["fix"]["set"]
    flags = [x for field, v in fix.items() for x in (f"--{field.replace('_', '-')}", v)]
    assert said(capsys, "--preset", name, *flags)[0]["id"] == "on-track"


def test_the_text_is_short_and_names_the_flags_to_use(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["doctor", "--preset", "no-decay"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("weight-decay-too-low  9")
    assert "  fix: --weight-decay 3\n" in text
    assert all(len(line) <= 80 for line in text.splitlines())
    assert text.isascii()


# --- a run ----------------------------------------------------------------------------------


def test_a_run_that_grokked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    principal = said(capsys, written(tmp_path / "run", *RUN))[0]
    assert principal["id"] == "grokked"
    assert principal["evidence"]["grok_step"] == 70
    assert principal["evidence"]["memorized_step"] == 20
    assert principal["evidence"]["key_frequencies"] == "2 5"


def test_a_run_that_diverged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = written(tmp_path / "run", STARTED, *course([(0.5, 0.01)] * 3), DIVERGED)
    principal = said(capsys, run)[0]
    assert (principal["id"], principal["confidence"]) == ("diverged", 1.0)
    assert principal["fix"] == {"set": {"lr": 0.0001}}


def test_a_run_is_diagnosed_by_its_config_with_edits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    memorized = list(course([(1.0, 0.01)] * 9))
    config = CONFIG.changed(weight_decay=0.0, train_fraction=0.8)
    run = written(tmp_path / "ill", STARTED, *memorized, config=config)
    assert said(capsys, run)[0]["id"] == "weight-decay-too-low"
    edit = ConfigApplied(90, "weight_decay", 0.0, 1.0)
    run = written(tmp_path / "mended", STARTED, *memorized, edit, COMPLETED, config=config)
    assert said(capsys, run)[0]["id"] == "too-few-steps"


def test_what_is_not_a_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "is not a run directory" in refused(capsys, tmp_path)
    assert "is not a run directory" in refused(capsys, tmp_path / "nowhere")
    assert "give DIR alone" in refused(capsys, tmp_path, "--lr", "1e-3")
    assert "lr" in refused(capsys, "--lr", "many")


# --- losses of another program --------------------------------------------------------------


def test_the_first_users_plateau(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    principal = said(capsys, "--metrics", table(tmp_path, rows(PLATEAU)))[0]
    assert principal["id"] == "init-too-small"
    assert principal["evidence"]["train_loss"] == 1.5


def test_only_given_flags_count_as_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path, rows([(s, 4.7 * 0.9**s, 5 + s / 10) for s in range(0, 2000, 10)]))
    (principal, *_) = said(capsys, "--metrics", path)
    assert "weight_decay" not in principal["evidence"]
    (principal, *_) = said(capsys, "--metrics", path, "--weight-decay", "0")
    assert principal["id"] == "weight-decay-too-low"
    assert principal["evidence"]["weight_decay"] == 0.0
    (principal, *_) = said(capsys, "--metrics", path, "--operation", "random")
    assert principal["id"] == "not-learnable"


@pytest.mark.parametrize(
    "header",
    ["Step,Train Loss,Test Loss", "EPOCH;train-loss;val_loss", "iter\ttrain/loss\teval loss"],
)
def test_other_spellings_of_the_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], header: str
) -> None:
    header = header.replace("train/loss", "loss/train")
    sign = next(c for c in ";\t," if c in header)
    text = "\ufeff" + header + "\r\n" + rows(PLATEAU).removeprefix(HEADER).replace(",", sign)
    assert said(capsys, "--metrics", table(tmp_path, text))[0]["id"] == "init-too-small"


def test_a_nan_loss_is_a_divergence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path, HEADER + "0,4.7,4.8\n1,9,9\n2,nan,nan\n")
    assert said(capsys, "--metrics", path)[0]["id"] == "diverged"


def test_cells_without_a_measurement_may_be_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["step,train_loss,test_loss,train_acc,test_acc,note"]
    lines += [
        f"{s},0.001,{'' if s % 10 else 0.002},{'' if s % 10 else 1},1,x" for s in range(99)
    ]
    path = table(tmp_path, "\n".join(lines))
    assert said(capsys, "--metrics", path)[0]["id"] == "no-delay-expected"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there are no steps; write a header"),
        (HEADER, "there are no steps"),
        ("a,b\n1,2\n", "there is no column train_loss, test_loss; losses.csv has 'a', 'b'"),
        (HEADER + "1,2,3\n2,x,3\n", "line 3, column 'train_loss': 'x' is not a number"),
        (HEADER + "1,2,3\n2,0x1F,3\n", "line 3, column 'train_loss': '0x1F' is not a number"),
        (HEADER + "1,2,3\n2,1_0,3\n", "'1_0' is not a number"),
        (HEADER + "2,2,3\n\n1,2,3\n", "line 4, column 'train_loss': step 1 comes after step 2"),
        (HEADER + "1,2,3\n1,2,4\n", "line 3, column 'test_loss': a second value at step 1"),
        (HEADER + "1.5,2,3\n", "line 2, column 'step': '1.5' is not a whole number"),
        (HEADER + "inf,2,3\n", "line 2, column 'step': 'inf'"),
        (HEADER + "1e99,2,3\n", "line 2, column 'step': '1e99'"),
        (HEADER + "-1,2,3\n", "line 2, column 'step': '-1'"),
        (HEADER + ",2,3\n", "line 2, column 'step': '' is not a whole number"),
        (HEADER + "1,-2,3\n", "line 2, column 'train_loss': '-2' is negative"),
        (HEADER + "1,2\n", "line 2: 2 cells where the header has 3"),
        (HEADER + '1,2,"3\n', "line 2 is not a line of a CSV table"),
        (HEADER + f"1,2,{'9x' * 100}\n", "is not a number"),
        ("1,2,3\n4,5,6\n", "line 1: 3 cells, but no header"),
        ("step,loss,loss,val_loss\n", "line 1: two columns are named 'loss'"),
        (b"\xff\xfe\x00", "there are no steps"),
        (b"step,train_loss,test_loss\n1,2,3\n2,\x00,4\n", "line 3, column 'train_loss'"),
        (HEADER.strip() + ",test_acc\n1,2,3,101\n", "'101' is above 100%"),
        ("[" * 99999, "it is not JSON, or not all of it is written yet"),
        ('{"step": 1}\nx\n', "line 2 is not JSON"),
        ('{"step": 1}\n[1]\n', "line 2 is not a JSON object"),
        ('[{"step": 1}, 2]', "entry 2 is not a JSON object"),
        ('[{"step": 1, "loss": 2, "val_loss": "x"}]', "entry 1, column 'val_loss': 'x' is not"),
    ],
)  # fmt: skip
def test_an_invalid_table_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, words: str
) -> None:
    path = table(tmp_path, text)
    message = refused(capsys, "--metrics", path)
    assert f"{path}: " in message
    assert words in message


def test_what_was_understood_comes_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = table(tmp_path, rows(PLATEAU).replace("test_loss", "loss 2"))
    arguments = ["doctor", "--metrics", str(path), "--columns", "test_loss=loss 2"]
    assert main(arguments) == 0
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "48 train and 48 test points, steps 0 to 5,000, losses to 0.01"
    assert second == ""


def test_flags_about_losses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = table(tmp_path, HEADER.strip() + ",test_acc\n1,4.73,4.75,0.9\n0,4.7,4.8,0.9\n")
    assert "add --resumed" in refused(capsys, "--metrics", path)
    assert "keep the lines of one run" in refused(capsys, "--metrics", path, "--resumed")
    path = table(tmp_path, HEADER.strip() + ",test_acc\n1,4.73,4.75,0.9\n2,0.1,25,0.9\n")
    assert "--accuracy percent or --accuracy share" in refused(capsys, "--metrics", path)
    assert said(capsys, "--metrics", path, "--accuracy", "percent")
    assert "go with --metrics" in refused(capsys, "--preset", "quick", "--resumed")
    assert "must be NAME=COLUMN" in refused(capsys, "--metrics", path, "--columns", "lr=x")


def test_an_unreadable_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot read" in refused(capsys, "--metrics", tmp_path / "none.csv")
    assert "cannot read" in refused(capsys, "--metrics", tmp_path)


def test_a_diagnosis_loads_neither_tinygrad_nor_textual(tmp_path: Path) -> None:
    path = table(tmp_path, rows(PLATEAU))
    code = (
        "import sys; from grok_tui.cli.main import main;"
        f"assert main(['doctor', '--metrics', {str(path)!r}]) == 0;"
        "assert not {'tinygrad', 'textual'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)

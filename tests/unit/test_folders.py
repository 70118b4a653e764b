from __future__ import annotations

import os
from pathlib import Path

import pytest

from grok_tui.runs.folders import name_of, new_folder, recorded_folders


def test_a_new_folder_is_named_by_time_and_does_not_exist_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.strftime", lambda form: "20260102-030405")
    names = []
    for _ in range(3):
        folder = new_folder("quick")
        folder.mkdir(parents=True)
        names.append(str(folder))
    stem = "runs/20260102-030405-quick"
    assert names == [stem, f"{stem}-2", f"{stem}-3"]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("runs/20260102-030405-quick", "quick"),
        ("runs/20260102-030405-my-own", "my-own"),
        ("runs/mine", "mine"),
        ("runs/one-two-three", "one-two-three"),
        ("runs/20260102-030405-", "20260102-030405-"),
    ],
)
def test_the_name_without_the_time(folder: str, name: str) -> None:
    assert name_of(Path(folder)) == name


def test_a_run_without_a_folder_has_a_name() -> None:
    assert name_of(None) == "run"


def test_recorded_folders_come_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert recorded_folders() == []
    for age, name in enumerate(["b", "c", "a"]):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "metrics.jsonl").touch()
        os.utime(folder, (1000 - age, 1000 - age))
    (tmp_path / "runs" / "no-run").mkdir()
    assert [folder.name for folder in recorded_folders()] == ["b", "c", "a"]

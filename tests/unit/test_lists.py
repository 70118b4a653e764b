from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grok_tui.cli import lists
from grok_tui.config.presets import load_preset, preset_names
from grok_tui.device import open as opening
from grok_tui.device.open import DEVICES, DeviceReport
from grok_tui.tui.themes import load_themes

COLUMNS = {
    "presets": ["name", "grok_step", "patient", "fields", "sentence"],
    "devices": ["name", "opens", "what", "note"],
    "themes": ["name", "dark", "from"],
    "keys": ["id", "keys", "what"],
}


@pytest.fixture(autouse=True)
def no_themes_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "grok-tui" / "themes"
    folder.mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return folder


@pytest.fixture
def devices(cpu: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a CPU and a broken GPU."""
    reports = [
        DeviceReport("CUDA", "NVIDIA GPU", "no driver"), DeviceReport("CPU", "processor", "")
    ]  # fmt: skip
    monkeypatch.setattr(opening, "survey", lambda: iter(reports))


class Printed:
    """Prints a list and returns its standard output; standard error must stay empty."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def text(self, command: str, *, as_json: bool = False) -> str:
        assert lists.run(lists.parse(command, ["--json"] if as_json else [])) == 0
        captured = self._capsys.readouterr()
        assert captured.err == ""
        assert captured.out.endswith("\n")
        return captured.out

    def rows(self, command: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.text(command, as_json=True))
        for row in rows:
            assert list(row) == COLUMNS[command]
        return rows

    def table(self, command: str) -> list[list[str]]:
        """The cells, cut where the column headings start."""
        first, *others = self.text(command).splitlines()
        assert first.split() == COLUMNS[command]
        starts = [first.index(name) for name in COLUMNS[command]]
        ends = [*starts[1:], None]
        for line in others:
            assert line == line.rstrip()
            for start in starts[1:]:
                assert line[start - 2 : start].strip() == ""
        pairs = list(zip(starts, ends, strict=True))
        return [[line[start:end].strip() for start, end in pairs] for line in others]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    return Printed(capsys)


@pytest.mark.usefixtures("devices")
@pytest.mark.parametrize("command", COLUMNS)
def test_the_table_and_the_json_agree(command: str, printed: Printed) -> None:
    rows, table = printed.rows(command), printed.table(command)
    assert [next(iter(row.values())) for row in rows] == [cells[0] for cells in table]
    last = COLUMNS[command][-1]
    assert [row[last] for row in rows] == [cells[-1] for cells in table]


def test_presets(printed: Printed) -> None:
    rows = printed.rows("presets")
    assert [row["name"] for row in rows] == preset_names()
    for row in rows:
        preset = load_preset(row["name"])
        assert row["fields"] == preset.fields
        assert row["grok_step"] == preset.grok_step
        assert row["patient"] == preset.patient
        assert row["sentence"] == preset.sentence


def test_cells_of_presets(printed: Printed) -> None:
    cells = {name: rest for name, *rest in printed.table("presets")}
    assert cells["stackexchange"][:3] == [
        "-",
        "init-too-small",
        "init=scaled-uniform warmup_steps=0",
    ]
    assert cells["nanda"][2] == "-"


@pytest.mark.usefixtures("devices")
def test_devices(printed: Printed) -> None:
    gpu, cpu = printed.rows("devices")
    expected = {"name": "CUDA", "opens": False, "what": "NVIDIA GPU", "note": "no driver"}
    assert gpu == expected
    assert (cpu["name"], cpu["opens"]) == ("CPU", True)
    assert cpu["note"].startswith("matrix products: ")
    assert [cells[1] for cells in printed.table("devices")] == ["no", "yes"]


def test_the_devices_of_this_machine(cpu: str, printed: Printed) -> None:
    rows = {row["name"]: row for row in printed.rows("devices")}
    assert list(rows) == list(DEVICES)
    assert rows[cpu]["opens"] is True
    for row in rows.values():
        assert row["note"].splitlines() == [row["note"]]


def test_themes(printed: Printed) -> None:
    rows = printed.rows("themes")
    themes = load_themes()[0]
    assert [(row["name"], row["dark"]) for row in rows] == [
        (theme.name, theme.dark) for theme in themes.values()
    ]
    dark = {cells[0]: cells[1] for cells in printed.table("themes")}
    assert dark == {name: "yes" if theme.dark else "no" for name, theme in themes.items()}


def test_a_skipped_theme_is_listed_with_the_reason(
    no_themes_of_the_users: Path, printed: Printed
) -> None:
    bad = no_themes_of_the_users / "bad.toml"
    bad.write_text("name = 1")
    row = printed.rows("themes")[-1]
    assert (row["name"], row["dark"]) == ("skipped", None)
    assert row["from"].startswith(f"theme {bad} skipped: ")
    assert printed.table("themes")[-1][:2] == ["skipped", "-"]


def test_keys_with_the_users_own(printed: Printed, no_themes_of_the_users: Path) -> None:
    no_themes_of_the_users.with_name("keys.toml").write_text('pause = ["p", "["]\nfoo = "x"\n')
    rows = {row["id"]: row for row in printed.rows("keys")}
    assert rows["quit"] == {
        "id": "quit",
        "keys": ["q"],
        "what": "Quit: save first, or leave at once",
    }
    assert rows["weight_decay-up"]["keys"] == ["]"]
    skipped = [row["what"] for row in printed.rows("keys") if row["id"] == "skipped"]
    assert len(skipped) == 2
    assert "foo" in skipped[0]
    assert "pause and weight_decay-down; pause keeps its default" in skipped[1]
    assert rows["pause"]["keys"] == ["space"]
    assert ["weight_decay-up", "]", "weight_decay up, by about a quarter"] in printed.table(
        "keys"
    )

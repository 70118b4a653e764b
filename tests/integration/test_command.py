"""The commands of `grok-tui` that train nothing: lists, help, version."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import call, environment

from grok_tui import __version__
from grok_tui.config.schema import FIELDS, flag, is_live

IMPORTS = """
import sys
from grok_tui.cli.main import main
try:
    code = main(sys.argv[1:])
except SystemExit as end:
    code = end.code
heavy = {"tinygrad", "textual", "plotext", "scipy_openblas32"} & set(sys.modules)
print(code, *sorted(heavy), file=sys.stderr)
"""


@pytest.mark.parametrize("argument", ["--help", "--version", "presets"])
def test_commands_that_train_nothing_import_nothing_heavy(argument: str) -> None:
    command = [sys.executable, "-c", IMPORTS, argument]
    result = subprocess.run(
        command, capture_output=True, text=True, env=environment(), check=True, timeout=60
    )
    assert result.stderr == "0\n"
    assert result.stdout


def test_help_names_every_field_once() -> None:
    result = call("--help")
    assert (result.code, result.err) == (0, "")
    words = [word for line in result.out.splitlines() for word in line.split()[:1]]
    for name in FIELDS:
        assert words.count(flag(name)) == 1
        assert ("live" if is_live(name) else "restart") in result.out
    for name in (
        "--record",
        "--resume",
        "--preset",
        "--config",
        "presets",
        "devices",
        "themes",
    ):
        assert name in words


def test_version() -> None:
    result = call("--version")
    assert (result.code, result.out, result.err) == (0, f"grok-tui {__version__}\n", "")


def test_presets() -> None:
    result = call("presets", "--json")
    assert (result.code, result.err) == (0, "")
    presets = json.loads(result.out)
    names = [preset["name"] for preset in presets]
    assert names[:2] == ["quick", "nanda"]
    assert "stackexchange" in names
    for preset in presets:
        assert set(preset["fields"]) <= set(FIELDS)
        assert preset["sentence"].endswith(".")
    table = call("presets")
    assert (table.code, table.err) == (0, "")
    assert [line.split()[0] for line in table.out.splitlines()[1:]] == names


def test_devices() -> None:
    result = call("devices", "--json")
    assert (result.code, result.err) == (0, "")
    devices = {device["name"]: device for device in json.loads(result.out)}
    assert list(devices)[-1] == "CPU"
    assert devices["CPU"]["opens"]
    assert "OpenBLAS" in devices["CPU"]["note"]
    assert set(devices) >= {"METAL", "CUDA"}
    for device in devices.values():
        assert device["note"]
        assert "\n" not in device["note"]


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_keys_where_arrows_cannot_be_printed(encoding: str) -> None:
    """Arrows become words, since `<` is a key, too."""
    shown = subprocess.run(
        [sys.executable, "-m", "grok_tui", "keys"],
        check=True,
        capture_output=True,
        env=environment(PYTHONIOENCODING=encoding),
    ).stdout.decode("ascii")
    assert "shift+left " in shown
    assert "←" not in shown


def test_themes() -> None:
    result = call("themes", "--json")
    assert (result.code, result.err) == (0, "")
    themes = json.loads(result.out)
    assert {theme["dark"] for theme in themes} == {True, False}
    assert all(Path(theme["from"]).is_file() for theme in themes)
    table = call("themes")
    assert [line.split()[0] for line in table.out.splitlines()[1:]] == [
        t["name"] for t in themes
    ]

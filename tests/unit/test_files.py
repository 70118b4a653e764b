"""Folders of the user."""

from __future__ import annotations

from pathlib import Path

import pytest

from grok_tui.files import base_folder


@pytest.mark.parametrize("value", ["", "relative", "~/folder"])
def test_only_an_absolute_path_is_a_base_folder(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", value)
    assert base_folder("XDG_CONFIG_HOME", tmp_path) == tmp_path
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    assert base_folder("XDG_CONFIG_HOME", tmp_path) == tmp_path / "own"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert base_folder("XDG_CONFIG_HOME", tmp_path) == tmp_path

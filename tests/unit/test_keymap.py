from __future__ import annotations

from pathlib import Path

import pytest
from textual.binding import Binding

from grok_tui.tui.app import session_actions
from grok_tui.tui.keymap import Action, actions, keys_of, load_keymap

KNOWN = {
    "go": Action("go", ("g",), "Go"),
    "stop": Action("stop", ("s", "S"), "Stop"),
    "look": Action("look", ("left_square_bracket",), "Look"),
}


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "grok-tui").mkdir()
    return tmp_path / "grok-tui" / "keys.toml"


def test_actions_of_bindings() -> None:
    bindings = [Binding("a,[", "one", "One", id="one"), Binding("b", "none", "No id")]
    assert actions(bindings) == {"one": Action("one", ("a", "left_square_bracket"), "One")}


def test_no_file_changes_nothing() -> None:
    assert load_keymap(KNOWN) == ({}, [])
    assert list(keys_of(KNOWN, {})) == list(KNOWN.values())


def test_keys_by_name_by_character_and_several(file: Path) -> None:
    file.write_text('go = "f5"\nstop = ["]", "ctrl+s"]\nlook = "?"\n')
    keymap, problems = load_keymap(KNOWN)
    assert problems == []
    assert keymap == {
        "go": ("f5",), "stop": ("right_square_bracket", "ctrl+s"), "look": ("question_mark",)
    }  # fmt: skip
    assert [action.keys for action in keys_of(KNOWN, keymap)] == list(keymap.values())


def test_two_actions_may_change_places(file: Path) -> None:
    file.write_text('go = "s"\nstop = "g"\n')
    assert load_keymap(KNOWN) == ({"go": ("s",), "stop": ("g",)}, [])


@pytest.mark.parametrize(
    ("text", "left", "words"),
    [
        ('jump = "j"', {}, ["jump", "no such action; there are: go, stop, look"]),
        ("go = 3", {}, ["go", "the name of a key"]),
        ("go = []", {}, ["go", "the name of a key"]),
        ('go = ["a", 1]', {}, ["go", "the name of a key"]),
        ('go = ""', {}, ["go", "empty"]),
        ('go = "S"', {}, ["S is for go and for stop; go stays as it was"]),
        ('go = "x"\nlook = "x"', {"go": ("x",)}, ["x is for go and for look; look stays"]),
        ("go =", {}, ["skipped"]),
    ],
)
def test_what_is_wrong_is_said_and_skipped(
    text: str, left: dict[str, tuple[str, ...]], words: list[str], file: Path
) -> None:
    file.write_text(text)
    keymap, problems = load_keymap(KNOWN)
    assert keymap == left
    (problem,) = problems
    assert str(file) in problem
    assert all(word in problem for word in words)


def test_the_sessions_own_keys_do_not_clash(file: Path) -> None:
    known = session_actions()
    file.write_text(f'pause = "{known["pause"].keys[0]}"')
    assert load_keymap(known) == ({"pause": known["pause"].keys}, [])

from __future__ import annotations

from pathlib import Path

import pytest
from textual.binding import Binding

from grok_tui.tui.app import SessionApp, occupied_keys, session_actions
from grok_tui.tui.keys.keymap import (
    SENTENCES,
    Action,
    Entry,
    actions,
    entries,
    in_force,
    key_text,
    keys_of,
    load_keymap,
)
from grok_tui.tui.panes.layout import PANES
from grok_tui.tui.screens.live import Live
from grok_tui.tui.screens.replay import Replay

KNOWN = {
    "go": Action("go", ("g",), "Go"),
    "stop": Action("stop", ("s", "S"), "Stop"),
    "look": Action("look", ("left_square_bracket",), "Look"),
}
# Two panes with their own keys, besides those of the whole session.
SCOPED = {
    **KNOWN,
    "grid-next": Action("grid-next", ("n",), "Next", "Grid"),
    "log-next": Action("log-next", ("n",), "Next", "Log"),
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


def test_keys_are_given_by_name_by_character_or_as_a_list(file: Path) -> None:
    file.write_text('go = "f5"\nstop = ["]", "ctrl+s"]\nlook = "?"\n')
    keymap, problems = load_keymap(KNOWN)
    assert problems == []
    assert keymap == {
        "go": ("f5",), "stop": ("right_square_bracket", "ctrl+s"), "look": ("question_mark",)
    }  # fmt: skip
    assert [action.keys for action in keys_of(KNOWN, keymap)] == list(keymap.values())


def test_two_actions_may_swap_keys(file: Path) -> None:
    file.write_text('go = "s"\nstop = "g"\n')
    assert load_keymap(KNOWN) == ({"go": ("s",), "stop": ("g",)}, [])


@pytest.mark.parametrize(
    ("text", "left", "words"),
    [
        ('jump = "j"', {}, ["jump", "no such action; choose one of go, stop, look"]),
        ("go = 3", {}, ["go", "the name of a key"]),
        ("go = []", {}, ["go", "the name of a key"]),
        ('go = ["a", 1]', {}, ["go", "the name of a key"]),
        ('go = ""', {}, ["go", "empty"]),
        ('go = "S"', {}, ["S is the key of both go and stop; go keeps its default"]),
        (
            'go = "x"\nlook = "x"',
            {"go": ("x",)},
            ["x is the key of both go and look; look keeps"],
        ),
        ('go = "[/]"', {}, ["go", "'[/]' is not a key"]),
        ('go = "ctrl+"', {}, ["go", "'ctrl+' is not a key"]),
        ('"go\\u001b\\n" = "a"', {}, ["no such action"]),
        ("go =", {}, ["skipped"]),
        ("go = " + "[" * 9999, {}, ["skipped", "nested too deeply"]),
    ],
)
def test_invalid_entries_are_reported_and_skipped(
    text: str, left: dict[str, tuple[str, ...]], words: list[str], file: Path
) -> None:
    file.write_text(text)
    keymap, problems = load_keymap(KNOWN)
    assert keymap == left
    (problem,) = problems
    assert str(file) in problem
    assert all(word in problem for word in words)
    assert problem.isprintable()


def test_the_sessions_own_keys_do_not_clash(file: Path) -> None:
    known = session_actions()
    file.write_text(f'pause = "{known["pause"].keys[0]}"')
    assert load_keymap(known, occupied_keys()) == ({"pause": known["pause"].keys}, [])


def test_keys_of_textual_cannot_be_taken(file: Path) -> None:
    file.write_text('quit = "ctrl+p"\nhelp = "ctrl+q"\ngrid-half = "ctrl+c"\n')
    keymap, problems = load_keymap(session_actions(), occupied_keys())
    assert keymap == {}
    assert sorted(problem.removeprefix(f"{file}: ") for problem in problems) == [
        "ctrl+c is the key of both help_quit (Textual) and grid-half;"
        " grid-half keeps its default",
        "ctrl+p is the key of both command palette (Textual) and quit; quit keeps its default",
        "ctrl+q is the key of both Quit (Textual) and help; help keeps its default",
    ]


@pytest.mark.parametrize("occupied", occupied_keys(), ids=lambda action: action.id)
def test_no_action_takes_an_occupied_key(occupied: Action, file: Path) -> None:
    known = session_actions()
    for action in filter(occupied.meets, known.values()):
        file.write_text(f'{action.id} = "{occupied.keys[0]}"')
        keymap, problems = load_keymap(known, occupied_keys())
        assert keymap == {}
        assert problems[0].endswith(f"{action.id} keeps its default")


# --- keys of panes --------------------------------------------------------------------


def test_actions_know_the_pane_they_belong_to() -> None:
    bindings = [Binding("n,N", "next", "Next", id="next")]
    assert actions(bindings, "Grid") == {"next": Action("next", ("n", "N"), "Next", "Grid")}


def test_two_panes_may_have_the_same_key(file: Path) -> None:
    file.write_text('grid-next = "down"\nlog-next = "down"\n')
    keymap, problems = load_keymap(SCOPED)
    assert problems == []
    assert keymap == {"grid-next": ("down",), "log-next": ("down",)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'grid-next = "g"',
            "g is the key of both go and grid-next; grid-next keeps its default",
        ),
        ('go = "n"', "n is the key of both go and grid-next; go keeps its default"),
    ],
)
def test_a_pane_cannot_take_a_key_of_the_whole_session(
    text: str, problem: str, file: Path
) -> None:
    file.write_text(text)
    keymap, problems = load_keymap(SCOPED)
    assert keymap == {}
    assert problems == [f"{file}: {problem}"]


def test_a_pane_uses_a_key_for_one_action_only(file: Path) -> None:
    known = {**SCOPED, "grid-last": Action("grid-last", ("l",), "Last", "Grid")}
    file.write_text('grid-last = "n"')
    keymap, problems = load_keymap(known)
    assert keymap == {}
    assert "n is the key of both grid-next and grid-last" in problems[0]


def test_the_sessions_actions_include_screen_app_and_panes() -> None:
    known = session_actions()
    everywhere = [*Live.BINDINGS, *Replay.BINDINGS, *SessionApp.BINDINGS]
    assert {action.id for action in known.values() if not action.scope} == {
        *actions(everywhere)
    }
    for pane in PANES:
        own = {action.id for action in known.values() if action.scope == pane.TITLE}
        assert own == {*actions(pane.BINDINGS)}  # no other pane has the same id
    assert any(action.scope for action in known.values())


def test_terminals_multiplexers_and_ssh_pass_every_key() -> None:
    keys = [key for action in session_actions().values() for key in action.keys]
    assert len(keys) > 20
    assert not [key for key in keys if {"ctrl", "alt", "super", "meta"} & {*key.split("+")}]


# --- in words -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("space", "space"),
        ("left_square_bracket", "["),
        ("right_curly_bracket", "}"),
        ("question_mark", "?"),
        ("S", "S"),
        ("enter", "enter"),
        ("backspace", "backspace"),
        ("escape", "esc"),
        ("pageup", "pgup"),
        ("shift+left", "shift+←"),
        ("ctrl+p", "ctrl+p"),
        ("plus", "+"),
        ("minus", "-"),
    ],
)
def test_keys_as_people_write_them(key: str, text: str) -> None:
    assert key_text(key) == text


BINDINGS = [
    Binding("a,[", "one", "first thing", id="one"),
    Binding("b", "two", "Two", key_display="B"),
    Binding("space", "toggle_pause", "Pause", id="pause"),
    Binding("c", "three", "Three", id="three", tooltip="The third thing"),
]


def test_the_users_keys_replace_the_default_ones() -> None:
    keys = [b.key for b in in_force(BINDINGS, {"one": ("x", "y"), "pause": ("p",)})]
    assert keys == ["x", "y", "b", "p", "c"]


def test_entries_are_actions_in_words_with_all_their_keys() -> None:
    assert entries(BINDINGS, {"three": ("f5",)}) == [
        Entry("one", "First thing", "a [", "one"),
        Entry(None, "Two", "B", "two"),
        Entry("pause", SENTENCES["pause"], "space", "toggle_pause"),
        Entry("three", "The third thing", "f5", "three"),
    ]


def test_entries_know_the_pane_that_they_show() -> None:
    bindings = [Binding("4", "x", "", id="pane-4"), Binding("p", "y", "", id="pane-before")]
    assert [entry.pane for entry in entries(bindings, {})] == [4, None]


def test_every_description_belongs_to_an_action() -> None:
    assert SENTENCES.keys() <= session_actions().keys()

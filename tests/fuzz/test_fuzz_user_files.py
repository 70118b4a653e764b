"""Invalid user files and leftovers of earlier runs are skipped, and never stop a session."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from garbage import ANYTHING, Fuzz, check_line, mutated
from hypothesis import strategies as st
from made_run import CONFIG
from test_fuzz_config import FILES, TOML_TEXT, TOML_VALUES
from textual.binding import Binding

from grok_tui.text import duration
from grok_tui.tui.app import session_actions
from grok_tui.tui.keys.keymap import in_force, key_text, keys_of, load_keymap
from grok_tui.tui.preferences import remembered_theme
from grok_tui.tui.themes import load_themes
from grok_tui.view.estimate import recorded_speed

SHIPPED = sorted((Path(__file__).parents[2] / "themes").glob("*.toml"))
KNOWN = session_actions()


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's config folder, empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "grok-tui"
    (folder / "themes").mkdir(parents=True)
    return folder


def test_any_keys_are_taken_or_skipped(fuzz: Fuzz, mine: Path) -> None:
    keys = st.sampled_from(
        ["a", "]", "ctrl+s", "f6", "", ",", "a,b", "++", "ctrl+", "\n", "é", "q"]
    )
    keys |= TOML_TEXT
    tables = st.dictionaries(
        st.sampled_from(list(KNOWN)) | TOML_TEXT,
        keys | st.lists(keys, max_size=3) | TOML_VALUES,
        max_size=4,
    )

    def check(content: bytes) -> None:
        (mine / "keys.toml").write_bytes(content)
        keymap, problems = load_keymap(KNOWN)
        for problem in problems:
            check_line(problem)
        assert keymap.keys() <= KNOWN.keys()
        for action in keys_of(KNOWN, keymap):
            for key in action.keys:
                check_line(key_text(key))
        assert list(in_force([Binding("x", "x", id="pause")], keymap))

    fuzz("key files", tables.map(lambda t: tomli_w.dumps(t).encode()) | FILES, check)


def test_any_theme_is_used_or_skipped(fuzz: Fuzz, mine: Path) -> None:
    good = SHIPPED[0].read_bytes()
    content = tomllib.loads(good.decode())
    colors = st.sampled_from(
        ["red", "ansi_red", "auto", "auto 50%", "#fff", "#ffffff00", "rgb(1,2,3)",
         "hsl(1,2%,3%)", "rgba(999,-1,3,7)", "transparent", "$primary", "ansi_default"]
    )  # fmt: skip

    @st.composite
    def odd(draw: st.DrawFn) -> bytes:
        """A theme with one value changed."""
        theme = {k: dict(v) if isinstance(v, dict) else v for k, v in content.items()}
        table = draw(st.sampled_from([theme, theme["colors"], theme["series"]]))
        table[draw(st.sampled_from(sorted(table)) | TOML_TEXT)] = draw(colors | TOML_VALUES)
        return tomli_w.dumps(theme).encode()

    def check(written: bytes) -> None:
        (mine / "themes" / "a.toml").write_bytes(written)
        themes, problems = load_themes()
        for problem in problems:
            check_line(problem)
        assert len(problems) <= 1
        assert len(themes) >= len(SHIPPED)
        for theme in themes.values():
            check_line(theme.name)
            assert theme.textual().to_color_system().generate()

    fuzz("theme files", odd() | mutated(good) | FILES, check)


def test_any_preferences_are_read_or_ignored(fuzz: Fuzz, mine: Path) -> None:
    def check(content: bytes) -> None:
        (mine / "preferences.toml").write_bytes(content)
        assert isinstance(remembered_theme(), str | None)

    tables = st.dictionaries(st.just("theme") | TOML_TEXT, TOML_VALUES, max_size=2)
    fuzz("preferences", tables.map(lambda t: tomli_w.dumps(t).encode()) | FILES, check)


def test_any_summary_gives_a_speed_or_none(fuzz: Fuzz, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(tomli_w.dumps(CONFIG.model_dump(mode="json")))
    whole: dict[str, Any] = {
        "steps": 200, "steps_per_second": 9.0, "device": "CPU", "compile_seconds": 1.0,
        "eval_seconds": 1.0,
    }  # fmt: skip
    good = json.dumps(whole).encode()
    changes = st.dictionaries(st.sampled_from(list(whole)), ANYTHING, min_size=1, max_size=2)

    @st.composite
    def odd(draw: st.DrawFn) -> bytes:
        try:
            return json.dumps({**whole, **draw(changes)}).encode()
        except ValueError:  # Python does not write integers over 4,300 digits
            return b"[" * 9999

    def check(content: bytes) -> None:
        (tmp_path / "summary.json").write_bytes(content)
        speed = recorded_speed(CONFIG, [tmp_path])
        if speed is not None:
            check_line(f"{duration(speed.seconds(CONFIG, 600))} on {speed.device}")

    fuzz("summaries", odd() | mutated(good) | st.binary(max_size=40), check)

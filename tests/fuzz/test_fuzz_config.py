"""Any settings from any place are a config or are refused in one line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from garbage import ANYTHING, TEXT, Fuzz, attempt, mutated
from hypothesis import strategies as st

from grok_tui.config.schema import FIELDS, Config, build
from grok_tui.config.sources import ENV_PREFIX, load_file, resolve
from grok_tui.tasks import registry
from grok_tui.tasks.registry import make_task

NAMES = st.sampled_from(list(FIELDS))
# Values that TOML can give a name, including those of a config.
TOML_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
TOML_VALUES = st.recursive(
    st.booleans()
    | st.integers()
    | st.floats()
    | TOML_TEXT
    | st.dates()
    | st.times()
    | st.datetimes()
    | st.sampled_from([10**400, -(10**400)]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TOML_TEXT, inner, max_size=3),
    max_leaves=6,
)
TOML_TABLES = st.dictionaries(NAMES | TOML_TEXT, TOML_VALUES, max_size=4)
GOOD_TOML = tomli_w.dumps(Config().model_dump(mode="json")).encode()
ODD_FILES = [
    b"\xef\xbb\xbflr = 0.5", b"lr = 0.5\0", b"\0", b"lr = nan", b"lr = -inf", b"steps = 1e999",
    b"lr = 1\nlr = 2", b"d-model = 8\nd_model = 8", b'"l\\u0072" = 0.5\nlr = 0.5',
    b"lr = '\xed\xa0\x80'", b'device = "\\ud800"', b'device = "CPU\\n"', b"lr = " + b"[" * 9999,
    b"a." * 999 + b"b = 1", b"[" + b"a." * 999 + b"b]", b"lr = " + b"9" * 9999, b"[[lr]]",
    b"environment = 3", b"[parent]\nlr = 3", b"\xff\xfel\0r\0", b"lr = 0x_1", b"seed = 0o7",
    b'"" = 1', b'"\\n" = 1', b"lr = 1979-05-27T07:32:00Z", b"lr = {a = {b = {c = 1}}}",
]  # fmt: skip
FILES = (
    st.sampled_from(ODD_FILES)
    | st.binary(max_size=60)
    | TEXT.map(lambda text: text.encode(errors="surrogatepass"))
    | TOML_TABLES.map(lambda table: tomli_w.dumps(table).encode())
    | mutated(GOOD_TOML)
)


def check_config(config: Config | None) -> None:
    if config is not None:
        assert build(config.model_dump(mode="json")) == config
        task = make_task(config)
        assert 0 < task.n_train < task.n_pairs


def test_any_mapping_is_a_config_or_is_refused(fuzz: Fuzz) -> None:
    def check(fields: dict[str, Any]) -> None:
        check_config(attempt(lambda: build(fields)))

    fuzz("config mappings", st.dictionaries(NAMES | TEXT, ANYTHING, max_size=4), check)


def test_any_file_is_a_config_or_is_refused(fuzz: Fuzz, tmp_path: Path) -> None:
    path = tmp_path / "some.toml"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        attempt(lambda: load_file(path))
        check_config(attempt(lambda: resolve({}, path, check=registry.check)))

    fuzz("config files", FILES, check)


@pytest.mark.parametrize("content", ODD_FILES, ids=range(len(ODD_FILES)))
def test_an_odd_file_is_a_config_or_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "some.toml").write_bytes(content)
    check_config(attempt(lambda: resolve({}, tmp_path / "some.toml", check=registry.check)))


def test_any_flags_and_variables_are_a_config_or_are_refused(
    fuzz: Fuzz, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The environment may contain any bytes; Python decodes invalid ones to surrogates.
    values = st.binary(max_size=12).map(lambda b: os.fsdecode(b.replace(b"\0", b"0")))
    numbers = st.integers(-2, 600).map(str) | st.floats().map(str)
    variables = NAMES.map(str.upper) | NAMES | st.sampled_from(["LRR", "", "D MODEL", "é\n"])

    def check(case: tuple[dict[str, str], dict[str, str]]) -> None:
        flags, environment = case
        with monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(ENV_PREFIX + name, value)
            check_config(attempt(lambda: resolve(flags, check=registry.check)))

    cases = st.tuples(
        st.dictionaries(NAMES, TEXT | numbers, max_size=3),
        st.dictionaries(variables, values | numbers, max_size=3),
    )
    fuzz("flags and variables", cases, check)

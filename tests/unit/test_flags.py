from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grok_tui import __version__
from grok_tui.cli import lists, train
from grok_tui.cli.main import COMMANDS, main
from grok_tui.config.schema import FIELDS, Config, flag, is_live
from grok_tui.config.sources import resolve
from grok_tui.tasks.registry import check, choices
from grok_tui.text import UserError

HINT = " (try grok-tui --help)"
LISTS = [name for name, command in COMMANDS.items() if command.module == "lists"]


def parse(arguments: list[str]) -> Namespace:
    """The parsed options of `grok-tui`."""
    if arguments and arguments[0] in LISTS:
        return lists.parse(arguments[0], arguments[1:])
    return train.parse("", arguments)


@pytest.fixture
def help_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The help of each flag in one line, and the whole help under ""."""
    monkeypatch.setenv("COLUMNS", "1000")
    with pytest.raises(SystemExit) as ended:
        parse(["--help"])
    assert ended.value.code == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = [" ".join(part.split()) for part in captured.out.split("\n  --")]
    return {f"--{line.split()[0]}": line for line in lines} | {"": captured.out}


def refusal(arguments: list[str]) -> str:
    with pytest.raises(UserError) as caught:
        parse(arguments)
    text = str(caught.value)
    assert text.splitlines() == [text]
    return text


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_a_flag_in_kebab_case(name: str) -> None:
    kebab = "--" + name.replace("_", "-")
    assert flag(name) == kebab
    for arguments in ([kebab, "some value"], [f"{kebab}=some value"]):
        options = parse(arguments)
        assert options.fields == {name: "some value"}


@pytest.mark.parametrize("name", FIELDS)
def test_help_shows_default_and_kind_of_every_field(
    name: str, help_lines: dict[str, str]
) -> None:
    line, field = help_lines[flag(name)], FIELDS[name]
    assert str(field.description) in line
    default = line.rpartition("(default ")[2].partition(") ")[0].removesuffix(")")
    kind = "live" if is_live(name) else "restart"
    assert default.endswith(f"; {kind}")
    shown = default.removesuffix(f"; {kind}").partition(",")[0]
    assert type(field.default)(shown) == field.default
    for choice in choices(name):
        assert choice in line


def test_help_shows_the_bounds(help_lines: dict[str, str]) -> None:
    assert "FLOAT learning rate (default 0.001, 0 < x <= 10; live)" in help_lines["--lr"]
    assert "(default 0.9, 0 <= x < 1; live)" in help_lines["--beta1"]
    assert "(default 0.3, 0 < x < 1; restart)" in help_lines["--train-fraction"]
    assert (
        "INT modulus p, an odd number (default 113, 5 <= x <= 499; restart)"
        in (help_lines["--modulus"])
    )
    assert "(default 1e-08, 1e-30 <= x <= 1; live)" in help_lines["--eps"]


def test_help_names_groups_environment_and_lists(help_lines: dict[str, str]) -> None:
    text = help_lines[""]
    for words in ("task:", "model:", "optimizer:", "run:", "GROK_TUI_<FIELD>", *COMMANDS):
        assert words in text


def test_nothing_is_set_without_flags() -> None:
    options = parse([])
    assert options.fields == {}
    given = (options.preset, options.config, options.record, options.resume, options.theme)
    assert given == (None,) * 5
    assert options.no_save is False


def test_flags_that_are_not_fields() -> None:
    places = ["--config", "a.toml", "--record", "run", "--resume", "old"]
    options = parse(["--preset", "quick", *places, "--no-save", "--theme", "paper"])
    assert (options.preset, options.theme, options.no_save) == ("quick", "paper", True)
    given = (options.config, options.record, options.resume)
    assert given == (Path("a.toml"), Path("run"), Path("old"))


def test_given_flags_make_a_config() -> None:
    options = parse(["--weight-decay", "2", "--lr", "3e-3", "--seed", "7", "--decay=coupled"])
    expected = Config(weight_decay=2, lr=3e-3, seed=7, decay="coupled")
    assert resolve(options.fields, check=check) == expected


@pytest.mark.parametrize("value", ["-1", "-0.5"])
def test_a_negative_number_is_a_value(value: str) -> None:
    assert parse(["--lr", value]).fields == {"lr": value}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--momentum", "0.9"], "unrecognized arguments: --momentum 0.9"),
        (
            ["--weight_decay", "1"],
            "unrecognized arguments: --weight_decay 1; did you mean --weight-decay?",
        ),
        (["--weight", "1"], "unrecognized arguments: --weight 1; did you mean --weight-decay?"),
        (["quick"], "unrecognized arguments: quick"),
        (["--json"], "unrecognized arguments: --json"),
        (["--lr"], "argument --lr: expected one argument"),
        (["--lr", "--seed", "1"], "argument --lr: expected one argument"),
        (["--no-save=1"], "argument --no-save: ignored explicit argument '1'"),
        (["presets", "--lr", "1"], "unrecognized arguments: --lr 1"),
        (["replya", "run"], "unrecognized arguments: replya run; did you mean replay?"),
        (["--record", ""], "argument --record: must name a file or a folder (got '')"),
        (["--branch", "run", "--at", "x"], "argument --at: must be a whole number (got 'x')"),
        (["themes", "dark"], "unrecognized arguments: dark"),
    ],
)
def test_wrong_arguments_are_refused_in_one_line(arguments: list[str], says: str) -> None:
    program = " ".join(["grok-tui", *(word for word in arguments[:1] if word in LISTS)])
    assert refusal(arguments) == f"{says} (try {program} --help)"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_describes_itself(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "--help"]) == 0
    assert COMMANDS[command].about[1:] in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("command", LISTS)
def test_the_lists(command: str) -> None:
    assert (parse([command]).list, parse([command]).json) == (command, False)
    assert parse([command, "--json"]).json is True


def test_a_list_must_come_first() -> None:
    assert refusal(["--lr", "1", "presets"]) == (
        f"unrecognized arguments: presets; a command comes first{HINT}"
    )


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"grok-tui {__version__}\n"


WORDS = st.sampled_from(["--lr", "--lr=1", "1", "-1", "--", "-x", "", "presets", "--no-save"])


@settings(deadline=None)
@given(st.lists(WORDS | st.text(st.characters(categories=("L", "P")), max_size=5), max_size=4))
def test_any_arguments_are_options_or_one_line(arguments: list[str]) -> None:
    """Nothing else, and no SystemExit as after --help."""
    try:
        options = parse(arguments)
    except UserError as error:
        text = str(error)
        assert text.splitlines() == [text]
        assert text.endswith((HINT, " (try grok-tui presets --help)"))
    else:
        assert vars(options).get("list", "presets") == "presets"

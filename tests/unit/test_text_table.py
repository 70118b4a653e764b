from __future__ import annotations

from grok_tui.text import cell, table

ROWS = [
    {"name": "a", "steps": 1500, "keys": [1, 14, 41], "loss": None},
    {"name": "longer", "steps": 2, "keys": [], "loss": "0.5"},
]


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(ROWS).splitlines() == [
        "name    steps  keys     loss",
        "a       1500   1 14 41  -",
        "longer  2      -        0.5",
    ]


def test_what_a_line_has_no_room_for_follows_below() -> None:
    for width in (22, 27):
        assert table(ROWS, width).splitlines() == [
            "name    steps  keys",
            "a       1500   1 14 41",
            "longer  2      -",
            "",
            "name    loss",
            "a       -",
            "longer  0.5",
        ]
    assert table(ROWS, 28) == table(ROWS)


def test_every_block_has_one_column_at_least() -> None:
    blocks = table(ROWS, 3).split("\n\n")
    assert [block.split("\n")[0].split() for block in blocks] == [
        ["name", "steps"], ["name", "keys"], ["name", "loss"]
    ]  # fmt: skip
    assert table([{"name": "a"}], 3) == "name\na"


def test_cells() -> None:
    values = (True, False, None, {}, {"lr": 0.5, "seed": 1}, [], ["a", "b"], 0.25)
    expected = ["yes", "no", "-", "-", "lr=0.5 seed=1", "-", "a b", "0.25"]
    assert [cell(value) for value in values] == expected

"""Damaged and foreign files of losses are read or refused, and never believed by half."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from garbage import ANYTHING, Fuzz, attempt, check_line, mutated
from hypothesis import strategies as st

from grok_tui.runs.importing.losses import read_losses

FILES = Path(__file__).parents[1] / "data" / "losses"
NAMES = st.sampled_from(
    ["step", "epoch", "loss", "val_loss", "accuracy", "value", "tag", "split"]
)


def check(folder: Path, content: bytes) -> None:
    path = folder / "losses"
    path.write_bytes(content)
    imported = attempt(lambda: read_losses([path], {}, {}))
    if imported is None:
        return
    check_line(imported.understood)
    case = imported.case
    for curve in (case.train_loss, case.test_loss, case.train_acc, case.test_acc):
        assert (np.diff(curve.steps) > 0).all()
        assert np.isfinite(curve.values).all()
        assert not len(curve) or (curve.values.min() >= 0 and curve.steps[-1] <= case.steps)
    for curve in (case.train_acc, case.test_acc):
        assert not len(curve) or curve.values.max() <= 1


def test_damaged_files(fuzz: Fuzz, tmp_path: Path) -> None:
    whole = st.sampled_from(sorted(FILES.iterdir())).map(Path.read_bytes)
    fuzz("losses", whole.flatmap(mutated), lambda content: check(tmp_path, content))


def test_any_json(fuzz: Fuzz, tmp_path: Path) -> None:
    cells = ANYTHING | st.lists(ANYTHING, max_size=3)
    objects = st.dictionaries(NAMES, cells, max_size=4)
    documents = objects | st.lists(objects | ANYTHING, max_size=3) | ANYTHING

    def checked(document: object) -> None:
        try:
            content = json.dumps(document)
        except ValueError:  # Python does not write integers over 4,300 digits
            content = "[" * 9999
        check(tmp_path, content.encode(errors="replace"))
        check(tmp_path, f"{content}\n{content}\n".encode(errors="replace"))

    fuzz("losses in JSON", documents, checked)


def test_any_table(fuzz: Fuzz, tmp_path: Path) -> None:
    cell = st.sampled_from(
        ["", "1", "2,5", "0.5", "nan", '"', "-1", "1e5", "50%", "train", "#"]
    )
    lines = st.lists(st.lists(NAMES | cell, max_size=4), max_size=5)
    sign = st.sampled_from([",", ";", "\t", " "])

    def checked(case: tuple[list[list[str]], str]) -> None:
        table, delimiter = case
        content = "\n".join(map(delimiter.join, table)) + "\n"
        check(tmp_path, content.encode())

    fuzz("losses in tables", st.tuples(lines, sign), checked)
    fuzz("losses in bytes", st.binary(max_size=60), lambda content: check(tmp_path, content))

"""Losses that other programs wrote: every format gives the same case, and none a wrong one."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from loggers import LOGGERS, Logger, Measured

from grok_tui.doctor import Case
from grok_tui.runs.importing.losses import read_losses
from grok_tui.runs.importing.names import meaning
from grok_tui.runs.importing.row import TableError

FILES = Path(__file__).parents[1] / "data" / "losses"
CURVES = ("train_loss", "test_loss", "train_acc", "test_acc")
TENSORBOARD = {name: f"tensorboard-{name.replace('_', '-')}.csv" for name in CURVES}
ONE_FILE = sorted(
    path.name for path in FILES.iterdir() if path.name not in TENSORBOARD.values()
)
HEADER = "step,train_loss,test_loss\n"


def read(folder: Path, content: str | bytes, columns: dict[str, str] | None = None,
         **options: Any) -> Case:  # fmt: skip
    return _read(folder, content, columns, **options).case


def understood(folder: Path, content: str | bytes, **options: Any) -> str:
    return str(_read(folder, content, None, **options).understood)


def _read(folder: Path, content: str | bytes, columns: dict[str, str] | None,
          **options: Any) -> Any:  # fmt: skip
    path = folder / "losses"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_losses([path], {}, columns or {}, **options)


def points(case: Case) -> dict[str, dict[float, float]]:
    curves = {name: getattr(case, name) for name in CURVES}
    return {n: dict(zip(c.steps, c.values, strict=True)) for n, c in curves.items()}


def close(case: Case, other: Case) -> None:
    assert case.steps == other.steps
    assert case.diverged == other.diverged
    for name in CURVES:
        first, second = getattr(case, name), getattr(other, name)
        np.testing.assert_array_equal(first.steps, second.steps)
        np.testing.assert_allclose(first.values, second.values, rtol=1e-9)


# --- formats --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ONE_FILE)
def test_the_file_of_every_logger_gives_the_run(name: str) -> None:
    reference = read_losses([FILES / "metrics.jsonl"], {}, {})
    imported = read_losses([FILES / name], {}, {})
    close(imported.case, reference.case)
    said = imported.understood
    assert said.startswith("25 train and 12 test points, ")
    assert (
        f"{'epochs' if name in ('keras.csv', 'history.json') else 'steps'} 50 to 1,250" in said
    )
    assert ("in percent" if name == "spreadsheet.csv" else "from 0 to 1") in said
    assert ("resumed at epoch 550" in said) == (name == "keras.csv")


def test_one_file_for_each_curve() -> None:
    paths = [FILES / name for name in TENSORBOARD.values()]
    columns = {name: f"{file}:Value" for name, file in TENSORBOARD.items()}
    reference = read_losses([FILES / "metrics.jsonl"], {}, {})
    close(read_losses(paths, {}, columns).case, reference.case)


def test_the_losses_of_a_run_of_this_program(tmp_path: Path) -> None:
    line = {"step": 1, "train_loss": 4.75, "test_loss": 4.5, "train_acc": 0.25, "test_acc": 0.5,
            "weight_norm": 45.5, "lr": 0.001, "key_frequencies": [3], "restricted_loss": None,
            "sum_of_squares": {"W_E": 1.5}}  # fmt: skip
    case = read(tmp_path, json.dumps(line) + "\n")
    assert (case.steps, case.test_loss.last, case.weight_norm.last) == (1, 4.5, 45.5)


@st.composite
def runs(draw: st.DrawFn) -> list[Measured]:
    """Ascending steps; at each, something is measured of the train or of the test pairs."""
    steps = sorted(draw(st.sets(st.integers(0, 10**6), min_size=2, max_size=8)))
    places = draw(st.sampled_from([4, 9]))
    loss = st.floats(0, 50).map(lambda x: f"{x:.{places}f}")
    accuracy = st.integers(0, 480).map(lambda n: repr(n / 480))
    rows = []
    for number, step in enumerate(steps):
        train = number == 0 or draw(st.booleans())
        test = number == 0 or not train or draw(st.booleans())
        rows.append(Measured(step, {
            "train_loss": draw(loss) if train else None,
            "train_acc": draw(accuracy) if train else None,
            "test_loss": draw(loss) if test else None,
            "test_acc": draw(accuracy) if test else None,
        }))  # fmt: skip
    return rows


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=runs())
def test_the_same_curves_in_any_format_are_the_same_case(
    tmp_path: Path, rows: list[Measured]
) -> None:
    for logger in LOGGERS:
        case = read(tmp_path, logger(rows), accuracy="share")
        assert case.steps == rows[-1].step
        for name, curve in points(case).items():
            expected = {r.step: float(v) for r in rows if (v := r.values[name]) is not None}
            assert curve == expected, logger.__name__


# --- a file that is still being written ------------------------------------------------------


@pytest.mark.parametrize("name", ONE_FILE)
def test_a_file_cut_at_any_byte_has_no_wrong_number(tmp_path: Path, name: str) -> None:
    content = (FILES / name).read_bytes()
    right = points(read(tmp_path, content))
    resumed = content.find(b"\nepoch") + 1  # of `keras.csv`: what the resumed run replaces
    if resumed:
        replaced = points(read(tmp_path, content[:resumed]))
        right = {n: {**replaced[n], **curve} for n, curve in right.items()}
    counts = []
    for cut in {*range(0, len(content), 97), *range(len(content) - 120, len(content))}:
        try:
            case = read(tmp_path, content[:cut])
        except TableError as error:
            assert str(error).splitlines() == [str(error)]
            continue
        for quantity, curve in points(case).items():
            for step, value in curve.items():
                assert value in (right[quantity][step], replaced[quantity].get(step)
                                 if resumed else None)  # fmt: skip
        counts.append(len(case.train_loss))
    if name not in (
        "trainer_state.json",
        "history.json",
    ):  # JSON documents are whole or refused
        assert len(set(counts)) > 10


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    said = understood(tmp_path, HEADER + "1,4.7,4.8\n2,4.6,4.7\n3,4.5,4.")
    assert said.startswith("2 train and 2 test points, steps 1 to 2")
    assert said.endswith("; line 4 is not complete and was left out")
    whole = '{"step": 1, "loss": 4.7, "val_loss": 4.8}'
    case = read(tmp_path, f"{whole}\n{whole.replace('1', '2')}")
    assert case.steps == 2, "an object that ends is whole"


# --- encodings ------------------------------------------------------------------------------

TEXT = "# é\n" + HEADER + "".join(f"{s},{5 - s / 8},{5 + s / 8}\n" for s in range(20))


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode("utf-8-sig"), TEXT.encode("latin-1"), TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le"), TEXT.encode("utf-16-be"), gzip.compress(TEXT.encode()),
        gzip.compress(TEXT[:40].encode()) + gzip.compress(TEXT[40:].encode("utf-8")),
        TEXT.replace("\n", "\r\n").encode(), TEXT.replace("\n", "\r").encode(),
    ],
    ids=["BOM", "Latin-1", "UTF-16", "UTF-16-LE", "UTF-16-BE", "gzip", "gzips", "CRLF", "CR"],
)  # fmt: skip
def test_encodings(tmp_path: Path, content: bytes) -> None:
    case = read(tmp_path, content)
    np.testing.assert_array_equal(case.train_loss.values, 5 - np.arange(20) / 8)


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(TEXT.encode()))
    content[20] ^= 0xFF
    with pytest.raises(TableError, match="gzip"):
        read(tmp_path, bytes(content))


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "names"),
    [
        ("train_loss", "train_loss train/loss loss/train training_loss Train-Loss trainLoss"
                       " train_loss_epoch train.loss train_cross_entropy eval_train_loss"),
        ("test_loss", "val_loss valid/loss eval_loss eval/loss test/loss validation_loss"
                      " Loss/Val testing_loss dev_nll"),
        ("loss", "loss Loss epoch_loss cross-entropy nll"),
        ("acc", "acc accuracy top1 top-1 acc@1 sparse_categorical_accuracy"),
        ("train_acc", "train_acc accuracy/train train_top1 train_accuracy_top-1"),
        ("test_acc", "val_acc val/accuracy eval_accuracy test_acc valAcc val_top-1"),
        ("step", "step global_step _step trainer/global_step iteration iter it num_updates"),
        ("epoch", "epoch Epochs train/epoch"),
        ("weight_norm", "weight_norm weights/norm l2_norm param_norm norm"),
        ("", "lr grad_norm steps_per_second loss__MIN loss_2 top5 val_top-5 aux_loss entropy"
             " best_val_loss train_val_loss restricted_loss l2_loss é_loss train val"),
    ],
)  # fmt: skip
def test_names(column: str, names: str) -> None:
    assert {meaning(name) for name in names.split()} == {column}


# --- what is not clear ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("step,loss,train_loss,val_loss\n1,2,3,4\n",
         "train_loss may be 'train_loss' or 'loss'; say which it is: --columns train_loss="),
        ("step,train_loss,val_loss,test_loss\n1,2,3,4\n", "test_loss may be 'val_loss' or"),
        ("step,iter,loss,val_loss\n1,2,3,4\n", "step may be 'step' or 'iter'"),
        ("step,train_loss_step,train_loss_epoch,val_loss\n1,2,3,4\n", "train_loss may be"),
        ("Step,a - loss,b - loss,a - val_loss\n1,2,3,4\n",
         "--columns train_loss='a - loss'"),
        ("step,tag,value\n1,loss/train,2\n1,epoch_loss,3\n1,loss/val,3\n", "train_loss may be"),
        ("step,train_loss,test_loss,acc\n1,2,3,0.5\n",
         "'acc' may be of train or of test pairs; say which: --columns train_acc=acc or"),
        ("Wall time,Step,Value\n1.5,2,3\n", "--columns train_loss=NAME test_loss=NAME"),
        ("loss,val_loss\n2,3\n", "there is no column step"),
        ("step,train_loss\n1,2\n", "there is no column test_loss; losses has 'step', "),
        # Chance is 0.9% for p = 113.
        ("step,loss,val_loss,acc,val_acc\n1,4.73,4.74,0.88,0.89\n",
         "train_acc (up to 0.88) may be in percent or from 0 to 1; say which: --accuracy"),
        ("step,loss,val_loss,val_acc\n1,4.73,4.74,0.9\n9,0.01,25,0.9\n",
         "test_acc (up to 0.9)"),
        ("step,loss,val_loss,acc,val_acc\n1,4.7,4.7,0.01,0.9\n9,0.01,9,1,33.5\n",
         "train_acc (up to 1) may be"),
        (HEADER + "1,4.7,4.8\n3,4.6,4.7\n2,4.5,4.7\n",
         "line 4, column 'train_loss': step 2 comes after step 3; if the run was resumed"),
        (HEADER + "1,4.7,4.8\n3,4.6,4.7\n" + HEADER + "1,4.7,4.8\n",
         "line 5, column 'step': the steps begin again at 1; keep the lines of one run"),
        ("epoch,loss,val_loss\n0,4.7,4.8\n0,4.6,4.8\n",
         "line 3, column 'loss': a second value at step 0 (4.6 after 4.7)"),
        ("step;loss;val_loss\n1;4,7;4,8\n2;4.6;4,7\n",
         "line 3, column 'loss': '4.6' has a decimal point, but line 2 has a decimal comma"),
        ("step;loss;val_loss\n1.000;4,7;4,8\n",
         "line 2, column 'loss': '4,7' has a decimal comma, but line 2 has a decimal point"),
        ("step;loss;val_loss\n1.000;5;5\n",
         "line 2, column 'step': '1.000' may be in thousands"),
        ('{"loss": [4.7, 4.6, 4.5], "val_loss": [4.8]}',
         "its lists have different lengths ('loss' 3, 'val_loss' 1)"),
        ('{"train": [{"loss": 1}], "val": [{"loss": 2}]}', "several lists of objects"),
    ],
)  # fmt: skip
def test_what_is_not_clear_is_asked(tmp_path: Path, content: str, words: str) -> None:
    with pytest.raises(TableError) as caught:
        read(tmp_path, content)
    assert str(caught.value).startswith(f"{tmp_path / 'losses'}: ")
    assert words in str(caught.value)


def test_columns_are_chosen_by_flags(tmp_path: Path) -> None:
    content = "step,it,loss,train_loss,val_loss,test_loss,acc\n1,10,2,3,4,5,0.5\n"
    columns = {"step": "it", "train_loss": "loss", "test_loss": "val_loss", "test_acc": "acc"}
    case = read(tmp_path, content, columns)
    assert (case.steps, case.train_loss.last, case.test_loss.last) == (10, 2, 4)
    assert (len(case.train_acc), case.test_acc.last) == (0, 0.5)
    with pytest.raises(TableError, match="there is no column 'nothing' for train_acc"):
        read(tmp_path, content, {"train_acc": "nothing"})


def test_columns_that_agree_are_one(tmp_path: Path) -> None:
    assert read(tmp_path, "Step,a - _step,a - loss,a - val_loss\n7,7,2,3\n").steps == 7


def test_files_that_count_differently_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("step,loss\n10,4.7\n")
    (tmp_path / "b.csv").write_text("epoch,val_loss\n1,4.7\n")
    (tmp_path / "c.csv").write_text("step,lr\n1,4.7\n")
    with pytest.raises(TableError, match=r"a\.csv by step, b\.csv by epoch"):
        read_losses([tmp_path / "a.csv", tmp_path / "b.csv"], {}, {})
    with pytest.raises(TableError, match=r"nothing in c\.csv is used"):
        read_losses([FILES / "keras.csv", tmp_path / "c.csv"], {}, {})


@pytest.mark.parametrize(
    ("cells", "unit", "shares"),
    [
        (["0.9", "55", "100.00001"], None, [0.009, 0.55, 1]),
        (["0.9%", "0.95%"], None, [0.009, 0.0095]),
        (["0.9", "0.95"], "percent", [0.009, 0.0095]),
        (["0.9", "0.95"], "share", [0.9, 0.95]),
        (["0.01", "-1e-7", "1.0000001"], None, [0.01, 0, 1]),
    ],
)
def test_units_of_accuracy(
    tmp_path: Path, cells: list[str], unit: str | None, shares: list[float]
) -> None:
    lines = [f"{n},{4.7 - n},{4.8 - n},{cell}" for n, cell in enumerate(cells)]
    text = "\n".join(["step,loss,val_loss,val_acc", *lines, ""])
    values = read(tmp_path, text, accuracy=unit).test_acc.values
    np.testing.assert_allclose(values, shares, rtol=1e-12)


def test_a_test_accuracy_below_one_percent_beside_a_percentage(tmp_path: Path) -> None:
    text = "step,loss,val_loss,acc,val_acc\n1,4.7,4.8,0.9,0.9\n9,0.01,25,100,0.9\n"
    assert read(tmp_path, text).test_acc.last == pytest.approx(0.009)


# --- resumed runs ---------------------------------------------------------------------------

PARTS = (["0,9,9", "1,8,8", "2,7,7", "3,6,6"], ["2,5,5", "3,4,4"])


@pytest.mark.parametrize("header", [True, False])
def test_a_resumed_part_replaces_what_it_repeats(tmp_path: Path, header: bool) -> None:
    first, second = PARTS
    text = HEADER + "\n".join([*first, *([HEADER.strip()] if header else []), *second, ""])
    assert "resumed at step 2" in understood(tmp_path, text, resumed=not header)
    case = read(tmp_path, text, resumed=not header)
    assert list(case.train_loss.values) == list(case.test_loss.values) == [9, 8, 5, 4]


def test_a_header_may_come_again_without_effect(tmp_path: Path) -> None:
    text = HEADER + "0,9,9\n1,8,8\n\ufeff" + HEADER + "2,7,7\n"
    assert understood(tmp_path, text) == "3 train and 3 test points, steps 0 to 2, losses to 1"


def test_files_that_were_joined_keep_their_curves(tmp_path: Path) -> None:
    text = "step,loss\n0,9\n1,8\nstep,val_loss\n0,7\n1,6\n"
    case = read(tmp_path, text)
    assert (list(case.train_loss.values), list(case.test_loss.values)) == ([9, 8], [7, 6])


# --- gaps, divergence, numbers --------------------------------------------------------------


def losses(train: Sequence[str], test: Sequence[str] = ()) -> str:
    tests = [*test, *[""] * len(train)]
    return HEADER + "".join(f"{n},{loss},{tests[n]}\n" for n, loss in enumerate(train))


@pytest.mark.parametrize(
    ("train", "test", "diverged"),
    [
        (["4", "3", "nan", "nan"], [], True),
        (["4", "3", "inf"], [], True),
        (["4", "nan", "nan", "nan"], ["4", "nan", "nan", "nan"], True),
        (["nan", "nan", "nan"], [], True),
        (["4", "nan", "3", "NaN", "-inf"], [], True),
        (["inf", "4", "3"], [], False),
        (["nan"], [], False),
        (["4", "nan", "3", "nan"], [], False),  # measured at every other step
        (["4", "nan"], ["", "4"], False),  # train and test in turns
        (["4", "3", "NA", ""], [], False),
        (["4", "3", "nan", "2"], [], False),
        (["4", "3", "2"], ["nan", "4", "nan"], False),
    ],
)
def test_diverged_is_what_stays_so(
    tmp_path: Path, train: list[str], test: list[str], diverged: bool
) -> None:
    case = read(tmp_path, losses(train, test))
    assert case.diverged == diverged
    assert case.steps == len(train) - 1
    assert np.isfinite(case.train_loss.values).all()


@pytest.mark.parametrize(
    ("cells", "resolution"),
    [
        (["4.7321", "0.0000"], 1e-4),
        (["4.7", "0.0"], 0.1),
        (["4.73", "1.2e-7"], 1e-8),
        (["4.73e0", "0.00E+00"], 1e-2),
        (["4.7321", "nan"], 1e-4),
        (["5", "0"], 1.0),
        ([repr(math.log(113))], 1e-15),
        (["", "NA"], 0.0),
    ],
)
def test_the_precision_of_the_losses(
    tmp_path: Path, cells: list[str], resolution: float
) -> None:
    assert read(tmp_path, losses(cells)).resolution == resolution


@pytest.mark.parametrize("gap", ["", "NA", "N/A", "nan", "null", "None", "-", "#N/A", "<NA>"])
def test_gaps(tmp_path: Path, gap: str) -> None:
    case = read(tmp_path, losses(["4", gap, "2", "1"]))
    assert list(case.train_loss.steps) == [0, 2, 3]


def test_a_zero_may_be_negative_by_rounding(tmp_path: Path) -> None:
    case = read(tmp_path, losses(["4.7", "-1e-7", "-0.0"]))
    assert not np.signbit(case.train_loss.values).any()
    assert list(case.train_loss.values) == [4.7, 0, 0]


@pytest.mark.parametrize("logger", LOGGERS, ids=lambda logger: logger.__name__)
def test_numbers_that_are_no_losses(tmp_path: Path, logger: Logger) -> None:
    values = {"train_loss": "-4.5", "test_loss": "4.5", "train_acc": "0.5", "test_acc": "0.5"}
    with pytest.raises(TableError, match=r"(line|entry) \d+, column '.*': '-4.5' is negative"):
        read(tmp_path, logger([Measured(1, values)]))

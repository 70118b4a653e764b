"""Exports of a small run, read back by the conventions of their tools."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from command_line import ERROR, call, contents
from numpy.typing import NDArray
from small_runs import record, reference_logits, small

from grok_tui.cli.main import main
from grok_tui.config.schema import Config
from grok_tui.runs.checkpoints import checkpoint_path, load
from grok_tui.tasks.registry import make_task

CONFIG = small(steps=40, eval_every=10, analyze_every=20, checkpoint_every=20, n_layers=2)
Array = NDArray[np.float64]


@pytest.fixture(scope="module")
def run(cpu: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "run"
    record(CONFIG, folder)
    return folder


def export(run: Path, *arguments: str) -> int:
    return main(["export", str(run), *arguments])


# --- TransformerLens ----------------------------------------------------------------------


def hooked_transformer(config: dict[str, Any], state: dict[str, Array], tokens: Any) -> Array:
    """The logits (B, T, d_vocab_out) as HookedTransformer computes them, biases and all."""
    x = state["embed.W_E"][tokens] + state["pos_embed.W_pos"][: tokens.shape[1]]
    for layer in range(config["n_layers"]):
        attn, mlp = f"blocks.{layer}.attn.", f"blocks.{layer}.mlp."

        def heads(letter: str, x: Array = x, attn: str = attn) -> Array:
            product = np.einsum("btd,hde->bthe", x, state[f"{attn}W_{letter}"])
            return product + state[f"{attn}b_{letter}"]

        scores = np.einsum("bqhe,bkhe->bhqk", heads("Q"), heads("K"))
        scores /= np.sqrt(config["d_head"])
        causal = np.tril(np.ones(scores.shape[-2:], dtype=bool))
        exps = np.where(causal, np.exp(scores), 0)
        pattern = exps / exps.sum(-1, keepdims=True)
        z = np.einsum("bhqk,bkhe->bqhe", pattern, heads("V"))
        x = x + np.einsum("bqhe,hed->bqd", z, state[f"{attn}W_O"]) + state[f"{attn}b_O"]
        post = np.maximum(x @ state[f"{mlp}W_in"] + state[f"{mlp}b_in"], 0)
        x = x + post @ state[f"{mlp}W_out"] + state[f"{mlp}b_out"]
    return np.asarray(x @ state["unembed.W_U"] + state["unembed.b_U"])


def shapes(config: Config) -> dict[str, tuple[int, ...]]:
    """The shapes in HookedTransformer(config).state_dict(), without buffers."""
    h, d, e, m = config.n_heads, config.d_model, config.d_model // config.n_heads, config.d_mlp
    p = config.modulus
    expected: dict[str, tuple[int, ...]] = {
        "embed.W_E": (p + 1, d), "pos_embed.W_pos": (3, d),
        "unembed.W_U": (d, p), "unembed.b_U": (p,),
    }  # fmt: skip
    for layer in range(config.n_layers):
        block = f"blocks.{layer}."
        for letter in "QKV":
            expected |= {
                f"{block}attn.W_{letter}": (h, d, e),
                f"{block}attn.b_{letter}": (h, e),
            }
        expected |= {
            f"{block}attn.W_O": (h, e, d), f"{block}attn.b_O": (d,),
            f"{block}mlp.W_in": (d, m), f"{block}mlp.b_in": (m,),
            f"{block}mlp.W_out": (m, d), f"{block}mlp.b_out": (d,),
        }  # fmt: skip
    return expected


def test_a_transformerlens_state_dict_gives_the_same_logits(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "model.safetensors"
    assert export(run, "--to", "transformerlens", "-o", str(file)) == 0
    beside = tmp_path / "model.safetensors.json"
    assert capsys.readouterr().out.splitlines() == [str(file), str(beside)]
    state = safetensors.numpy.load_file(file)
    assert {name: array.shape for name, array in state.items()} == shapes(CONFIG)
    with safetensors.safe_open(file, framework="numpy") as opened:
        metadata = opened.metadata()
    config = json.loads(beside.read_text())
    assert json.loads(metadata["config"]) == config
    assert json.loads(metadata["step"]) == 40
    assert (config["d_vocab"], config["d_vocab_out"], config["n_ctx"]) == (14, 13, 3)
    assert config["normalization_type"] is None
    task = make_task(CONFIG)
    tokens = np.stack([task.a, task.b, np.full_like(task.a, 13)], axis=1)
    exact = {name: array.astype(np.float64) for name, array in state.items()}
    found = hooked_transformer(config, exact, tokens)[:, -1]
    snapshot = load(checkpoint_path(run / "checkpoints", 40))
    np.testing.assert_allclose(found, reference_logits(CONFIG, snapshot), atol=1e-10)


# --- weights and metrics ------------------------------------------------------------------


def test_the_weights_of_a_step_under_their_own_names(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert export(run, "--to", "safetensors", "--step", "20") == 0
    found = safetensors.numpy.load_file(tmp_path / "run-step-20-safetensors.safetensors")
    expected = load(checkpoint_path(run / "checkpoints", 20)).weights
    assert set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_the_metrics_as_a_table(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(run, "--to", "csv") == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [int(row["step"]) for row in rows] == list(range(1, 41))
    for row, line in zip(rows, lines, strict=True):
        assert float(row["train_loss"]) == line["train_loss"]
        if "test_loss" in line:
            assert float(row["test_loss"]) == line["test_loss"]
        else:
            assert row["test_loss"] == ""
        if "gini_W_E" in line:
            assert row["key_frequencies"] == " ".join(map(str, line["key_frequencies"]))
            squares = line["sum_of_squares"]["blocks.1.W_in"]
            assert float(row["sum_of_squares.blocks.1.W_in"]) == squares
            assert row["gradient_symmetricity"] == ""  # undefined for two layers


def test_the_metrics_as_a_file(run: Path, tmp_path: Path) -> None:
    assert export(run, "--to", "csv", "-o", str(tmp_path / "metrics.csv")) == 0
    assert (tmp_path / "metrics.csv").read_text().count("\n") == 41


def test_an_event_file_depends_on_the_run_alone(run: Path, tmp_path: Path) -> None:
    """Written by two processes, in which the order of a map could differ."""
    one, other = tmp_path / "one", tmp_path / "other"
    assert export(run, "--to", "tensorboard", "-o", str(one)) == 0
    result = call("export", str(run), "--to", "tensorboard", "-o", str(other))
    assert (result.code, result.out, result.err) == (0, f"{other}\n", "")
    assert contents(one) == contents(other)
    assert len(contents(one)) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("--to", "csv", "--step", "20"),
            "--step is for svg",
        ),
        (
            ("--to", "tensorboard", "--step", "20"),
            "not for tensorboard",
        ),
        (
            ("--to", "safetensors", "--step", "30"),
            "no checkpoint at step 30; it has 0, 20, 40",
        ),
        (("--to", "word"), "--to: must be one of csv, tensorboard"),
        (("--to", "cast", "--size", "120"), "--size: must be columns x rows, such as 120x36"),
        (("--to", "cast", "--speed", "no"), "--speed: must be a number above 0 (got 'no')"),
        (("--to", "cast", "--speed", "-1"), "--speed: must be a number above 0 (got '-1')"),
        ((), "--to"),
    ],
)
def test_exports_that_are_impossible_are_refused_in_one_line(
    run: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], says: str
) -> None:
    assert export(run, *arguments) == 2
    message = capsys.readouterr().err
    assert message.startswith(ERROR)
    assert says in message
    assert message.count("\n") == 1


def test_a_folder_that_is_not_a_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(tmp_path, "--to", "csv") == 2
    assert "is not a run directory" in capsys.readouterr().err


def test_an_unwritable_place_is_an_error(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ("csv", "transformerlens"):
        assert export(run, "--to", form, "-o", str(tmp_path / "no" / "file")) == 1
        assert "No such file" in capsys.readouterr().err

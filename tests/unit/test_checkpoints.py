from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import example, given, settings
from hypothesis import strategies as st
from model_for import model_for

from grok_tui.analysis.health import HealthWatch
from grok_tui.analysis.phases import Milestones
from grok_tui.config.schema import Config
from grok_tui.files import write_durably
from grok_tui.protocol.results import Metrics
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs.checkpoints import (
    FORMAT,
    CheckpointError,
    checkpoint_path,
    checkpoints_in,
    digest,
    load,
    newest,
    save,
)

CONFIG = Config(modulus=5, d_model=4, n_heads=2, d_mlp=3, lr=0.003)


def snapshot(step: int = 7) -> Snapshot:
    rng = np.random.default_rng(step)

    def arrays() -> dict[str, Any]:
        drawn = {
            name: rng.standard_normal(shape).astype(np.float32)
            for name, shape in model_for(CONFIG).shapes.items()
        }
        drawn["W_pos"][:2] = [[0.0, -0.0, 1e-45, 1.0], [3.4e38, -1e-38, 1 / 3, -1.0]]
        # One is in column-major order.
        return drawn | {"blocks.0.W_Q": np.asfortranarray(drawn["blocks.0.W_Q"])}

    return Snapshot(
        step=step,
        weights=arrays(),
        first_moment=arrays(),
        second_moment=arrays(),
        beta_products=(0.9**step, 0.98**step / 3),
        train_mask=rng.permutation(25) < 7,
        config=CONFIG.model_dump(mode="json"),
        milestones=Milestones(memorized_step=5, highest_test_loss=1 / 3).to_dict(),
        seconds={"wall": 1 / 3, "compile": 0.1, "eval": 1e-9},
        initial_norm=37.1 / 3,
        metrics=Metrics(1 / 3, 4.5, 1.0, 0.1, 33.0, 0.003, 1.0),
        health=HealthWatch(3, calm=True, told=("spike 1",)).to_dict(),
    )


def with_mean() -> Snapshot:
    """A snapshot with grokfast's mean gradient."""
    config = CONFIG.changed(grad_filter="grokfast").model_dump(mode="json")
    return replace(snapshot(), gradient_mean=snapshot(9).weights, config=config)


def check_equal(one: Snapshot, other: Snapshot) -> None:
    for field in fields(Snapshot):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if field.name in ("weights", "first_moment", "second_moment", "gradient_mean"):
            assert a.keys() == b.keys()
            for name in a:
                assert (a[name].dtype, a[name].shape) == (b[name].dtype, b[name].shape)
                assert a[name].tobytes() == b[name].tobytes(), (field.name, name)
        elif field.name == "train_mask":
            assert a.dtype == b.dtype == np.bool_
            np.testing.assert_array_equal(a, b)
        else:
            assert a == b, field.name


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load(path)
    text = str(caught.value)
    assert text.splitlines() == [text]
    assert text.startswith(f"{path} ")
    return text


def with_metadata(path: Path, **changes: str) -> Path:
    """The file of `snapshot()` with other metadata, as raw text."""
    save(path, snapshot())
    with safetensors.safe_open(path, framework="numpy") as file:
        metadata = dict(file.metadata()) | changes
    return rewritten(path, safetensors.numpy.load_file(path), metadata)


def with_arrays(path: Path, **changes: Any) -> Path:
    """The file of `snapshot()` with other arrays; None removes one."""
    save(path, snapshot())
    with safetensors.safe_open(path, framework="numpy") as file:
        metadata = dict(file.metadata())
    tensors = safetensors.numpy.load_file(path) | changes
    kept = {name: array for name, array in tensors.items() if array is not None}
    return rewritten(path, kept, metadata)


def rewritten(path: Path, tensors: dict[str, Any], metadata: dict[str, str]) -> Path:
    """Write a file with any content and a matching digest."""
    metadata["digest"] = digest(tensors, metadata)
    path.write_bytes(safetensors.numpy.save(tensors, metadata))
    return path


def test_every_field_comes_back_exactly(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path, 7)
    save(path, snapshot())
    check_equal(load(path), snapshot())
    assert path.name == "step-00000007.safetensors"
    assert list(tmp_path.iterdir()) == [path]


def test_a_mean_gradient_is_saved_while_its_filter_is_in_use(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path, 7)
    save(path, with_mean())
    check_equal(load(path), with_mean())
    assert "gradient_mean/W_E" in safetensors.numpy.load_file(path)
    save(path, snapshot())
    assert not any("mean" in name for name in safetensors.numpy.load_file(path))


def test_a_mean_gradient_that_is_missing_or_not_in_use_is_damage(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path, 7)
    save(path, replace(with_mean(), gradient_mean={}))
    assert "it lacks 'gradient_mean/W_E'" in refusal(path)
    save(path, replace(with_mean(), config=snapshot().config))
    assert "more arrays than its config has weights" in refusal(path)


def test_a_checkpoint_from_before_the_interventions_loads(tmp_path: Path) -> None:
    new = ("optimizer", "loss", "grad_filter", "grokfast_alpha", "grokfast_lambda")
    fields = {
        name: value
        for name, value in CONFIG.model_dump(mode="json").items()
        if name not in (*new, "norm_constraint")
    }
    path = with_metadata(checkpoint_path(tmp_path, 7), config=json.dumps(fields))
    with safetensors.safe_open(path, framework="numpy") as file:
        metadata = dict(file.metadata())
    del metadata["initial_norm"], metadata["health"], metadata["metrics"]
    loaded = load(rewritten(path, safetensors.numpy.load_file(path), metadata))
    check_equal(
        loaded,
        replace(snapshot(), initial_norm=None, health=HealthWatch().to_dict(), metrics=None),
    )


def test_the_file_is_plain_safetensors_with_its_metadata_in_the_header(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path, 7)
    save(path, snapshot())
    tensors = safetensors.numpy.load_file(path)
    np.testing.assert_array_equal(tensors["weights/W_E"], snapshot().weights["W_E"])
    with safetensors.safe_open(path, framework="numpy") as file:
        assert json.loads(file.metadata()["config"]) == CONFIG.model_dump(mode="json")
        assert json.loads(file.metadata()["step"]) == 7


def test_a_second_save_replaces_the_first(tmp_path: Path) -> None:
    path, other = checkpoint_path(tmp_path, 7), replace(snapshot(8), step=7)
    save(path, snapshot(7))
    save(path, other)
    check_equal(load(path), other)


@pytest.mark.parametrize("stage", ["fsync", "replace"])
def test_a_failing_save_leaves_the_old_file_and_nothing_else(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = checkpoint_path(tmp_path, 7)
    save(path, snapshot(7))

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if stage == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OSError, match="No space left"):
        save(path, snapshot(8))
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == [path]
    check_equal(load(path), snapshot(7))


FULL_DISK = """
import resource, sys
from pathlib import Path
from grok_tui.files import write_durably
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
try:
    write_durably(Path(sys.argv[1]), b"x" * 101)
except OSError as error:
    print(error.strerror)
"""


def test_a_save_that_the_system_cuts_off_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_durably(path, b"old")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "File too large"
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"old"


def test_a_missing_file_and_a_folder_are_not_checkpoints(tmp_path: Path) -> None:
    assert "is not a readable checkpoint" in refusal(tmp_path / "missing.safetensors")
    assert "is not a readable checkpoint" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\0" * 8, b"\xff" * 64, b"{}", b"garbage" * 99])
def test_garbage_is_not_a_checkpoint(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    assert "is not a readable checkpoint" in refusal(path)


def test_a_foreign_safetensors_file_is_not_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    arrays = {"weights/W_E": np.zeros((2, 2), dtype=np.float32)}
    for metadata in (None, {}, {"format": "pt"}):
        path.write_bytes(safetensors.numpy.save(arrays, metadata))
        assert refusal(path).endswith("is not a checkpoint of this version of grok-tui")
    path = with_metadata(path, format=FORMAT[:-1] + "1")
    assert refusal(path).endswith("is not a checkpoint of this version of grok-tui")


def config_with(**changes: Any) -> str:
    return json.dumps(CONFIG.model_dump(mode="json") | changes)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("step", "", "step is invalid"),
        ("step", "null", "step must be"),
        ("step", "true", "step must be"),
        ("step", "7.0", "step must be"),
        ("step", "-7", "step must be"),
        ("step", "Infinity", "step must be"),
        ("step", "[" * 100_000, "recursion"),
        ("beta_products", "[0.5]", "beta_products"),
        ("beta_products", "[0.5, NaN]", "finite"),
        ("beta_products", "[0.5, 1.5]", "less than or equal to 1"),
        ("beta_products", "[1" + "0" * 400 + ", 1]", "finite"),
        ("initial_norm", "-1", "initial_norm must be"),
        ("initial_norm", "NaN", "finite"),
        ("n_pairs", "26", "it holds a split of 26 pairs, its config has 25"),
        ("n_pairs", "1e999", "n_pairs must be"),
        ("config", "[]", "config must be"),
        ("config", config_with(momentum=0.9), "momentum: there is no such setting"),
        ("config", config_with(**{"a\nb": 1}), "there is no such setting"),
        ("config", config_with(lr=-1), "lr must be"),
        ("config", config_with(modulus=6), "modulus must be odd"),
        ("config", config_with(modulus=7), "its config has 49"),
        ("config", config_with(d_mlp=4), "blocks.0.W_in is float32 (4, 3), not float32 (4, 4)"),
        ("config", config_with(n_layers=2), "it lacks 'weights/blocks.1.W_Q'"),
        ("config", config_with(train_fraction=0.5), "7 train pairs, its config 12"),
        ("milestones", "[]", "milestones"),
        ("milestones", '{"grok_step": "3"}', "milestones must be"),
        ("milestones", '{"stuck": "\\u001b[2J"}', "unprintable text"),
        ("seconds", "3", "seconds"),
        ("seconds", '{"wall": NaN}', "seconds must be"),
    ],
)
def test_wrong_metadata_is_damage(name: str, value: str, says: str, tmp_path: Path) -> None:
    text = refusal(with_metadata(checkpoint_path(tmp_path, 7), **{name: value}))
    assert " is damaged: " in text
    assert says in text


def with_one(value: float) -> Any:
    return np.where(np.arange(24).reshape(6, 4) == 5, np.float32(value), np.float32(1))


@pytest.mark.parametrize(
    ("name", "array", "says"),
    [
        ("train_mask", None, "it lacks 'train_mask'"),
        ("train_mask", np.zeros(3, dtype=np.uint8), "its split is not one of 25 pairs"),
        ("train_mask", np.zeros(4, dtype=np.float32), "its split is not one of 25 pairs"),
        ("train_mask", np.zeros(4, dtype=np.uint8), "it has 0 train pairs, its config 7"),
        ("weights/W_E", np.zeros((6, 4)), "weights/W_E is float64 (6, 4), not float32 (6, 4)"),
        ("weights/W_E", np.zeros((4, 6), dtype=np.float32), "is float32 (4, 6), not"),
        ("weights/W_E", with_one(np.nan), "weights/W_E is not finite everywhere"),
        ("first_moment/W_E", with_one(np.inf), "first_moment/W_E is not finite everywhere"),
        ("second_moment/W_U", None, "it lacks 'second_moment/W_U'"),
        ("weights/blocks.1.W_in", with_one(1), "more arrays than its config has weights"),
    ],
)
def test_wrong_arrays_are_damage(name: str, array: Any, says: str, tmp_path: Path) -> None:
    text = refusal(with_arrays(checkpoint_path(tmp_path, 7), **{name: array}))
    assert " is damaged: " in text
    assert says in text


def test_missing_metadata_is_damage(tmp_path: Path) -> None:
    path = rewritten(tmp_path / "a.safetensors", {}, {"format": FORMAT})
    assert refusal(path).endswith("is damaged: step is missing")


def test_a_checkpoint_under_the_name_of_another_is_refused(tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path, 8)
    save(path, snapshot(7))
    assert refusal(path).endswith("is not named after its step")


def test_altered_content_is_refused(tmp_path: Path) -> None:
    """safetensors reads a file with a flipped bit in the last weight without an error."""
    path = checkpoint_path(tmp_path, 7)
    save(path, snapshot())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert refusal(path).endswith("is damaged: its content is not what was saved")


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A path for damaged files, and the bytes of an undamaged one."""
    path = tmp_path_factory.mktemp("damage") / "step-00000007.safetensors"
    save(path, snapshot())
    return path, path.read_bytes()


def loads_or_is_refused(path: Path) -> None:
    try:
        loaded = load(path)
    except CheckpointError as error:
        text = str(error)
        assert text.splitlines() == [text]
        assert text.startswith(f"{path} ")
    else:
        check_equal(
            loaded, snapshot()
        )  # the flipped bits have no meaning, as in a space or a name


@settings(deadline=None, max_examples=200)
@given(content=st.binary(max_size=200))
@example(content=(9).to_bytes(8, "little") + b'{"a":[]} ')
def test_random_bytes_never_cause_a_traceback(content: bytes, real: tuple[Path, bytes]) -> None:
    real[0].write_bytes(content)
    loads_or_is_refused(real[0])


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_a_checkpoint_cut_anywhere_is_refused(
    data: st.DataObject, real: tuple[Path, bytes]
) -> None:
    path, content = real
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    refusal(path)


@settings(deadline=None, max_examples=500)
@given(data=st.data())
def test_flipped_bits_never_cause_a_traceback(
    data: st.DataObject, real: tuple[Path, bytes]
) -> None:
    path, content = real
    damaged = bytearray(content)
    header = 8 + int.from_bytes(content[:8], "little")
    places = st.integers(0, header - 1) | st.integers(0, len(content) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=3)):
        damaged[place] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(damaged)
    loads_or_is_refused(path)


# --- a folder of checkpoints --------------------------------------------------------------


def test_only_checkpoints_are_listed_and_newest_first(tmp_path: Path) -> None:
    for step in (2, 16_000_000, 10, 9_999_999):
        checkpoint_path(tmp_path, step).touch()
    for name in (".step-00000003.safetensors.partial", "step-best.safetensors", "notes.txt"):
        (tmp_path / name).touch()
    steps = [int(path.stem.removeprefix("step-")) for path in checkpoints_in(tmp_path)]
    assert steps == [16_000_000, 9_999_999, 10, 2]


def test_the_newest_good_checkpoint_is_used_and_bad_ones_are_named(tmp_path: Path) -> None:
    for step in (5, 10, 15, 20):
        save(checkpoint_path(tmp_path, step), snapshot(step))
    checkpoint_path(tmp_path, 20).write_bytes(b"")
    torn = checkpoint_path(tmp_path, 15)
    torn.write_bytes(torn.read_bytes()[:-1])
    found, warnings = newest(tmp_path)
    check_equal(found, snapshot(10))
    assert [w.partition(" skipped: ")[0] for w in warnings] == [
        "step-00000020.safetensors", "step-00000015.safetensors"
    ]  # fmt: skip
    assert all(w.splitlines() == [w] for w in warnings)


def test_a_good_newest_checkpoint_needs_no_warning(tmp_path: Path) -> None:
    checkpoint_path(tmp_path, 5).write_bytes(b"older ones are not even opened")
    save(checkpoint_path(tmp_path, 10), replace(snapshot(10), milestones={}))
    found, warnings = newest(tmp_path)
    assert (found.step, warnings) == (10, [])


@pytest.mark.parametrize("place", ["", "missing"])
def test_a_folder_without_a_checkpoint(place: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"^there is no checkpoint in "):
        newest(tmp_path / place)


def test_a_folder_of_bad_checkpoints(tmp_path: Path) -> None:
    for step in (5, 10):
        checkpoint_path(tmp_path, step).write_bytes(b"")
    with pytest.raises(CheckpointError) as caught:
        newest(tmp_path)
    text = str(caught.value)
    assert text.startswith(
        f"no checkpoint in {tmp_path} can be read; step-00000010.safetensors"
    )
    assert text.splitlines() == [text]

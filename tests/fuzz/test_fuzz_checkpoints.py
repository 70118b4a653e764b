"""Any file with the name of a checkpoint is a sound snapshot or is refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from garbage import ANYTHING, TEXT, Fuzz, attempt, check_line, mutated
from hypothesis import strategies as st
from made_run import CONFIG, snapshot
from model_for import model_for

from grok_tui.analysis.phases import Milestones
from grok_tui.config.schema import FIELDS, build
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs.checkpoints import FORMAT, checkpoint_path, digest, load, newest, save
from grok_tui.tasks.registry import make_task
from grok_tui.training.loop import StopWatch

DTYPES = st.sampled_from([np.float32, np.float64, np.float16, np.int32, np.uint8, np.bool_])
SHAPES = st.lists(st.integers(0, 6), max_size=3).map(tuple)
ARRAYS = st.builds(lambda dtype, shape: np.ones(shape, dtype=dtype), DTYPES, SHAPES)
NAMES = st.sampled_from(
    [f"weights/{name}" for name in model_for(CONFIG).shapes]
) | st.sampled_from(
    ["train_mask", "second_moment/W_U", "first_moment/W_E", "weights/", "/", "é"]
)


def good() -> tuple[dict[str, Any], dict[str, str]]:
    """The arrays and the metadata of an undamaged checkpoint."""
    made = snapshot(7)
    arrays = {
        f"{kind}/{name}": array
        for kind in ("weights", "first_moment", "second_moment")
        for name, array in getattr(made, kind).items()
    }
    fields = {
        "step": 7,
        "n_pairs": make_task(CONFIG).n_pairs,
        "beta_products": list(made.beta_products),
        "config": made.config,
        "milestones": Milestones().to_dict(),
        "seconds": made.seconds,
    }
    metadata = {"format": FORMAT, **{name: json.dumps(x) for name, x in fields.items()}}
    return {**arrays, "train_mask": np.packbits(made.train_mask)}, metadata


def test_the_good_one_is_good(tmp_path: Path) -> None:
    arrays, metadata = good()
    path = checkpoint_path(tmp_path, 7)
    metadata["digest"] = digest(arrays, metadata)
    path.write_bytes(safetensors.numpy.save(arrays, metadata))
    check_sound(load(path))


def check_sound(found: Snapshot | None) -> None:
    """Use a snapshot as a trainer does before it opens a device."""
    if found is None:
        return
    assert type(found.step) is int
    config = build(found.config)
    assert {name: x.shape for name, x in found.weights.items()} == model_for(config).shapes
    assert found.train_mask.sum() == make_task(config).n_train
    check_line(Milestones.from_dict(found.milestones).reason)
    StopWatch(found.seconds).total()
    assert all(0 <= product <= 1 for product in found.beta_products)


def test_any_bytes_are_a_checkpoint_or_are_refused(fuzz: Fuzz, tmp_path: Path) -> None:
    path = checkpoint_path(tmp_path, 7)
    save(path, snapshot(7))
    content = path.read_bytes()
    header = content[: 8 + int.from_bytes(content[:8], "little")]

    def check(content: bytes) -> None:
        path.write_bytes(content)
        found = attempt(lambda: load(path))
        assert found is None or digest_of(found) == digest_of(snapshot(7))
        attempt(lambda: newest(tmp_path))

    cases = st.binary(max_size=80) | mutated(content) | mutated(header) | headers()
    fuzz("checkpoint bytes", cases, check)


def digest_of(found: Snapshot) -> str:
    return digest(dict(found.weights), {"step": str(found.step)})


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    """A handmade safetensors file whose header may say anything about its arrays."""
    dtypes = st.sampled_from(["F32", "BF16", "F8_E4M3", "BOOL", "I64", "C64", "F4", "", "f32"])
    sizes = st.sampled_from([0, 1, 4, 16, 2**31, 2**63, 2**64, -1])
    table = {
        name: {
            "dtype": draw(dtypes),
            "shape": draw(st.lists(sizes, max_size=3)),
            "data_offsets": draw(st.lists(sizes, min_size=2, max_size=2)),
        }
        for name in draw(st.lists(NAMES | TEXT, max_size=2))
    }
    table["__metadata__"] = draw(st.just({"format": FORMAT}) | ANYTHING.filter(writable))
    text = json.dumps(table).encode()
    return len(text).to_bytes(8, "little") + text + bytes(draw(st.integers(0, 40)))


def writable(value: object) -> bool:
    try:
        json.dumps(value)
    except ValueError:
        return False
    return True


def test_odd_content_in_a_valid_file_is_a_checkpoint_or_is_refused(
    fuzz: Fuzz, tmp_path: Path
) -> None:
    path = checkpoint_path(tmp_path, 7)
    whole_arrays, whole_metadata = good()

    def check(case: tuple[dict[str, Any], dict[str, str], dict[str, Any]]) -> None:
        arrays, texts, settings = case
        config = json.dumps({**snapshot(7).config, **settings})
        metadata = {**whole_metadata, **({"config": config} if settings else {}), **texts}
        arrays = {**whole_arrays, **arrays}
        metadata["digest"] = digest(arrays, metadata)
        path.write_bytes(safetensors.numpy.save(arrays, metadata))
        check_sound(attempt(lambda: load(path)))

    written = ANYTHING.filter(writable).map(json.dumps)
    plain = st.text(st.characters(exclude_categories=("Cs",)), max_size=9)
    milestones = st.dictionaries(
        st.sampled_from(list(Milestones().to_dict())), ANYTHING.filter(writable), max_size=3
    ).map(json.dumps)
    texts = st.fixed_dictionaries(
        {}, optional=dict.fromkeys(whole_metadata, written | plain | milestones)
    )
    cases = st.tuples(
        st.dictionaries(NAMES, ARRAYS, max_size=1),
        texts,
        st.dictionaries(st.sampled_from(list(FIELDS)), ANYTHING.filter(writable), max_size=2),
    )
    fuzz("checkpoint contents", cases, check)

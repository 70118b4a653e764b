"""Bad input: one line on standard error, exit code 2, and nothing written."""

from __future__ import annotations

import contextlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import safetensors.numpy
from command_line import SMALL, Result, call, contents, environment
from made_run import made_run
from model_for import model_for
from small_runs import small

from grok_tui.cli.main import main
from grok_tui.config.schema import Config
from grok_tui.protocol.snapshot import Snapshot
from grok_tui.runs import checkpoints
from grok_tui.tasks.registry import make_task

FILES = {
    "broken.toml": "lr = = 3\n",
    "odd.toml": "modulus = 12\n",
    "unknown.toml": "learning_rate = 3\n",
    "near.toml": "\ufeffweight-decai = 3\n",
    "list.toml": "lr = [1, 2]\n",
    "deep.toml": f"lr = {'[' * 9999}",
    "binary.toml": "lr = 1\n\0\ud800",
    "twice.toml": "d-model = 32\nd_model = 64\n",
    "full/notes.txt": "mine",
    "file": "mine",
    "foreign/checkpoints/step-00000010.safetensors": "not a checkpoint",
    "empty/checkpoints/readme": "nothing here",
}

# Arguments after --record new, and what the line must say.
BAD: list[tuple[str, str]] = [
    ("--preset nope", "unknown preset 'nope'; choose one of quick, nanda"),
    ("--config broken.toml", "broken.toml is not valid TOML"),
    ("--config missing.toml", "cannot read missing.toml: No such file"),
    ("--config full", "cannot read full: Is a directory"),
    ("--config odd.toml", "modulus must be odd"),
    ("--config unknown.toml", "learning_rate: there is no such setting (from unknown.toml)"),
    ("--config list.toml", "(from list.toml)"),
    ("--config deep.toml", "deep.toml is not valid TOML: it is nested too deeply"),
    ("--config binary.toml", "binary.toml is not valid TOML"),
    ("--config twice.toml", "sets a field twice"),
    ("--modulus 12", "modulus must be odd"),
    ("--modulus 1001", "modulus must be"),
    ("--modulus 9 --operation divide", "(got 9); try 11"),
    ("--d-model 30 --n-heads 4", "n_heads must divide d_model, 30 (got 4)"),
    ("--lr -1", "lr must be"),
    ("--lr nan", "finite number"),
    ("--lr fast", "lr must be"),
    ("--beta2 1", "below 1 (got '1') (from --beta2)"),
    ("--train-fraction 0.00001", "must leave train and test pairs"),
    ("--decay sideways", "'decoupled' or 'coupled'"),
    ("--steps 1.5", "steps must be a whole number (got '1.5') (from --steps)"),
    ("--operation ad", "(got 'ad'); did you mean add? (from --operation)"),
    ("--optimizer muoon", "; did you mean muon? (from --optimizer)"),
    (
        "--config near.toml",
        "weight_decai: there is no such setting; did you mean weight_d",
    ),
    ("--device lower", "device must be"),
    ("--no-such-flag", "--no-such-flag"),
    ("--lr", "--lr: expected one argument"),
    ("extra", "extra"),
    ("--no-save", "--no-save is for a new session"),
    ("--resume full", "--record and --resume name different folders"),
]

# Complete command lines.
BAD_CALLS: list[tuple[str, str]] = [
    ("--record full", "full is not empty"),
    ("--record file", "file is a file"),
    ("--resume missing", "there is no checkpoint in missing"),
    ("--resume empty", "there is no checkpoint in empty"),
    ("--resume foreign", "step-00000010.safetensors is not a readable checkpoint"),
    ("--resume other", "is not a checkpoint of this version of grok-tui"),
    ("--resume damaged", "is damaged"),
    ("--resume flipped", "is damaged: its content is not what was saved"),
    ("--resume gap", "metrics.jsonl is damaged in line 3: step 4 found where step 3 should be"),
    ("export flipped --to safetensors", "is damaged: its content is not what was saved"),
    ("export gap --to csv", "metrics.jsonl is damaged in line 3"),
    ("export gap --to csv -o file", "metrics.jsonl is damaged in line 3"),
    ("--resume foreign --preset quick", "a resumed run keeps its config"),
    ("--resume foreign --no-save", "--no-save"),
    ("presets --csv", "--csv"),
    ("themes midnight", "midnight"),
]

# These are refused only after the device is opened.
BAD_DEVICES: list[tuple[str, int, str]] = [
    ("--record new --device FOO", 2, "device FOO does not open: "),
    ("--record new --device CUDA:99", 2, "device CUDA:99 does not open: "),
    ("--record file/new --device CPU", 1, "Not a directory"),
    ("--record /proc/grok-tui/new --device CPU", 1, "/proc/grok-tui"),
]


def _snapshot(config: Config) -> Snapshot:
    weights = model_for(config).initial_weights()
    task = make_task(config)
    fields = config.model_dump(mode="json")
    return Snapshot(10, weights, weights, weights, (0.1, 0.2), task.train_mask, fields, {}, {})


def _damage(flipped: Path, gap: Path) -> None:
    """Flip a bit of every checkpoint of one run; remove a line and checkpoint 0 of another."""
    for path in checkpoints.checkpoints_in(flipped / "checkpoints"):
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
    lines = (gap / "metrics.jsonl").read_bytes().splitlines(keepends=True)
    (gap / "metrics.jsonl").write_bytes(b"".join([*lines[:2], *lines[3:]]))
    checkpoints.checkpoint_path(gap / "checkpoints", 0).unlink()


def _called(line: str) -> Result:
    """A call in this process, which takes a fortieth of the time that a new one does."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(line.split())
    return Result(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """All bad calls, from a folder that must stay unchanged; some in new processes."""
    folder = tmp_path_factory.mktemp("refusals")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode(errors="surrogatepass"))
    for name in ("other", "damaged"):
        (folder / name / "checkpoints").mkdir(parents=True)
    path = "checkpoints/step-00000010.safetensors"
    snapshot = _snapshot(small())
    (folder / "other" / path).write_bytes(safetensors.numpy.save(dict(snapshot.weights)))
    checkpoints.save(folder / "damaged" / path, snapshot)
    whole = (folder / "damaged" / path).read_bytes()
    assert whole.count(rb"\"modulus\": 13") == 1
    (folder / "damaged" / path).write_bytes(
        whole.replace(rb"\"modulus\": 13", rb"\"modulus\": 12")
    )
    _damage(made_run(folder / "flipped"), made_run(folder / "gap"))
    before = contents(folder)

    alone = [*(line for line, _, _ in BAD_DEVICES), *(line for line, _ in BAD_CALLS[::5])]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = pool.map(lambda line: call(*line.split(), cwd=folder), alone)
        results = dict(zip(alone, found, strict=True))
    with contextlib.chdir(folder):
        lines = [f"--record new {flags}" for flags, _ in BAD] + [line for line, _ in BAD_CALLS]
        results |= {line: _called(line) for line in lines if line not in results}
    assert contents(folder) == before
    assert not (folder / "new").exists()
    assert not (folder / "runs").exists()
    return results


@pytest.mark.parametrize(
    ("line", "code", "problem"),
    [
        *((f"--record new {flags}", 2, problem) for flags, problem in BAD),
        *((line, 2, problem) for line, problem in BAD_CALLS),
        *BAD_DEVICES,
    ],
)
def test_a_bad_call_is_refused_in_one_line(
    results: dict[str, Result], line: str, code: int, problem: str
) -> None:
    result = results[line]
    assert problem in result.refusal()
    assert result.code == code


def test_a_bad_environment_variable_is_named(tmp_path: Path) -> None:
    env = environment(GROK_TUI_LR="zero")
    result = call("--record", "new", *SMALL[:4], cwd=tmp_path, env=env)
    assert result.code == 2
    assert "lr must be" in result.refusal()
    assert "(from GROK_TUI_LR)" in result.err
    assert not list(tmp_path.iterdir())
    env = environment(GROK_TUI_LRR="0.1")
    result = call("--record", "new", *SMALL[:4], cwd=tmp_path, env=env)
    assert (result.code, list(tmp_path.iterdir())) == (2, [])
    assert "did you mean GROK_TUI_LR?" in result.refusal()

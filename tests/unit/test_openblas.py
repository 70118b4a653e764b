"""The library's kernels and threads."""

from __future__ import annotations

import ctypes
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from grok_tui.config.schema import Config
from grok_tui.device import openblas as module
from grok_tui.device import threads
from grok_tui.device.openblas import (
    openblas,
    product,
    set_threads,
    shared_rows,
    usable_cores,
)
from grok_tui.training.fleet import Fleet, Member
from grok_tui.training.trainer import Trainer

pytestmark = pytest.mark.usefixtures("cpu")

AVX512 = "avx512f avx512cd avx512bw avx512dq avx512vl"


def test_openblas_runs_on_the_cores_this_process_may_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = openblas()
    assert library is not None
    before = library.scipy_openblas_get_num_threads()
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    try:
        assert usable_cores() == 1
        assert openblas.__wrapped__() is not None
        assert library.scipy_openblas_get_num_threads() == 1
    finally:
        library.scipy_openblas_set_num_threads(before)
    assert openblas() is library


def test_without_affinity_every_core_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores() == 6


def test_a_missing_or_broken_library_is_not_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = importlib.import_module("scipy_openblas32")
    monkeypatch.setattr(package, "get_lib_dir", lambda: str(tmp_path / "absent"))
    assert openblas.__wrapped__() is None
    monkeypatch.setattr(package, "get_lib_dir", lambda: str(tmp_path))
    assert openblas.__wrapped__() is None
    (tmp_path / "libscipy_openblas.so").write_text("not a library")
    assert openblas.__wrapped__() is None
    monkeypatch.setattr(ctypes, "CDLL", lambda path: object())  # without the function
    assert openblas.__wrapped__() is None
    monkeypatch.setitem(sys.modules, "scipy_openblas32", None)
    assert openblas.__wrapped__() is None


# --- results on any number of threads -------------------------------------------------------


@pytest.fixture
def fresh_trial() -> Iterator[None]:
    """Clears cached trial results before and after."""
    shared_rows.cache_clear()
    yield
    shared_rows.cache_clear()


@pytest.mark.parametrize(
    ("odd", "aligned", "threads", "rows"),
    [(True, True, 2, 1), (False, True, 2, 48), (False, True, 4, 96), (False, True, 5, 0),
     (False, False, 2, 0), (False, False, 1, 1)],
)  # fmt: skip
@pytest.mark.usefixtures("fresh_trial")
def test_rows_are_divided_as_the_trials_allow(
    odd: bool, aligned: bool, threads: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "usable_cores", lambda: threads)
    found = {True: odd, False: aligned}
    monkeypatch.setattr(
        module, "same_on_all_threads", lambda m, n, k: found[(m, n, k) in module.ODD_SHAPES]
    )
    assert shared_rows() == rows


def test_the_trial_is_right_and_restores_all_threads() -> None:
    library = openblas()
    assert library is not None
    found = module.same_on_all_threads(905, 113, 250)
    assert library.scipy_openblas_get_num_threads() == usable_cores()
    rng = np.random.default_rng(0)  # the trial's own operands
    a, b = (rng.standard_normal(s, dtype=np.float32) for s in ((905, 250), (250, 113)))
    on_all = product(a, b)
    set_threads(1)
    on_one = product(a, b)
    set_threads(usable_cores())
    np.testing.assert_allclose(on_all, a.astype(np.float64) @ b, atol=1e-3)
    assert found == np.array_equal(on_one, on_all)


@pytest.mark.parametrize("same", [True, False])
def test_a_run_changes_its_threads_only_if_results_stay_the_same(
    same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    monkeypatch.setattr(threads, "shared_rows", lambda: 48 if same else 0)
    monkeypatch.setattr(threads, "usable_cores", lambda: 6)
    keeper = threads.ThreadKeeper
    monkeypatch.setattr(
        threads, "ThreadKeeper", lambda n, set_: (kept.append(n), keeper(n, set_))[1]
    )
    config = Config(modulus=5, d_model=4, n_heads=1, d_mlp=4, device="CPU")
    Trainer(config, None, lambda event: None)  # type: ignore[arg-type]
    Fleet([Member(config, lambda event: None)])
    assert kept == [6 if same else 1] * 2


@pytest.mark.parametrize(
    ("vendor", "flags", "chosen"),
    [
        ("AuthenticAMD", f"fpu avx2 {AVX512}", True),
        ("AuthenticAMD", "fpu avx2 avx512f", False),
        ("GenuineIntel", f"fpu avx2 {AVX512}", False),
    ],
)
def test_amd_processors_with_avx512_get_avx512_kernels(
    vendor: str, flags: str, chosen: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpu = f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n"
    cpuinfo.write_text(f"{cpu}\n{cpu}")
    assert module.amd_with_avx512(cpuinfo) is chosen
    monkeypatch.setattr(module, "amd_with_avx512", lambda: chosen)
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    with module.best_kernels():
        assert os.environ.get("OPENBLAS_CORETYPE") == ("SkylakeX" if chosen else None)
    assert "OPENBLAS_CORETYPE" not in os.environ


def test_the_users_choice_of_kernels_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "amd_with_avx512", lambda: True)
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    with module.best_kernels():
        assert os.environ["OPENBLAS_CORETYPE"] == "Haswell"
    assert os.environ["OPENBLAS_CORETYPE"] == "Haswell"


def test_without_proc_the_processor_is_unknown(tmp_path: Path) -> None:
    assert not module.amd_with_avx512(tmp_path / "missing")


def test_kernels_are_chosen_before_the_library_is_loaded() -> None:
    """Importing the package loads the library, after which a choice has no effect."""
    program = (
        "import ctypes; from grok_tui.device import openblas as o;"
        " o.amd_with_avx512 = lambda: True; library = o.openblas();"
        " name = library.scipy_openblas_get_corename; name.restype = ctypes.c_char_p;"
        " print(name().decode())"
    )
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_CORETYPE"}
    command = [sys.executable, "-c", program]
    found = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()
    able = set(Path("/proc/cpuinfo").read_text().split()) >= set(AVX512.split())
    assert found == "SkylakeX" if able else found

"""Kernels captured on the CPU run as one call, with the same results as one by one."""

from __future__ import annotations

import gc
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tinygrad import Device, Tensor, TinyJit, Variable, dtypes
from tinygrad.device import Compiler
from tinygrad.engine.realize import get_graph_runtime
from tinygrad.helpers import Context
from tinygrad.renderer.llvmir import CPULLVMRenderer
from tinygrad.runtime.ops_cpu import CPUProgram

from grok_tui.config.schema import Config
from grok_tui.device import c_calls, one_call
from grok_tui.device.c_calls import call, empty
from grok_tui.device.jit import Recorded, recorded
from grok_tui.device.matmul import matmul
from grok_tui.device.one_call import OneCall
from grok_tui.training.network import Network, Start

pytestmark = pytest.mark.usefixtures("cpu")

Array = NDArray[Any]

# tinygrad's setting for capturing kernels but calling them one by one.
ONE_BY_ONE = {"JIT": 2}
CONFIG = Config(device="CPU", modulus=7, d_model=8, n_heads=2, d_mlp=12, warmup_steps=2)
# The schedule has 256 rows, so the last of these steps come after it is rewritten.
STEPS = 260


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the kernels that Python calls."""
    names: list[str] = []
    plain = CPUProgram.__call__

    def counted(program: CPUProgram, *arguments: Any, **options: Any) -> Any:
        names.append(program.name)
        return plain(program, *arguments, **options)

    monkeypatch.setattr(CPUProgram, "__call__", counted)
    return names


def graphs(jit: Any) -> list[OneCall]:
    """The one-call graphs among the calls of a jit."""
    programs = [call.src[0] for call in jit.captured.linear.src]
    return [get_graph_runtime(program) for program in programs if program.arg == "graph"]


def put(array: Any) -> Tensor:
    return Tensor(np.array(array, dtype=np.float32)).realize()


def twice(x: Tensor) -> Tensor:
    """2 x + 1 and then 3 more, as two kernels."""
    return ((x * 2 + 1).contiguous().realize() + 3).contiguous().realize()


# --- the training step --------------------------------------------------------------------


def compiled(replicas: int, **context: int) -> tuple[Network, list[Config]]:
    configs = [CONFIG.changed(seed=i, lr=1e-3 * (i + 1)) for i in range(replicas)]
    network = Network([Start.of(config) for config in configs])
    with Context(**context):
        list(network.compile())
    return network, configs


def outcome(network: Network, configs: list[Config]) -> list[Array]:
    """Everything that a run gets from a network."""
    losses = network.train(configs, 9)
    early = network.evaluate()
    for step in range(9, STEPS):
        losses = np.append(losses, network.train(configs, 1, look=step == STEPS - 1), axis=1)
    arrays = [losses, np.array(network.updates)]
    for evaluation in (*early, *network.evaluate()):
        arrays += [evaluation.pair_loss, evaluation.answers]
        arrays.append(np.array([evaluation.weight_norm, evaluation.largest_logit]))
    for kind in ("weights", "first_moment", "second_moment"):
        arrays += [array for replica in network.copies(kind) for array in replica.values()]
    return arrays


@pytest.mark.parametrize("replicas", [1, 3])
def test_training_and_evaluation_keep_every_bit(replicas: int) -> None:
    plain = outcome(*compiled(replicas, **ONE_BY_ONE))
    for ours, theirs in zip(outcome(*compiled(replicas)), plain, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.isfinite(plain[0]).all()
    assert len(np.unique(plain[0])) > STEPS // 2


def test_python_calls_no_kernel_of_a_step_or_an_evaluation(called: list[str]) -> None:
    network, configs = compiled(1)
    called.clear()
    network.train(configs, 1, look=True)
    network.evaluate()
    assert called == []


# Settings with which a user watches or changes what tinygrad does.
ORDINARY: list[dict[str, int]] = [ONE_BY_ONE, {"DEBUG": 2}, {"PROFILE": 1}, {"JIT": 0}]


@pytest.mark.parametrize("context", ORDINARY, ids=str)
def test_kernels_are_called_one_by_one_if_the_user_wants_to_see_them(
    context: dict[str, int], called: list[str]
) -> None:
    network, configs = compiled(1)
    expected = network.train(configs, 3)
    with Context(**context):
        network, configs = compiled(1)
        called.clear()
        np.testing.assert_array_equal(network.train(configs, 3), expected)
    assert len(called) > 3 * 30


def test_a_batch_size_set_by_the_user_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    x = put([1, 2])

    def five() -> Tensor:
        y = x
        for _ in range(5):
            y = (y * 2).contiguous().realize()
        return y

    whole = Recorded(five)
    whole()
    assert len(whole.calls) == 1
    monkeypatch.setenv("JIT_BATCH_SIZE", "2")
    with Context(JIT_BATCH_SIZE=2):
        parts = Recorded(five)
        parts()
    assert len(parts.calls) == 2  # tinygrad doubles the size each time: two kernels, then three
    assert parts().tolist() == whole().tolist() == [32, 64]


# --- what changes from call to call -------------------------------------------------------


def test_several_variables_including_negative_ones() -> None:
    shift, row = Variable("shift", -5, 10), Variable("row", 0, 3)
    table = put(np.arange(12).reshape(4, 3))

    def function(shift: Any, row: Any) -> Tensor:
        moved = (table + shift).contiguous().realize()
        return (moved * row + table[row]).contiguous().realize()

    step = Recorded(function, shift, row)
    for values in ((-5, 1), (10, 3), (-5, 3), (0, 0), (10, 0)):
        exact = (np.arange(12).reshape(4, 3) + values[0]) * values[1]
        exact += 3 * values[1] + np.arange(3)
        np.testing.assert_array_equal(step(*values).numpy(), exact)
    assert len(step.calls) == 1


def test_a_variable_out_of_its_bounds_is_refused() -> None:
    table = put(np.arange(4))
    step = Recorded(
        lambda i: (twice(table) + table[i]).contiguous().realize(), Variable("i", 0, 3)
    )
    step(0)
    with pytest.raises(ValueError, match=r"i must be from 0 to 3 \(got 4\)"):
        step(4)
    assert step(3).tolist() == [7, 9, 11, 13]


def test_inputs_may_be_other_tensors_each_time() -> None:
    jit = TinyJit(lambda x, y: (twice(x) + y).contiguous().realize())
    kept = [put([i, 10 * i]) for i in range(4)]
    for i, j in ((0, 1), (2, 3), (0, 1), (1, 0), (3, 2), (0, 2)):
        found = jit(kept[i], kept[j]).tolist()
        assert found == [2 * i + 4 + j, 20 * i + 4 + 10 * j]
    assert len(graphs(jit)) == len(jit.captured.linear.src) == 1


def test_parts_of_an_input() -> None:
    """C gets the part itself; tinygrad's own kernels get the whole input."""

    @TinyJit
    def step(x: Tensor) -> Tensor:
        product = matmul(x[1].contiguous(), x[2].contiguous()).realize()
        return (product + 1).contiguous().realize()

    for seed in range(5):
        x = np.random.default_rng(seed).integers(-9, 9, (4, 8, 8))
        np.testing.assert_array_equal(step(put(x)).numpy(), x[1] @ x[2] + 1)
    assert len(graphs(step)) == 1


def test_a_buffer_whose_memory_moved() -> None:
    first = TinyJit(twice)
    for value in (1, 2):
        out = first(put([value]))
    second = recorded(lambda: twice(out))
    assert second().tolist() == [20]
    (graph,) = graphs(second)
    first.captured.free_intermediates()
    taken = Tensor.full((1,), 5.0).contiguous().realize()  # what it had before
    assert first(put([3])).tolist() == [10]
    assert second().tolist() == [24]
    assert graphs(second) == [graph]
    assert taken.tolist() == [5]


def test_a_jit_whose_buffers_were_freed() -> None:
    jit = TinyJit(twice)
    for value in (1, 2, 3):
        assert jit(put([value])).tolist() == [2 * value + 4]
    jit.captured.free_intermediates()
    assert jit(put([4])).tolist() == [12]


# --- kernels ------------------------------------------------------------------------------


def test_a_kernel_for_several_cores() -> None:
    x = np.random.default_rng(0).integers(-9, 9, (2048, 256))
    with Context(NUM_CPU_THREADS=3):
        jit = recorded(twice)
        for factor in (1, 2, 3):
            found = jit(put(factor * x)).numpy()
            np.testing.assert_array_equal(found, 2 * factor * x + 4)
    kernels = [k.src[0].arg for k in jit.captured.linear.src[0].src[0].src[0].src]
    assert max(kernel.global_size[0] for kernel in kernels) > 1
    assert len(graphs(jit)) == 1


def sum_of(count: int) -> Callable[..., Tensor]:
    """A function that adds `count` one-element tensors in one kernel."""
    names = [f"x{i}" for i in range(count)]
    pointers = ", ".join(f"float* {name}" for name in ("out", *names))
    terms = " + ".join(f"{i + 1} * *{name}" for i, name in enumerate(names))
    source = f"void sum_of_{count}({pointers}) {{ *out = {terms}; }}"

    def function(xs: list[Tensor]) -> Tensor:
        uops = [x.uop for x in xs]
        (out,) = call(f"sum_of_{count}", source, [empty(1)], uops, operations=count)
        return (Tensor(out) + 1).contiguous().realize()

    return function


def test_as_many_arguments_as_tinygrad_allows() -> None:
    step = recorded(sum_of(62))
    for factor in (1, 2):
        xs = [put([factor * i]) for i in range(62)]
        assert step(xs).tolist() == [factor * sum(i * (i + 1) for i in range(62)) + 1]
    assert len(graphs(step)) == 1


def test_more_arguments_are_left_to_tinygrad_which_refuses_them() -> None:
    step = recorded(sum_of(63))
    with pytest.raises(AssertionError, match="at most 63 arguments"):
        step([put([i]) for i in range(63)])
    assert not graphs(step)


def test_other_work_stays_between_two_calls() -> None:
    @TinyJit
    def step(x: Tensor) -> Tensor:
        elsewhere = twice(x).to("CPU:1").realize()
        return twice((elsewhere * 5).contiguous().realize().to("CPU").realize())

    for value in (1, 2, 3):
        assert step(put([value])).tolist() == [2 * 5 * (2 * value + 4) + 4]
    assert [type(graph) for graph in graphs(step)] == [OneCall, OneCall]
    assert len(step.captured.linear.src) == 5


def test_with_a_flag_the_call_returns_its_time() -> None:
    x = put([1])
    jit = recorded(lambda: twice(x))
    jit()
    (graph,) = graphs(jit)
    assert graph((), {}) is None
    seconds = graph((), {}, wait=True)
    assert seconds is not None
    assert 0 < seconds < 10


# --- which devices ------------------------------------------------------------------------


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The CPU device as tinygrad itself opens it."""
    monkeypatch.setattr(Device["CPU"], "graph", None)
    yield
    one_call.load_runner.cache_clear()


@pytest.mark.usefixtures("without")
def test_only_a_cpu_device_that_runs_c_uses_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    one_call.install("METAL")
    assert Device["CPU"].graph is None
    with monkeypatch.context() as patch:
        patch.setattr(c_calls, "ClangRenderer", CPULLVMRenderer)
        one_call.install("CPU")
    assert Device["CPU"].graph is None
    one_call.install("CPU")
    assert Device["CPU"].graph is OneCall


@pytest.mark.usefixtures("without")
def test_without_a_compiler_kernels_are_called_one_by_one(
    monkeypatch: pytest.MonkeyPatch, called: list[str]
) -> None:
    """The other kernels may come from tinygrad's cache."""

    def fail(compiler: Compiler, source: str) -> bytes:
        raise FileNotFoundError("clang")

    one_call.load_runner.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(Compiler, "compile_cached", fail)
        one_call.install("CPU")
    assert Device["CPU"].graph is None
    x = put([1])
    jit = recorded(lambda: twice(x))
    jit()
    called.clear()
    assert jit().tolist() == [6]
    assert len(called) == 2


# --- interrupts and memory ----------------------------------------------------------------


@pytest.fixture
def interrupts() -> Iterator[None]:
    """Makes SIGINT raise KeyboardInterrupt, even if the test runner handles it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupts")
def test_an_interrupt_is_raised_after_all_kernels_are_done() -> None:
    count = Tensor.zeros(1_000_000, dtype=dtypes.int).contiguous().realize()
    total = Tensor.zeros(1_000_000, dtype=dtypes.int).contiguous().realize()

    def add() -> None:
        count.assign(count + 1).realize()
        total.assign(total + count).realize()

    step, running = recorded(add), threading.Event()

    def interrupt() -> None:
        running.wait()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        for _ in range(10_000):
            step()
            running.set()
    thread.join()
    assert len(graphs(step)) == 1
    (done,) = set(count.tolist())
    assert set(total.tolist()) == {done * (done + 1) // 2}
    step()
    assert set(count.tolist()) == {done + 1}
    assert set(total.tolist()) == {(done + 1) * (done + 2) // 2}


class Interrupted(int):
    """An address that raises an interrupt the second time that it is used."""

    written = 0

    def __add__(self, offset: int) -> int:
        self.written += 1
        if self.written == 2:
            raise KeyboardInterrupt
        return int(self) + offset


def test_an_interrupt_while_addresses_change_leaves_nothing_half_changed() -> None:
    @TinyJit
    def step(x: Tensor) -> Tensor:
        return ((x + 1).contiguous().realize() * x).contiguous().realize()

    first, second = put([3]), put([5])
    for _ in range(3):
        assert step(first).tolist() == [12]
    (graph,) = graphs(step)
    memory = SimpleNamespace(va_addr=Interrupted(second.uop.base.buffer.get_buf("CPU").va_addr))
    buffer = SimpleNamespace(get_buf=lambda device: memory)
    with pytest.raises(KeyboardInterrupt):
        graph([SimpleNamespace(buffer=buffer)], {})
    assert step(first).tolist() == [12]
    assert step(second).tolist() == [30]


def test_the_call_is_freed_with_its_jit_and_keeps_no_input() -> None:
    jit = TinyJit(twice)
    inputs = [put([i]) for i in range(5)]
    for x in inputs:
        jit(x)
    buffers = [weakref.ref(x.uop.base.buffer) for x in inputs]
    (graph,) = map(weakref.ref, graphs(jit))
    del x, inputs
    gc.collect()
    assert [buffer() for buffer in buffers] == [None] * 5
    assert jit(put([7])).tolist() == [18]
    assert graph() is not None
    del jit
    gc.collect()
    assert graph() is None

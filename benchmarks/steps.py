"""Measures a training step and an evaluation, against the PyTorch port and bare products."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks.kernels import (
    BareProducts,
    Kernel,
    call_name,
    step_calls,
    step_kernels,
)
from benchmarks.port_client import PortClient, Request, Start, running_port, torch_kind
from benchmarks.results import Limit, Result, WrongError, compared
from benchmarks.rounds import medians, say, turn
from grok_tui.config.presets import load_preset
from grok_tui.config.schema import Config, build
from grok_tui.device import c_calls
from grok_tui.device.openblas import openblas
from grok_tui.training.network import Network
from grok_tui.training.network import Start as Begin

# How many steps to compare, and the relative tolerance of the port's first and last loss.
CHECKED_STEPS = 6
FIRST_TOLERANCE, LAST_TOLERANCE = 1e-5, 1e-3
# Targets by PyTorch's kind of device, against the eager step, the step in a CUDA graph, and
# the evaluation of all pairs.
_LIMITS: dict[str, tuple[Limit | None, Limit | None, Limit | None]] = {
    "cpu": (Limit(0.20), None, Limit(0.20)),
    "cuda": (Limit(0.33), Limit(1.0), None),
}
# Calls per turn, and steps per call on a GPU, where the host must not wait for each step.
CALLS = 3
GPU_STEPS = 20

_MS = 1e3


def measure_steps(
    device: str, rounds: int, *, with_kernels: bool
) -> tuple[list[Result], list[Kernel]]:
    """Measure the section; returns its results, and the step's kernels if `with_kernels`."""
    kind = torch_kind(device)
    config = build({**load_preset("nanda").fields, "device": device})
    begin = Begin.of(config)
    network = Network([begin])
    for stage in network.compile():
        say(f"{stage} ...")
    with running_port(Start(config, dict(begin.weights()), kind)) as port:
        say("checking that the PyTorch port computes the same ...")
        _check_same(network, config, port)
        times = medians(_measures(network, config, port, kind), rounds)
    kernels = step_kernels(network, device, rounds) if with_kernels else []
    return _results({name: _MS * s for name, s in times.items()}, config, kind), kernels


def _measures(
    network: Network, config: Config, port: PortClient, kind: str
) -> dict[str, Callable[[], float]]:
    """The measurements by name, each in seconds per step or per evaluation."""
    steps = 1 if kind == "cpu" else GPU_STEPS

    def train() -> float:
        return turn(partial(network.train, [config], steps), CALLS) / steps

    def port_train(name: str) -> float:
        return float(port.answer(Request("train", name, steps, CALLS))) / steps

    measures: dict[str, Callable[[], float]] = {"train": train}
    measures |= {name: partial(port_train, name) for name in port.ports}
    if c_calls.runs_c(config.device) and openblas() is not None:
        products = BareProducts(map(call_name, step_calls(network)))
        measures["products"] = lambda: turn(products, CALLS)
    measures["evaluate"] = lambda: turn(network.evaluate, CALLS)
    measures["port evaluate"] = lambda: port.answer(Request("evaluate", calls=CALLS))
    measures["port evaluate test"] = lambda: port.answer(Request("evaluate test", calls=CALLS))
    return measures


def _check_same(network: Network, config: Config, port: PortClient) -> None:
    """Raise WrongError unless the first and last loss and an evaluation agree."""
    (ours,) = network.train([config], CHECKED_STEPS)
    our_pair_loss = network.evaluate()[0].pair_loss
    for name in port.ports:
        theirs = port.answer(Request("train", name, CHECKED_STEPS))
        _check(f"the first loss of the {name} port", ours[0], theirs[0], FIRST_TOLERANCE)
        _check(f"the last loss of the {name} port", ours[-1], theirs[-1], LAST_TOLERANCE)
        pair_loss, _ = port.answer(Request("evaluate", name))
        means = our_pair_loss.mean(), pair_loss.mean()
        _check(f"the evaluation of the {name} port", *means, LAST_TOLERANCE)


def _check(what: str, ours: float, theirs: float, tolerance: float) -> None:
    off = abs(theirs - ours) / abs(ours)
    if not off <= tolerance:  # not `>`, so that NaN is wrong
        raise WrongError(f"{what} is {theirs:.9g} instead of {ours:.9g}")
    say(f"{what} is off by {off:.1e}")


def _results(ms: dict[str, float], config: Config, kind: str) -> list[Result]:
    """The section's results, from medians in milliseconds by name."""
    step, evaluation, every = ms["train"], ms["evaluate"], config.eval_every
    eager, graphed, all_pairs = _LIMITS.get(kind, (None, None, None))
    rows = [_step(step, "PyTorch, eager", ms["eager"], eager)]
    if "graphed" in ms:
        rows.append(_step(step, "PyTorch, CUDA graph", ms["graphed"], graphed))
    if "products" in ms:
        rows.append(_step(step, "its products alone", ms["products"], Limit(2.0)))
    return [
        *rows,
        _evaluation(evaluation, "PyTorch, all pairs", ms["port evaluate"], all_pairs),
        _evaluation(evaluation, "PyTorch, test pairs", ms["port evaluate test"], None),
        _evaluation(evaluation, f"{every} train steps", every * step, Limit(0.25)),
    ]


def _step(ours: float, against: str, theirs: float, limit: Limit | None) -> Result:
    return compared("train step", ours, against, theirs, unit="ms", limit=limit)


def _evaluation(ours: float, against: str, theirs: float, limit: Limit | None) -> Result:
    return compared("evaluation of all pairs", ours, against, theirs, unit="ms", limit=limit)

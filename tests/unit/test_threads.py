"""The thread keeper on a simulated machine, whose clock moves by the time of each step."""

from __future__ import annotations

from collections.abc import Callable

from grok_tui.device.threads import LAST_LOOK, WINDOW, ThreadKeeper


class Machine:
    """A machine on which a step on n threads takes `cost(n)` seconds."""

    def __init__(self, all_threads: int, cost: Callable[[int], float]) -> None:
        self.now, self.threads, self.cost = 0.0, all_threads, cost
        self.steps = {1: 0, all_threads: 0}
        self.keeper = ThreadKeeper(all_threads, self.set_threads, lambda: self.now)

    def set_threads(self, count: int) -> None:
        self.threads = count

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            took = self.cost(self.threads)
            self.now += took
            self.steps[self.threads] += 1
            self.keeper.record(took)


def test_an_idle_machine_keeps_all_threads_and_rarely_tries_one() -> None:
    machine = Machine(2, lambda n: 0.035 if n == 2 else 0.055)
    machine.run(300)
    assert machine.threads == 2
    assert machine.steps[1] <= 8 * WINDOW
    assert machine.steps[1] / machine.steps[2] < 0.01


def test_a_busy_machine_switches_to_one_thread_within_seconds_and_back() -> None:
    crowded = False
    machine = Machine(2, lambda n: (0.4 if crowded else 0.035) if n == 2 else 0.06)
    machine.run(60)
    crowded = True
    machine.run(10)
    assert machine.threads == 1
    crowded = False
    machine.run(LAST_LOOK + 10)
    assert machine.threads == 2


def test_a_machine_busy_from_the_start_is_noticed() -> None:
    machine = Machine(2, lambda n: 0.4 if n == 2 else 0.06)
    machine.run(15)
    assert machine.threads == 1


def test_a_small_model_moves_to_one_thread() -> None:
    machine = Machine(16, lambda n: 0.002 if n == 16 else 0.001)
    machine.run(10)
    assert machine.threads == 1


def test_a_single_core_is_left_alone() -> None:
    machine = Machine(1, lambda _: 0.1)
    machine.set_threads = lambda _: (_ for _ in ()).throw(AssertionError)  # type: ignore[method-assign]
    machine.run(20)
    assert machine.threads == 1

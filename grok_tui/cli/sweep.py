"""`grok-tui sweep`: trains a grid of settings and seeds on several workers, and maps it."""

from __future__ import annotations

import contextlib
import functools
import signal
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import TYPE_CHECKING

from grok_tui.cli.flags import add_screen_flags, command_parser, count, path
from grok_tui.cli.output import has_screen, report, say
from grok_tui.text import UserError, percent

if TYPE_CHECKING:
    from grok_tui.sweep.folder import Outcome, SweepFolder
    from grok_tui.sweep.progress import SweepProgress


_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
# The workers' output, in the sweep's directory.
LOG = "workers.log"
_CONTINUE = "finished points are kept, and the same command continues"


def parse(name: str, arguments: Sequence[str]) -> Namespace:
    """The options `spec`, `output`, `workers`, `scheduler`, `replicas`, `retry_failed`, ..."""
    from grok_tui.sweep.spec import shipped

    parser = command_parser(name)
    add = parser.add_argument
    add(
        "spec",
        metavar="SPEC",
        help=f"a .toml file with base, axes and seeds, or one of {', '.join(shipped())}",
    )
    add(
        "-o",
        "--output",
        metavar="DIR",
        type=path,
        required=True,
        help="the sweep's directory; finished points in it are kept",
    )
    add(
        "--workers",
        metavar="N",
        type=count,
        help="worker processes on this machine (default: one per core)",
    )
    add("--scheduler", metavar="ADDRESS", help="a Dask scheduler, such as tcp://10.0.0.1:8786")
    add(
        "--replicas",
        metavar="N",
        type=count,
        help="most points that train together as one network (default: as many as fit)",
    )
    add("--retry-failed", action="store_true", help="train failed points again")
    add("--headless", action="store_true", help="print lines instead of drawing a screen")
    add_screen_flags(parser)
    add("--json", action="store_true", help="print sweep.json instead of the map")
    return parser.parse_args(arguments)


def run(options: Namespace) -> int:
    """Train the missing points and print the map; returns 1 if a point failed."""
    if options.workers and options.scheduler:
        raise UserError("--workers starts workers on this machine; a --scheduler has its own")
    from grok_tui.sweep import RESULTS
    from grok_tui.sweep.folder import SweepFolder, locked
    from grok_tui.sweep.phase_map import phase_map
    from grok_tui.sweep.progress import SweepProgress
    from grok_tui.sweep.spec import load_spec

    folder, code = SweepFolder.open(options.output, load_spec(options.spec)), 0
    try:
        with locked(folder.path), _signals_interrupt():
            progress = SweepProgress.begin(folder, retry=options.retry_failed)
            if not options.headless and has_screen("--headless prints lines"):
                code = _show(folder, progress, options)
            elif progress.missing:
                _train(folder, progress, options)
    except KeyboardInterrupt as end:
        say(f"stopped; {_CONTINUE}")
        return 128 + (end.number if isinstance(end, _Signal) else signal.SIGINT)
    outcomes = [(point, progress.outcomes[point.name]) for point in folder.points]
    if options.json:
        print((folder.path / RESULTS).read_text(), end="")
    else:
        print(phase_map(folder.spec, outcomes))
    failed = [(point, outcome) for point, outcome in outcomes if outcome.state == "failed"]
    for point, outcome in failed:
        say(f"{point.name} failed: {outcome.error}")
    if failed:
        say("--retry-failed trains them again")
    return code or (1 if failed else 0)


class _Signal(KeyboardInterrupt):
    """A signal that ends the sweep as ctrl+c does."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextlib.contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Within it, signals that would kill the process end the sweep; a second one kills.

    Killed, it would leave its workers and their semaphores to others.
    """

    def interrupt(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise _Signal(number)

    deadly = [n for n in _SIGNALS if signal.getsignal(n) is signal.SIG_DFL]
    for number in deadly:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in deadly:
            signal.signal(number, signal.SIG_DFL)


def _show(folder: SweepFolder, progress: SweepProgress, options: Namespace) -> int:
    """Train the missing points on the sweep's screen, until the user leaves."""
    from multiprocessing import resource_tracker

    from grok_tui.sources.launcher import replay_launcher
    from grok_tui.tui.screens.sweep import SweepScreen
    from grok_tui.tui.start import make_app, run_session
    from grok_tui.tui.sweep_app import SweepApp

    resource_tracker.ensure_running()  # workers may restart while the screen owns stderr
    launcher = replay_launcher()
    with contextlib.ExitStack() as stack:
        train = None
        if progress.missing:
            say("starting the workers ...")
            train = stack.enter_context(_trainer(folder, progress, options))
        kind = functools.partial(
            SweepApp,
            sweep=SweepScreen(folder, progress, train),
            replay=lambda run: launcher.replay(run, progress.last_step(run.name), 1.0),
        )
        app = make_app(launcher, None, options.theme, ascii_only=options.ascii, kind=kind)
        code = run_session(launcher, app)
    if progress.ended < len(progress.missing) and not code:
        say(f"stopped; {_CONTINUE}")
    return code


def _train(folder: SweepFolder, progress: SweepProgress, options: Namespace) -> None:
    """Train the missing points, printing a line when one ends."""

    def tick() -> None:
        for point in progress.look():
            came_to = _words(progress.outcomes[point.name])
            ended = f"{progress.ended}/{len(progress.missing)}"
            report(f"{ended}  {point.name}: {came_to}{progress.left_text()}")

    with _trainer(folder, progress, options) as train:
        train(tick)


@contextlib.contextmanager
def _trainer(
    folder: SweepFolder, progress: SweepProgress, options: Namespace
) -> Iterator[Callable[[Callable[[], None]], None]]:
    """A function that trains the missing points, calling its argument now and then.

    The workers have started already.
    """
    try:
        from grok_tui.sweep.batching import groups
        from grok_tui.sweep.engine import SchedulerLostError, cluster, count_workers, train
    except ImportError as error:
        raise UserError(f"{error}; install it: pip install 'grok-tui[sweep]'") from None

    with cluster(options.scheduler, options.workers, folder.path / LOG) as client:
        workers = count_workers(client, lambda: say("waiting for a worker of the scheduler"))
        batches = groups(progress.missing, workers, options.replicas or folder.spec.replicas)
        say(
            f"{len(progress.missing)} of {len(folder.points)} points to train, in"
            f" {_counted(len(batches), 'group')}, on {_counted(workers, 'worker')}"
        )

        def work(tick: Callable[[], None]) -> None:
            try:
                train(client, folder, batches, tick)
            except SchedulerLostError as error:
                raise SchedulerLostError(f"{error}; {_CONTINUE}") from None

        yield work


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _words(outcome: Outcome) -> str:
    if outcome.state == "failed":
        return f"failed: {outcome.error}"
    if outcome.grok_step is not None:
        return f"grokked at step {outcome.grok_step}"
    return f"not grokked after {outcome.steps} steps, test accuracy {percent(outcome.test_acc)}"

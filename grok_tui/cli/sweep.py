"""`grok-tui sweep`: a grid of settings and seeds, trained by several workers into one map."""

from __future__ import annotations

import contextlib
import functools
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grok_tui.cli.commands import COMMANDS
from grok_tui.cli.flags import Parser
from grok_tui.cli.train import has_screen
from grok_tui.text import UserError, percent

if TYPE_CHECKING:
    from grok_tui.sweep.folder import Outcome, SweepFolder
    from grok_tui.sweep.progress import Watch


# What the workers print, in the sweep's directory.
LOG = "workers.log"
_GO_ON = "what is done is kept, and the same command goes on"


def parse(arguments: Sequence[str]) -> Namespace:
    """`spec`, `output`, `workers`, `scheduler`, `replicas`, `retry_failed`, `headless`, ..."""
    parser = Parser(prog="grok-tui sweep", description=COMMANDS["sweep"], allow_abbrev=False)
    add = parser.add_argument
    add("spec", metavar="SPEC", help="a .toml file with base, axes and seeds, or a shipped one")
    add(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        required=True,
        help="the sweep's directory; what is done there already is kept",
    )
    add("--workers", metavar="N", type=_count, help="processes here; as many as cores")
    add("--scheduler", metavar="ADDRESS", help="a Dask scheduler, such as tcp://10.0.0.1:8786")
    add(
        "--replicas",
        metavar="N",
        type=_count,
        help="points that train together as one network at most; as many as fit",
    )
    add("--retry-failed", action="store_true", help="train what failed anew")
    add("--headless", action="store_true", help="lines instead of a screen")
    add("--theme", metavar="NAME", help="colours of the screen")
    add("--ascii", action="store_true", help="draw with ASCII characters only")
    add("--json", action="store_true", help="print sweep.json instead of the map")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(text)
    return int(text)


def run(options: Namespace) -> int:
    """Train what is missing, print the map; 1 if a point failed."""
    if options.workers and options.scheduler:
        raise UserError("--workers are on this machine; --scheduler has its own")
    from grok_tui.sweep import RESULTS
    from grok_tui.sweep.folder import SweepFolder, locked
    from grok_tui.sweep.phase_map import phase_map
    from grok_tui.sweep.progress import Watch
    from grok_tui.sweep.spec import load_spec

    folder, code = SweepFolder(options.output, load_spec(options.spec)), 0
    try:
        with locked(folder.path):
            watch = Watch(folder, retry=options.retry_failed)
            if has_screen() and not options.headless:
                code = _show(folder, watch, options)
            elif watch.missing:
                _train(folder, watch, options)
    except KeyboardInterrupt:
        _say(f"stopped; {_GO_ON}")
        return 130
    outcomes = [(point, watch.outcomes[point.name]) for point in folder.points]
    if options.json:
        print((folder.path / RESULTS).read_text(), end="")
    else:
        print(phase_map(folder.spec, outcomes))
    failed = [(point, outcome) for point, outcome in outcomes if outcome.state == "failed"]
    for point, outcome in failed:
        _say(f"{point.name} failed: {outcome.error}")
    if failed:
        _say("--retry-failed trains them anew")
    return code or (1 if failed else 0)


def _show(folder: SweepFolder, watch: Watch, options: Namespace) -> int:
    """Train what is missing on the screen of the sweep, until the user leaves."""
    from multiprocessing import resource_tracker

    from grok_tui.cli.replay import replay_session
    from grok_tui.tui.screens.sweep import SweepScreen
    from grok_tui.tui.start import make_app, run_session
    from grok_tui.tui.sweep_app import SweepApp

    resource_tracker.ensure_running()  # workers begin anew while the screen owns stderr
    session = replay_session()
    with contextlib.ExitStack() as stack:
        train = None
        if watch.missing:
            _say("starting the workers ...")
            train = stack.enter_context(_trainer(folder, watch, options))
        kind = functools.partial(
            SweepApp,
            sweep=SweepScreen(folder, watch, train),
            replay=lambda run: session.replay(run, watch.last_step(run.name), 1.0),
        )
        app = make_app(session, None, options.theme, ascii_only=options.ascii, kind=kind)
        code = run_session(session, app)
    if watch.ended < len(watch.missing) and not code:
        _say(f"stopped; {_GO_ON}")
    return code


def _train(folder: SweepFolder, watch: Watch, options: Namespace) -> None:
    """Train what is missing, with a line for each point that ends."""

    def tick() -> None:
        for point in watch.look():
            words = _words(watch.outcomes[point.name])
            _say(
                f"{watch.ended}/{len(watch.missing)}  {point.name}: {words}{watch.left_text()}"
            )

    with _trainer(folder, watch, options) as train:
        train(tick)


@contextlib.contextmanager
def _trainer(
    folder: SweepFolder, watch: Watch, options: Namespace
) -> Iterator[Callable[[Callable[[], None]], None]]:
    """What trains the missing points, with workers that wait for it."""
    try:
        from grok_tui.sweep.batching import groups
        from grok_tui.sweep.engine import SchedulerLostError, cluster, train
    except ImportError as error:
        raise UserError(f"{error}; install it: pip install 'grok-tui[sweep]'") from None

    with cluster(options.scheduler, options.workers, folder.path / LOG) as client:
        workers = len(client.scheduler_info()["workers"])
        found = groups(watch.missing, workers, options.replicas or folder.spec.replicas)
        _say(
            f"{len(watch.missing)} of {len(folder.points)} points to train, in {len(found)}"
            f" group{'' if len(found) == 1 else 's'}, {workers} workers"
        )

        def work(tick: Callable[[], None]) -> None:
            try:
                train(client, folder, found, tick)
            except SchedulerLostError as error:
                raise UserError(f"{error}; {_GO_ON}") from None

        yield work


def _words(outcome: Outcome) -> str:
    if outcome.state == "failed":
        return f"failed: {outcome.error}"
    if outcome.grok_step is not None:
        return f"grokked at step {outcome.grok_step}"
    return f"not grokked after {outcome.steps} steps, test accuracy {percent(outcome.test_acc)}"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

"""Sends events without ever waiting for their reader."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace

import numpy as np

from grok_tui.protocol.events import Analyzed, Evaluated, Event, Losses, Sink


class Outbox:
    """A queue with its own sending thread, which stays small while the reader is stuck.

    Waiting losses are joined into one event, and only the newest waiting evaluation and
    analysis keep their arrays, so a late reader still gets every number at little cost.
    """

    def __init__(self, send: Sink) -> None:
        self._send = send
        self._waiting: deque[Event] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def put(self, event: Event) -> None:
        """Queue an event to be sent."""
        with self._changed:
            _add(self._waiting, event)
            self._changed.notify()

    def close(self) -> None:
        """Wait until everything has been sent or the reader is gone."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                event = self._waiting.popleft()
            try:
                self._send(event)
            except OSError:
                return


def _add(waiting: deque[Event], event: Event) -> None:
    if isinstance(event, Losses) and waiting and isinstance(waiting[-1], Losses):
        waiting[-1] = _joined(waiting[-1], event)
        return
    if isinstance(event, Evaluated | Analyzed):
        _drop_arrays(waiting, type(event))
    waiting.append(event)


def _drop_arrays(waiting: deque[Event], kind: type[Event]) -> None:
    """Drop the arrays of the newest event of a kind; older events have already lost theirs."""
    for i in reversed(range(len(waiting))):
        before = waiting[i]
        if isinstance(before, kind):
            if isinstance(before, Evaluated):
                waiting[i] = replace(before, pairs=None)
            elif isinstance(before, Analyzed):
                waiting[i] = replace(before, arrays=None)
            return


def _joined(first: Losses, second: Losses) -> Losses:
    losses = np.concatenate([first.train_loss, second.train_loss])
    return Losses(first.first_step, losses, first.seconds + second.seconds)

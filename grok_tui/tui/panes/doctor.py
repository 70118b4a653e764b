"""The Doctor pane: why this run does not grok, or that it does, with evidence and a fix."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.timer import Timer

from grok_tui.config.schema import is_live
from grok_tui.doctor import HEALTHY, Verdict, diagnose
from grok_tui.tui.messages import FixRequested
from grok_tui.tui.panes.text_pane import TextPane
from grok_tui.view.event_text import changes_text, value_text
from grok_tui.view.state import SessionState

# The shortest time between two examinations.
EXAMINE_SECONDS = 1.0
_QUIET = "$foreground 60%"


class Doctor(TextPane):
    """All verdicts on the present state of the run, the principal one first."""

    TITLE = "Doctor"
    KEY = "d"
    SHORT = "Doc"
    ABOUT = (
        "Why this run does not grok, or that it does: the likeliest verdict first, with the"
        " numbers behind it and what to do. enter applies the first one's fix."
    )
    MORE = (
        "A verdict follows from the settings, the curves and the analyses, and changes with"
        " them. A live fix takes effect on the next step, and z undoes it; any other is kept"
        " for a new run, which r starts."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *TextPane.BINDINGS,
        Binding("enter", "apply", "Apply the fix", id="doctor-apply"),
    ]

    def __init__(self) -> None:
        super().__init__(id="doctor")
        self._state: SessionState | None = None
        self._examined: SessionState | None = None
        self._at = -EXAMINE_SECONDS
        self._timer: Timer | None = None
        self.verdicts: list[Verdict] = []

    def show(self, state: SessionState, *, now: bool = False) -> None:
        """Examine the run when due, or at once with `now`."""
        self._state = state
        if now and self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._timer is not None or not _changed(self._examined, state):
            return
        wait = 0 if now else self._at + EXAMINE_SECONDS - monotonic()
        if wait <= 0:
            self._examine()
        else:
            self._timer = self.set_timer(wait, self._examine)

    def _examine(self) -> None:
        self._timer = None
        state = self._state
        if state is None:
            return
        self._examined, self._at = state, monotonic()
        self.verdicts = diagnose(state.case())
        self.border_subtitle = f"step {state.step}" if state.step else "before the first step"
        texts = (_text(v, state, first=v is self.verdicts[0]) for v in self.verdicts)
        self.say(Content("\n\n").join(texts))

    def action_apply(self) -> None:
        for verdict in self.verdicts[:1]:
            self.post_message(FixRequested(verdict.changes, verdict.advice))


def _changed(examined: SessionState | None, state: SessionState) -> bool:
    """Whether anything that a diagnosis depends on has changed since the examined state."""
    return (
        examined is None
        or state.metrics is not examined.metrics
        or state.analyses is not examined.analyses
        or _settings(state) != _settings(examined)
    )


def _settings(state: SessionState) -> tuple[object, ...]:
    """The inputs of a diagnosis that are compared by value."""
    return (
        state.config, state.planned, state.pending, state.word, state.failure, state.step == 0,
    )  # fmt: skip


def _text(verdict: Verdict, state: SessionState, *, first: bool) -> Content:
    ill = verdict.id not in HEALTHY
    return Content("\n").join(
        [
            Content.assemble(
                (verdict.id, f"bold {'$warning' if ill else '$success'}"),
                (f"  {verdict.confidence:.0%}", _QUIET),
            ),
            Content(verdict.reason),
            Content(", ".join(_evidence(verdict))).stylize(_QUIET),
            Content(_fix(verdict, state, first=first)),
        ]
    )


def _evidence(verdict: Verdict) -> Iterator[str]:
    for name, value in verdict.evidence.items():
        yield f"{name} {value_text(value)}"


def _fix(verdict: Verdict, state: SessionState, *, first: bool) -> str:
    """The fix of a verdict, and what `enter` does with it if the verdict is the first."""
    changes = verdict.changes
    if not changes:
        return f"Fix: {verdict.advice}"
    text = f"Fix: {changes_text(changes)}"
    if not first or state.playback:
        return text
    if all(state.planned.get(name) == value for name, value in changes.items()):
        return f"{text} (planned: r starts a new run with it)"
    if any(state.pending.get(name) == value for name, value in changes.items()):
        return f"{text} (pending)"
    live = all(map(is_live, changes)) and not state.ended
    return f"{text} (enter: {'from the next step on' if live else 'for a new run'})"

"""The key bindings of the main screens, in the order of the footer and the help."""

from __future__ import annotations

from textual.binding import Binding

from grok_tui.tui.panes.layout import PANES

# The footer shows these at every width, and as many of the others as fit.
ALWAYS = (
    "pause", "weight_decay-down", "weight_decay-up", "lr-down", "lr-up", "back-100", "back",
    "slower", "faster", "help", "quit",
)  # fmt: skip

_STEPS = Binding.Group("step")
_DECAY = Binding.Group("weight_decay")
_RATE = Binding.Group("lr")
_LOGS = Binding.Group("log axes")
_SPEED = Binding.Group("speed")
_PHASES = Binding.Group("phase")


def _knob(shown: str, key: str, direction: int, group: Binding.Group) -> Binding:
    """The binding of a key that turns a field, the group's, up (1) or down (-1) a notch."""
    name, way = group.description, "up" if direction > 0 else "down"
    action = f"turn('{name}', {direction})"
    return Binding(
        key, action, f"{name} {way}", id=f"{name}-{way}", key_display=shown, group=group
    )


_PAUSE = Binding("space", "toggle_pause", "Pause", id="pause")
_ONE_STEP = Binding("s", "step(1)", "1 step", id="step", group=_STEPS)
_MANY_STEPS = Binding(
    "S", "step(100)", "100 steps", id="step-100", key_display="S", group=_STEPS
)
_EDIT = Binding("e", "edit", "Edit", id="edit")
_PANE_ORDER = [
    Binding("tab", "next_pane(1)", "Pane", id="next-pane", key_display="tab"),
    Binding("shift+tab", "next_pane(-1)", "previous pane", id="pane-before", show=False),
]
_CHARTS = [
    Binding("v", "view", "View", id="view"),
    Binding("f", "follow", "Follow", id="follow"),
    Binding("x", "log_axis('x')", "log steps", id="log-x", group=_LOGS),
    Binding("y", "log_axis('y')", "log values", id="log-y", group=_LOGS),
    Binding("m", "smooth", "Smooth", id="smooth"),
    Binding("g", "ghost", "Ghost", id="ghost"),
]
_BRANCH = Binding("b", "branch", "Branch", id="branch")
_LAST = [
    *(
        Binding(pane.KEY, f"pane({n})", f"Pane: {pane.TITLE}", id=f"pane-{n}", show=False)
        for n, pane in enumerate(PANES, 1)
    ),
    Binding("question_mark", "help", "Help", id="help", key_display="?"),
    Binding("q", "ask_quit", "Quit", id="quit"),
]

LIVE_BINDINGS = [
    _PAUSE,
    _ONE_STEP,
    _MANY_STEPS,
    _knob("[", "left_square_bracket", -1, _DECAY),
    _knob("]", "right_square_bracket", 1, _DECAY),
    _knob("{", "left_curly_bracket", -1, _RATE),
    _knob("}", "right_curly_bracket", 1, _RATE),
    _EDIT,
    Binding("z", "undo", "Undo", id="undo"),
    *_PANE_ORDER,
    _BRANCH,
    Binding("r", "restart", "Restart", id="restart"),
    *_CHARTS,
    Binding("c", "checkpoint", "Checkpoint", id="checkpoint"),
    *_LAST,
]
# What these do needs a trainer.
TRAINING_KEYS = frozenset({
    "pause", "step", "step-100", "weight_decay-down", "weight_decay-up", "lr-down", "lr-up",
    "undo", "checkpoint",
})  # fmt: skip
REPLAY_BINDINGS = [
    _PAUSE,
    Binding("A", "step(-100)", "100 back", id="back-100", key_display="A", group=_STEPS),
    Binding("a", "step(-1)", "1 back", id="back", group=_STEPS),
    _ONE_STEP,
    _MANY_STEPS,
    Binding(
        "less_than_sign", "speed(-1)", "slower", id="slower", key_display="<", group=_SPEED
    ),
    Binding(
        "greater_than_sign", "speed(1)", "faster", id="faster", key_display=">", group=_SPEED
    ),
    Binding(
        "comma",
        "phase(-1)",
        "previous phase",
        id="phase-before",
        key_display=",",
        group=_PHASES,
    ),
    Binding(
        "full_stop", "phase(1)", "next phase", id="next-phase", key_display=".", group=_PHASES
    ),
    Binding("j", "jump", "Jump", id="jump"),
    *_PANE_ORDER,
    *_CHARTS,
    _BRANCH,
    *_LAST,
]

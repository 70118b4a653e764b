"""The session's actions with their keys and descriptions, and the user's `keys.toml`.

The file maps an action's id to one key or several: `pause = "p"`, `lr-up = ["}", "f6"]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from textual.binding import Binding, BindingType, InvalidBinding
from textual.keys import format_key

from grok_tui.files import read_toml
from grok_tui.text import one_line
from grok_tui.tui.ascii_only import spelled
from grok_tui.tui.preferences import config_folder

# Keys by action id.
Keymap = Mapping[str, tuple[str, ...]]

# Modifiers and a key's name in Textual, which has one for every character but letters.
_KEY = re.compile(r"(\w+\+)*\w+")
# Names for keys whose symbols in Textual are hard to read.
_KEY_NAMES = {"enter": "enter", "backspace": "backspace"}
# Descriptions by action id, longer than the footer's words.
SENTENCES = {
    "pause": "Pause or resume",
    "step": "Take one step while paused",
    "step-100": "Take 100 steps while paused",
    "weight_decay-down": "weight_decay down, by about a fifth",
    "weight_decay-up": "weight_decay up, by about a quarter",
    "lr-down": "lr down, by about a fifth",
    "lr-up": "lr up, by about a quarter",
    "edit": "Edit the hyperparameters",
    "undo": "Undo the last edit",
    "next-pane": "Next pane",
    "pane-before": "Previous pane",
    "view": "View the newest steps or all of them",
    "follow": "Follow the newest step, or hold the view",
    "log-x": "Steps axis: logarithmic or linear",
    "log-y": "Values axis: logarithmic or linear",
    "smooth": "Smooth the curves more, then not at all",
    "ghost": "Ghost: show an earlier run behind this one",
    "checkpoint": "Checkpoint: save the run as it is now",
    "branch": "Branch: a new run from a checkpoint",
    "restart": "Restart: a new run with the settings of the form",
    "help": "Help: what is on the screen, and every key",
    "quit": "Quit: save first, or leave at once",
    "back": "Replay: one step back",
    "back-100": "Replay: 100 steps back",
    "slower": "Replay: half as fast",
    "faster": "Replay: twice as fast",
    "phase-before": "Replay: to the previous change of phase",
    "next-phase": "Replay: to the next change of phase",
    "jump": "Replay: jump to a step or a phase",
    "theme": "Theme: change to the next one",
}


@dataclass(frozen=True, slots=True)
class Action:
    """An action with its default keys.

    keys: by their Textual names. what: a description. scope: the title of the pane that has
    these keys while it is focused; empty for keys of the whole session.
    """

    id: str
    keys: tuple[str, ...]
    what: str
    scope: str = ""

    def meets(self, other: Action) -> bool:
        """Whether both actions can be active at the same time."""
        return self.scope == other.scope or not (self.scope and other.scope)


def actions(bindings: Iterable[BindingType], scope: str = "") -> dict[str, Action]:
    """The actions of bindings by id; bindings without an id cannot be changed by the user."""
    by_id: dict[str, Action] = {}
    for binding in Binding.make_bindings(bindings):
        if (name := binding.id) is not None:
            before = by_id[name].keys if name in by_id else ()
            by_id[name] = Action(name, (*before, binding.key), binding.description, scope)
    return by_id


def fixed_actions(
    bindings: Iterable[BindingType], owner: str, scope: str = ""
) -> Iterator[Action]:
    """The actions whose keys the user cannot change, since their bindings have no id.

    owner: whose keys they are, for messages.
    """
    for binding in Binding.make_bindings(bindings):
        if binding.id is None:
            name = f"{binding.description or binding.action} ({owner})"
            yield Action(name, (binding.key,), binding.description, scope)


def in_force(bindings: Iterable[BindingType], keymap: Keymap) -> Iterator[Binding]:
    """The bindings with the user's keys in place of default ones."""
    moved = set()
    for binding in Binding.make_bindings(bindings):
        if binding.id is None or binding.id not in keymap:
            yield binding
        elif binding.id not in moved:
            moved.add(binding.id)
            yield from (binding.with_key(key) for key in keymap[binding.id])


def key_text(key: str) -> str:
    """A key as people write it, from its name in Textual: `space`, `[`, `shift+←`."""
    *modifiers, last = key.split("+")
    return "+".join([*modifiers, _KEY_NAMES.get(last) or format_key(last)])


@dataclass(frozen=True, slots=True)
class Entry:
    """An action in help and palette. what: a description. keys: as people write them."""

    id: str | None
    what: str
    keys: str
    action: str

    @property
    def pane(self) -> int | None:
        """The number of the pane that the action shows; None if it does something else."""
        _, _, number = (self.id or "").partition("pane-")
        return int(number) if number.isdigit() else None


def entries(bindings: Iterable[BindingType], keymap: Keymap) -> list[Entry]:
    """An entry for each action of some bindings, in their order, with all its keys."""
    joined: dict[tuple[str, str | None], list[Binding]] = {}
    for binding in in_force(bindings, keymap):
        joined.setdefault((binding.action, binding.id), []).append(binding)
    return [
        Entry(id, _words(same[0]), " ".join(map(_shown, same)), action)
        for (action, id), same in joined.items()  # noqa: A001
    ]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys in use: the user's own; ascii: whether the screen may show only ASCII."""

    keymap: Keymap
    ascii: bool = False

    def entries(self, bindings: Iterable[BindingType]) -> list[Entry]:
        """The entries of bindings with the keys in use, as the screen can show them."""
        listed = entries(bindings, self.keymap)
        return [replace(e, keys=spelled(e.keys)) for e in listed] if self.ascii else listed


def _words(binding: Binding) -> str:
    if sentence := SENTENCES.get(binding.id or ""):
        return sentence
    words = binding.tooltip or binding.description
    return words[:1].upper() + words[1:]


def _shown(binding: Binding) -> str:
    return binding.key_display or key_text(binding.key)


def load_keymap(
    known: Mapping[str, Action], fixed: Sequence[Action] = ()
) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Load the user's keys by action id; also returns what was skipped and why.

    known: all actions by id. fixed: further actions, whose keys cannot be used or changed.
    """
    path = config_folder() / "keys.toml"
    try:
        wanted = read_toml(path)
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError) as error:
        return {}, [one_line(f"keys in {path} skipped: {error}")]
    keymap: dict[str, tuple[str, ...]] = {}
    problems = []
    for name, value in wanted.items():
        try:
            keymap[name] = _keys(known, name, value)
        except ValueError as error:
            problems.append(f"{name} in {path} skipped: {error}")
    problems += [f"{path}: {problem}" for problem in _clashes(known, fixed, keymap)]
    return keymap, [one_line(problem) for problem in problems]


def keys_of(known: Mapping[str, Action], keymap: Keymap) -> Iterator[Action]:
    """Every action with its keys in use. known: all actions by id."""
    for name, action in known.items():
        yield replace(action, keys=keymap.get(name, action.keys))


def _keys(known: Mapping[str, Action], name: str, value: object) -> tuple[str, ...]:
    if name not in known:
        raise ValueError(f"there is no such action; choose one of {', '.join(known)}")
    keys = value if isinstance(value, list) else [value]
    texts = [key for key in keys if isinstance(key, str)]
    if not texts or len(texts) < len(keys):
        raise ValueError("it needs the name of a key, or a list of them")
    try:
        bound = tuple(b.key for b in Binding.make_bindings(Binding(key, "") for key in texts))
    except InvalidBinding as error:
        raise ValueError(str(error)) from None
    for key in bound:
        if not _KEY.fullmatch(key):
            raise ValueError(f"{key!r} is not a key")
    return bound


def _clashes(
    known: Mapping[str, Action], fixed: Sequence[Action], keymap: dict[str, tuple[str, ...]]
) -> Iterator[str]:
    """Drop every change that gives one key to two actions; yields a message for each."""
    while clash := _clash([*fixed, *keys_of(known, keymap)]):
        key, first, second = clash
        changed = second if second in keymap else first
        del keymap[changed]
        both = f"{key_text(key)} is the key of both {first} and {second}"
        yield f"{both}; {changed} keeps its default"


def _clash(actions: Sequence[Action]) -> tuple[str, str, str] | None:
    """A key shared by two actions that can be active at the same time, and their ids."""
    owners: dict[str, list[Action]] = {}
    for action in actions:
        for key in action.keys:
            for other in owners.setdefault(key, []):
                if other.id != action.id and other.meets(action):
                    return key, other.id, action.id
            owners[key].append(action)
    return None

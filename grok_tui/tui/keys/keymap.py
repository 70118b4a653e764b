"""The session's keys: what they do, in words too, and the user's own in `keys.toml`.

The file maps an action's id to a key, or to several: `pause = "p"`, `wd-up = ["]", "f6"]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from textual.binding import Binding, BindingType, InvalidBinding
from textual.keys import format_key

from grok_tui.files import read_toml
from grok_tui.text import one_line
from grok_tui.tui.ascii_only import spelled
from grok_tui.tui.preferences import config_folder

# Keys by action id.
Keymap = Mapping[str, tuple[str, ...]]

# A name, as Textual gives one to every character but letters, and modifiers before it.
_KEY = re.compile(r"(\w+\+)*\w+")
# Where Textual's signs for keys are hard to read.
_KEY_NAMES = {"enter": "enter", "backspace": "backspace"}
# What the footer has only a word for, by action id.
SENTENCES = {
    "pause": "Pause or resume",
    "step": "Take one step while paused",
    "step-100": "Take 100 steps while paused",
    "wd-down": "Weight decay down by a fifth",
    "wd-up": "Weight decay up by a quarter",
    "lr-down": "Learning rate down by a fifth",
    "lr-up": "Learning rate up by a quarter",
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
    """Something that keys do.

    keys: Textual's names of them, the default ones. scope: the title of the pane that has
    these keys while it is focused; empty for keys of the whole session.
    """

    id: str
    keys: tuple[str, ...]
    what: str
    scope: str = ""

    def meets(self, other: Action) -> bool:
        """Whether both may be waiting for their keys at the same time."""
        return self.scope == other.scope or not (self.scope and other.scope)


def actions(bindings: Iterable[BindingType], scope: str = "") -> dict[str, Action]:
    """The actions of some bindings by id; those without an id cannot be changed."""
    found: dict[str, Action] = {}
    for binding in Binding.make_bindings(bindings):
        if (name := binding.id) is not None:
            before = found[name].keys if name in found else ()
            found[name] = Action(name, (*before, binding.key), binding.description, scope)
    return found


def in_force(bindings: Iterable[BindingType], keymap: Keymap) -> Iterator[Binding]:
    """The bindings, with the user's keys in place of the default ones."""
    moved = set()
    for binding in Binding.make_bindings(bindings):
        if binding.id is None or binding.id not in keymap:
            yield binding
        elif binding.id not in moved:
            moved.add(binding.id)
            yield from (binding.with_key(key) for key in keymap[binding.id])


def key_text(key: str) -> str:
    """Textual's name of a key as people write it: `space`, `[`, `shift+←`."""
    *modifiers, last = key.split("+")
    return "+".join([*modifiers, _KEY_NAMES.get(last) or format_key(last)])


@dataclass(frozen=True, slots=True)
class Entry:
    """An action as help and palette list it: in words, with its keys as people write them."""

    id: str | None
    what: str
    keys: str
    action: str

    @property
    def pane(self) -> int | None:
        """The number of the pane that it shows, None if it does something else."""
        _, _, number = (self.id or "").partition("pane-")
        return int(number) if number.isdigit() else None


def entries(bindings: Iterable[BindingType], keymap: Keymap) -> list[Entry]:
    """What bindings do, in their order, each action once with all the keys it has."""
    joined: dict[tuple[str, str | None], list[Binding]] = {}
    for binding in in_force(bindings, keymap):
        joined.setdefault((binding.action, binding.id), []).append(binding)
    return [
        Entry(id, _words(same[0]), " ".join(map(_shown, same)), action)
        for (action, id), same in joined.items()  # noqa: A001
    ]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys in force: the user's own, and whether the screen shows ASCII only."""

    keymap: Keymap
    ascii: bool = False

    def entries(self, bindings: Iterable[BindingType]) -> list[Entry]:
        """What bindings do, with the keys in force, as the screen can show them."""
        found = entries(bindings, self.keymap)
        return [replace(e, keys=spelled(e.keys)) for e in found] if self.ascii else found


def _words(binding: Binding) -> str:
    words = SENTENCES.get(binding.id or "") or binding.tooltip or binding.description
    return words[:1].upper() + words[1:]


def _shown(binding: Binding) -> str:
    return binding.key_display or key_text(binding.key)


def load_keymap(known: Mapping[str, Action]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The user's keys by action id, and what of the file was skipped and why."""
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
    problems += [f"{path}: {problem}" for problem in _clashes(known, keymap)]
    return keymap, [one_line(problem) for problem in problems]


def keys_of(known: Mapping[str, Action], keymap: Keymap) -> Iterator[Action]:
    """Every action with the keys it has in the end."""
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


def _clashes(known: Mapping[str, Action], keymap: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Take back every change that gives a key to two actions, and say so."""
    while clash := _clash(known, keymap):
        key, first, second = clash
        changed = second if second in keymap else first
        del keymap[changed]
        both = f"{key_text(key)} is the key of both {first} and {second}"
        yield f"{both}; {changed} keeps its default"


def _clash(known: Mapping[str, Action], keymap: Keymap) -> tuple[str, str, str] | None:
    """A key that two actions have which meet, and these."""
    owners: dict[str, list[Action]] = {}
    for action in keys_of(known, keymap):
        for key in action.keys:
            for other in owners.setdefault(key, []):
                if other.id != action.id and other.meets(action):
                    return key, other.id, action.id
            owners[key].append(action)
    return None

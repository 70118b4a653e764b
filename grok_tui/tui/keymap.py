"""The session's keys: what they do, and the user's own in `keys.toml`.

The file maps an action's id to a key, or to several: `pause = "p"`, `wd-up = ["]", "f6"]`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from textual.binding import Binding, BindingType, InvalidBinding

from grok_tui.tui.preferences import config_folder


@dataclass(frozen=True, slots=True)
class Action:
    """Something that keys do. keys: Textual's names of them, the default ones."""

    id: str
    keys: tuple[str, ...]
    what: str


def actions(bindings: Iterable[BindingType]) -> dict[str, Action]:
    """The actions of some bindings by id; those without an id cannot be changed."""
    found: dict[str, Action] = {}
    for binding in Binding.make_bindings(bindings):
        if binding.id is not None:
            before = found[binding.id].keys if binding.id in found else ()
            found[binding.id] = Action(binding.id, (*before, binding.key), binding.description)
    return found


def load_keymap(known: Mapping[str, Action]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The user's keys by action id, and what of the file was skipped and why."""
    path = config_folder() / "keys.toml"
    try:
        wanted = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError) as error:
        return {}, [f"keys in {path} skipped: {error}"]
    keymap: dict[str, tuple[str, ...]] = {}
    problems = []
    for name, value in wanted.items():
        try:
            keymap[name] = _keys(known, name, value)
        except ValueError as error:
            problems.append(f"{name} in {path} skipped: {error}")
    problems += [f"{path}: {problem}" for problem in _clashes(known, keymap)]
    return keymap, problems


def keys_of(
    known: Mapping[str, Action], keymap: Mapping[str, tuple[str, ...]]
) -> Iterator[Action]:
    """Every action with the keys it has in the end."""
    for name, action in known.items():
        yield Action(name, keymap.get(name, action.keys), action.what)


def _keys(known: Mapping[str, Action], name: str, value: object) -> tuple[str, ...]:
    if name not in known:
        raise ValueError(f"there is no such action; there are: {', '.join(known)}")
    keys = value if isinstance(value, list) else [value]
    texts = [key for key in keys if isinstance(key, str)]
    if not texts or len(texts) < len(keys):
        raise ValueError("it needs the name of a key, or a list of them")
    try:
        return tuple(b.key for b in Binding.make_bindings(Binding(key, "") for key in texts))
    except InvalidBinding as error:
        raise ValueError(str(error)) from None


def _clashes(known: Mapping[str, Action], keymap: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """Take back every change that gives a key to two actions, and say so."""
    while clash := _clash(known, keymap):
        key, first, second = clash
        changed = second if second in keymap else first
        del keymap[changed]
        yield f"{key} is for {first} and for {second}; {changed} stays as it was"


def _clash(
    known: Mapping[str, Action], keymap: Mapping[str, tuple[str, ...]]
) -> tuple[str, str, str] | None:
    """A key that two actions have, and these."""
    owner: dict[str, str] = {}
    for action in keys_of(known, keymap):
        for key in action.keys:
            if owner.setdefault(key, action.id) != action.id:
                return key, owner[key], action.id
    return None

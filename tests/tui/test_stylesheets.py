"""The style sheets of the session name what there is."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

from textual import widgets
from textual.app import App
from textual.dom import DOMNode
from textual.widget import Widget

from grok_tui import tui


def classes(base: type[DOMNode]) -> Iterator[type[DOMNode]]:
    """A class and all that derive from it."""
    yield base
    for derived in base.__subclasses__():
        yield from classes(derived)


def test_every_type_in_a_selector_is_a_class() -> None:
    """Textual says nothing of a selector that matches nothing, as after a renaming."""
    for module in pkgutil.walk_packages(tui.__path__, f"{tui.__name__}."):
        importlib.import_module(module.name)
    for name in widgets.__all__:
        getattr(widgets, name)  # which imports it
    known = {*classes(Widget), *classes(App)}
    names = {each.__name__ for each in known}
    ours = [each for each in known if each.__module__.startswith(tui.__name__)]
    assert len(ours) > 20
    for each in ours:
        sheet = each.__dict__.get("DEFAULT_CSS", "") + each.__dict__.get("CSS", "")
        for selector in re.findall(r"([^{}]+)\{", sheet):
            for name in re.findall(r"(?<![\w.#$&-])[A-Z]\w*", selector):
                assert name in names, f"{each.__name__} styles {name}"

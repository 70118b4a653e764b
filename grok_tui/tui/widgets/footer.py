"""The footer: the active keys and what they do, as many as fit on one line."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from rich.cells import cell_len
from textual.app import RenderResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.content import Content
from textual.events import Click, MouseMove
from textual.reactive import reactive
from textual.screen import Screen
from textual.style import Style
from textual.widget import Widget

_KEY = "bold $footer-key-foreground on $footer-key-background"
_WORDS = "$footer-description-foreground on $footer-description-background"
_HOVERED = "on $block-hover-background"
_EDGE = "$foreground 20%"
# The style of a footer text holds the name of its key under this name.
_META = "key"


@dataclass(frozen=True, slots=True)
class FooterKey:
    """A key of the footer. name: in Textual; text: as people write it."""

    name: str
    text: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class FooterItem:
    """A key, or the keys of a group, and what they do.

    always: whether it is shown at every width. at_right: whether it is at the right end.
    """

    keys: tuple[FooterKey, ...]
    words: str
    always: bool = False
    at_right: bool = False

    @property
    def width(self) -> int:
        """The width in columns, with a space at either end."""
        return sum(1 + cell_len(key.text) for key in self.keys) + cell_len(self.words) + 2


def footer_items(
    active: Iterable[ActiveBinding],
    text_of: Callable[[Binding], str],
    always: Collection[str] = (),
) -> tuple[FooterItem, ...]:
    """The footer items of active bindings; neighbors of one group are joined.

    text_of: a binding's key as people write it. always: ids of bindings shown at every width.
    """
    first: dict[str, ActiveBinding] = {}  # of the keys of an action
    for item in active:
        if item.binding.show:
            first.setdefault(item.binding.action, item)
    groups = groupby(first.values(), lambda item: item.binding.group or item.binding)
    return tuple(_item([*group], text_of, always) for _, group in groups)


def footer_line(items: Sequence[FooterItem], width: int, hovered: str = "") -> Content:
    """The line of the footer: the items for every width and as many others as fit, in order.

    hovered: the name of the key under the pointer.
    """
    shown = [*_fitting(items, width)]
    left, right = (
        Content("").join(_drawn(item, hovered) for item in shown if item.at_right == at_right)
        for at_right in (False, True)
    )
    return left + " " * (width - left.cell_length - right.cell_length) + right


class KeysFooter(Widget):
    """The active keys of its screen, redrawn only when they change; a click presses one.

    hidden: ids of bindings that would do nothing now.
    """

    DEFAULT_CSS = """
    KeysFooter {
        dock: bottom; height: 1; text-wrap: nowrap; text-overflow: clip;
        color: $footer-foreground; background: $footer-background;
    }
    """
    ALLOW_SELECT = False

    items: reactive[tuple[FooterItem, ...]] = reactive(())
    hovered: reactive[str] = reactive("")
    hidden: reactive[frozenset[str]] = reactive(frozenset())

    def __init__(
        self,
        order: Iterable[BindingType] = (),
        always: Collection[str] = (),
        *,
        palette: bool = False,
    ) -> None:
        """order: the bindings in order; bindings not among them go before the last two.

        always: ids of bindings shown at every width. palette: whether to show the key of the
        command palette, at the right.
        """
        super().__init__()
        self._order = [binding.id for binding in Binding.make_bindings(order)]
        self._always, self._palette = always, palette

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._update)
        self._update(self.screen)

    def _update(self, screen: Screen[Any]) -> None:
        if self.items and not self.app.app_focus:  # the terminal lost focus: keep the keys
            return
        bindings = screen.active_bindings.items()
        active = {key: a for key, a in bindings if a.binding.id not in self.hidden}
        text_of = self.app.get_key_display
        items = footer_items(sorted(active.values(), key=self._place), text_of, self._always)
        palette = active.get(self.app.COMMAND_PALETTE_BINDING) if self._palette else None
        if palette is not None:
            item = _item([palette], text_of)
            items += (replace(item, always=True, at_right=True),)
        self.items = items

    def watch_hidden(self) -> None:
        self._update(self.screen)

    def _place(self, active: ActiveBinding) -> int:
        order, name = self._order, active.binding.id
        return order.index(name) if name in order else len(order) - 2

    def render(self) -> RenderResult:
        return footer_line(self.items, self.size.width, self.hovered)

    def on_mouse_move(self, event: MouseMove) -> None:
        self.hovered = event.style.meta.get(_META, "")

    def on_leave(self) -> None:
        self.hovered = ""

    def on_click(self, event: Click) -> None:
        name = event.style.meta.get(_META)
        key = next((key for item in self.items for key in item.keys if key.name == name), None)
        if key is None:
            return
        if key.enabled:
            self.app.simulate_key(key.name)
        else:
            self.app.bell()


def _item(
    active: Sequence[ActiveBinding],
    text_of: Callable[[Binding], str],
    always: Collection[str] = (),
) -> FooterItem:
    """The footer item of one binding or of a group of bindings."""
    first, group = active[0].binding, active[0].binding.group
    return FooterItem(
        tuple(FooterKey(a.binding.key, text_of(a.binding), a.enabled) for a in active),
        group.description if group and len(active) > 1 else first.description,
        first.id in always,
    )


def _fitting(items: Sequence[FooterItem], width: int) -> Iterator[FooterItem]:
    left = width - sum(item.width for item in items if item.always)
    for item in items:
        if item.always:
            yield item
        elif item.width <= left:
            left -= item.width
            yield item


def _drawn(item: FooterItem, hovered: str) -> Content:
    """An item as text; a click on its words presses its key, if it has only one."""
    keys = [Content.styled(f" {key.text}", _KEY) for key in item.keys]
    words = Content.styled(" ", _KEY) + Content.styled(f"{item.words} ", _WORDS)
    if len(keys) == 1:
        (key,) = item.keys
        drawn = _pressable(keys[0] + words, key, hovered)
    else:
        pairs = zip(keys, item.keys, strict=True)
        drawn = Content("").join([*(_pressable(*pair, hovered) for pair in pairs), words])
    return Content.styled("▏", _EDGE) + drawn[1:] if item.at_right else drawn


def _pressable(content: Content, key: FooterKey, hovered: str) -> Content:
    content = content.stylize(Style.from_meta({_META: key.name}))
    if not key.enabled:
        content = content.stylize("dim")
    return content.stylize(_HOVERED) if key.name == hovered else content

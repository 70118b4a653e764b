"""The footer with the keys."""

from __future__ import annotations

from textual.widgets import Footer


class KeysFooter(Footer):
    """Textual's footer, made to forget the keys that it no longer shows.

    It makes new ones whenever the bindings change, as they do with every dialog, and the old
    ones stay among those that are told of `compact` until that changes.
    """

    async def recompose(self) -> None:
        await super().recompose()
        self.mutate_reactive(Footer.compact)

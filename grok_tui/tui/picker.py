"""The first screen: which preset to run."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Footer, Label, OptionList
from textual.widgets.option_list import Option

from grok_tui.presets import Preset


class PresetPicker(Screen[str | None]):
    """Every preset with its sentence; gives the chosen name, or None to leave."""

    DEFAULT_CSS = """
    PresetPicker { align: center middle; }
    PresetPicker > Vertical { width: 90%; max-width: 90; height: auto; max-height: 90%; }
    PresetPicker Label { text-style: bold; padding: 1 2; }
    PresetPicker OptionList { height: auto; max-height: 1fr; min-width: 20; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("q,escape", "leave", "Quit")]

    def __init__(self, presets: list[Preset]) -> None:
        super().__init__()
        self._presets = presets

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("Which run do you want to watch?")
            yield OptionList(*(Option(_described(p), id=p.name) for p in self._presets))
        yield Footer()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_leave(self) -> None:
        self.dismiss(None)


def _described(preset: Preset) -> str:
    steps = f"  [dim]groks at step {preset.grok_step}[/dim]" if preset.grok_step else ""
    return f"[b]{preset.name}[/b]{steps}\n{preset.sentence}"

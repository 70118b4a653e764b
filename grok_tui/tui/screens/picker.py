"""The first screen: a choice of presets, with estimates of how long they take."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from grok_tui.config.presets import Preset
from grok_tui.config.schema import build
from grok_tui.tui.messages import SpeedEstimated
from grok_tui.tui.screens.dialogs import DismissedOnce, Options
from grok_tui.tui.widgets.footer import KeysFooter
from grok_tui.view.estimate import duration_text, speed_of


class PresetPicker(DismissedOnce[str]):
    """All presets with their descriptions; dismissed with a preset's name, or None to leave."""

    DEFAULT_CSS = """
    PresetPicker { align: center middle; }
    PresetPicker > Vertical { width: 90%; max-width: 90; height: 1fr; max-height: 36; }
    PresetPicker Label { text-style: bold; padding: 1 2; }
    PresetPicker OptionList { height: 1fr; min-width: 20; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("q,escape", "leave", "Quit")]

    def __init__(self, presets: Sequence[Preset]) -> None:
        super().__init__()
        self._presets = presets

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Label("Which run do you want to watch?")
            yield Options(*self._options())
        yield KeysFooter(palette=True)

    def _options(self) -> Iterator[Option | None]:
        """An option for each preset, with a separator before the patients."""
        patients = False
        for preset in self._presets:
            if preset.patient and not patients:
                patients = True
                yield None
            yield Option(_described(preset), id=preset.name)

    def on_mount(self) -> None:
        options = self.query_one(Options)
        options.highlighted = 0
        options.border_subtitle = "arrows choose, enter starts"
        self.call_after_refresh(
            self.run_worker, self._estimate, thread=True, exit_on_error=False
        )

    def _estimate(self) -> None:
        """Estimate how long each preset takes; called in a thread, since it may be slow."""
        for preset in self._presets:
            if preset.grok_step is None:
                continue
            config = build(preset.fields)
            if speed := speed_of(config):
                about = duration_text(speed.seconds(config, preset.grok_step))
                with contextlib.suppress(RuntimeError):  # the application is gone
                    self.post_message(SpeedEstimated(preset, f", {about} on {speed.device}"))

    def on_speed_estimated(self, message: SpeedEstimated) -> None:
        options = self.query_one(Options)
        prompt = _described(message.preset, message.words)
        options.replace_option_prompt(message.preset.name, prompt)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_leave(self) -> None:
        self.dismiss(None)


def _described(preset: Preset, time: str = "") -> Content:
    """A preset's name and steps above its description; time: an estimate, after the steps."""
    steps = f"groks at step {preset.grok_step}{time}" if preset.grok_step else "never groks"
    steps = f"{steps}; a patient for the doctor" if preset.patient else steps
    return Content.assemble((preset.name, "bold"), "  ", (steps, "dim"), "\n", preset.sentence)

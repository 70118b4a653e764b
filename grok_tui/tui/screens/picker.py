"""The first screen: a choice of presets, with estimates of how long they take."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from grok_tui.config.presets import Preset
from grok_tui.config.schema import Config
from grok_tui.text import UserError, duration
from grok_tui.tui.messages import SpeedEstimated
from grok_tui.tui.screens.dialogs import DismissedOnce, Options
from grok_tui.tui.widgets.footer import KeysFooter
from grok_tui.view.estimate import promise, promised_step, speed_of


class PresetPicker(DismissedOnce[str]):
    """All presets with their descriptions; dismissed with a preset's name, or None to leave."""

    DEFAULT_CSS = """
    PresetPicker { align: center middle; }
    PresetPicker > Vertical { width: 90%; max-width: 90; height: 1fr; max-height: 36; }
    PresetPicker Label { text-style: bold; padding: 1 2; }
    PresetPicker OptionList { height: 1fr; min-width: 20; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("q,escape", "leave", "Quit")]

    def __init__(self, presets: Sequence[Preset], config_of: Callable[[str], Config]) -> None:
        """config_of: the config that a preset's run would have. Raises UserError."""
        super().__init__()
        self._presets, self._config_of = presets, config_of

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
            yield Option(_described(preset, self._promise(preset)), id=preset.name)

    def _promise(self, preset: Preset) -> str:
        """What its run is known to do, or why it cannot start."""
        try:
            return promise(preset, self._config_of(preset.name))
        except UserError as error:
            return f"cannot start: {error}"

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
            try:
                config = self._config_of(preset.name)
            except UserError:
                continue
            step = promised_step(preset, config)
            if step is not None and (speed := speed_of(config)):
                seconds = duration(speed.seconds(config, step))
                words = f", about {seconds} on {speed.device}"
                with contextlib.suppress(RuntimeError):  # the application is gone
                    self.post_message(SpeedEstimated(preset, words))

    def on_speed_estimated(self, message: SpeedEstimated) -> None:
        options = self.query_one(Options)
        prompt = _described(message.preset, self._promise(message.preset) + message.words)
        options.replace_option_prompt(message.preset.name, prompt)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_leave(self) -> None:
        self.dismiss(None)


def _described(preset: Preset, promise: str) -> Content:
    """A preset's name and what it is known to do, above its description."""
    words = f"{promise}; a patient for the doctor" if preset.patient else promise
    return Content.assemble((preset.name, "bold"), "  ", (words, "dim"), "\n", preset.sentence)

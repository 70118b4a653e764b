"""The health of a run so far: the part of the state that the Health pane draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from grok_tui.analysis.health import HEALTH_NAMES, Health
from grok_tui.view.series import Series


@dataclass(frozen=True, slots=True, eq=False)
class Vitals:
    """A series of every number of `Health` by its name, and the newest of them."""

    series: Mapping[str, Series] = field(
        default_factory=lambda: {name: Series() for name in HEALTH_NAMES}
    )
    newest: Health | None = None

    def after(self, step: int, health: Health | None) -> Vitals:
        """After one more evaluation; older runs did not measure it."""
        if health is None:
            return self
        series = {
            name: known.appended(step, getattr(health, name))
            for name, known in self.series.items()
        }
        return replace(self, series=series, newest=health)

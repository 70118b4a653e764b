"""The parts of a session's state that grow with each analysis and evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from grok_tui.protocol.events import Analyzed, Inspected
from grok_tui.protocol.results import (
    HEALTH_NAMES,
    AnalysisArrays,
    FloatArray,
    Health,
    Measures,
)
from grok_tui.view.series import Series

# How many spectra are kept; when full, every other one is dropped.
MOST_SPECTRA = 512


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """The spectra of an analysis after `step` updates, (n // 2,) each."""

    step: int
    W_E: FloatArray
    W_L: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class AnalysisHistory:
    """The results of a run's analyses so far.

    restricted_loss, excluded_loss: series, in nats, of the analyses that have them.
    measures: step and progress measures of each analysis, oldest first.
    spectra: oldest first, thinned out. arrays: the newest, after `step` updates.
    inspected: the neuron inspected last.
    """

    restricted_loss: Series = field(default_factory=Series)
    excluded_loss: Series = field(default_factory=Series)
    measures: tuple[tuple[int, Measures], ...] = ()
    spectra: tuple[Spectra, ...] = ()
    arrays: AnalysisArrays | None = None
    step: int = 0
    inspected: Inspected | None = None

    @property
    def newest(self) -> Measures | None:
        return self.measures[-1][1] if self.measures else None

    def after(self, event: Analyzed) -> AnalysisHistory:
        """The history after one more analysis."""
        measures, step = event.measures, event.step
        restricted, excluded = self.restricted_loss, self.excluded_loss
        if measures.restricted_loss is not None:
            restricted = restricted.appended(step, measures.restricted_loss)
        if measures.excluded_loss is not None:
            excluded = excluded.appended(step, measures.excluded_loss)
        new = replace(
            self,
            restricted_loss=restricted,
            excluded_loss=excluded,
            measures=(*self.measures, (step, measures)),
        )
        if (arrays := event.arrays) is None:
            return new
        spectra = Spectra(step, arrays.spectrum_W_E, arrays.spectrum_W_L)
        kept = new.spectra if len(new.spectra) < MOST_SPECTRA else new.spectra[::2]
        return replace(new, arrays=arrays, step=step, spectra=(*kept, spectra))


@dataclass(frozen=True, slots=True, eq=False)
class HealthHistory:
    """A series for each field of `Health`, by name, and the newest health."""

    series: Mapping[str, Series] = field(
        default_factory=lambda: {name: Series() for name in HEALTH_NAMES}
    )
    newest: Health | None = None

    def after(self, step: int, health: Health | None) -> HealthHistory:
        """The history after one more evaluation; health: None if an older run lacks it."""
        if health is None:
            return self
        series = {
            name: known.appended(step, getattr(health, name))
            for name, known in self.series.items()
        }
        return replace(self, series=series, newest=health)

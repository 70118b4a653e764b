"""What the analyses of a run have found so far: the part of the state that their panes draw."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from grok_tui.protocol.events import Analyzed, FloatArray, Inspected
from grok_tui.protocol.results import Measures, Tables
from grok_tui.view.series import Series

# How many spectra are kept; with more, every other one goes.
MOST_SPECTRA = 512


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """The spectra of an analysis after `step` updates, (n // 2,) each."""

    step: int
    W_E: FloatArray
    W_L: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """restricted_loss, excluded_loss: of the analyses that have them.

    measures: the steps of the analyses so far and what they found, oldest first.
    spectra: the older ones thinned out. tables: the newest, after `step` updates.
    inspected: the neuron that was looked at last.
    """

    restricted_loss: Series = field(default_factory=Series)
    excluded_loss: Series = field(default_factory=Series)
    measures: tuple[tuple[int, Measures], ...] = ()
    spectra: tuple[Spectra, ...] = ()
    tables: Tables | None = None
    step: int = 0
    inspected: Inspected | None = None

    @property
    def newest(self) -> Measures | None:
        return self.measures[-1][1] if self.measures else None

    def after(self, event: Analyzed) -> Learned:
        """What is known after one more analysis."""
        found, step = event.measures, event.step
        restricted, excluded = self.restricted_loss, self.excluded_loss
        if found.restricted_loss is not None:
            restricted = restricted.appended(step, found.restricted_loss)
        if found.excluded_loss is not None:
            excluded = excluded.appended(step, found.excluded_loss)
        now = replace(
            self,
            restricted_loss=restricted,
            excluded_loss=excluded,
            measures=(*self.measures, (step, found)),
        )
        if (tables := event.tables) is None:
            return now
        new = Spectra(step, tables.spectrum_W_E, tables.spectrum_W_L)
        kept = now.spectra if len(now.spectra) < MOST_SPECTRA else now.spectra[::2]
        return replace(now, tables=tables, step=step, spectra=(*kept, new))

"""The Neurons pane: neurons clustered by frequency, and a map of one neuron."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from grok_tui.analysis.neurons import CLUSTERED_SHARE
from grok_tui.models.registry import known_model
from grok_tui.protocol import commands
from grok_tui.protocol.results import AnalysisArrays
from grok_tui.text import number
from grok_tui.tui.messages import CommandRequested, PairChosen
from grok_tui.tui.panes.analysis_pane import WAITING, AnalysisPane, line
from grok_tui.tui.widgets.half_blocks import painter_of
from grok_tui.tui.widgets.pair_map import PairMap
from grok_tui.view.pair_values import shown_table


@dataclass(frozen=True, slots=True)
class Cluster:
    """The neurons that a frequency explains, best explained first; frequency 0: the rest."""

    frequency: int
    neurons: tuple[int, ...]


def clusters(frequency: NDArray[np.int16], share: NDArray[np.float32]) -> list[Cluster]:
    """The clusters, largest first, then the neurons in none.

    frequency, share: (d_mlp,), as `neuron_frequency` and `neuron_share` in `AnalysisArrays`.
    """
    best = np.argsort(-share, kind="stable")
    members: dict[int, list[int]] = {}
    for neuron in best.tolist():
        k = int(frequency[neuron]) if share[neuron] > CLUSTERED_SHARE else 0
        members.setdefault(k, []).append(neuron)
    unsorted = [Cluster(k, tuple(neurons)) for k, neurons in members.items()]
    return sorted(unsorted, key=lambda c: (c.frequency == 0, -len(c.neurons), c.frequency))


class Neurons(AnalysisPane):
    """The clusters, and the activation of the chosen neuron on every pair."""

    TITLE = "Neurons"
    KEY = "9"
    SHORT = "Neur"
    ABOUT = (
        "Neurons grouped by the frequency that explains them, and one neuron's activation for"
        " every pair (a, b)."
    )
    MORE = (
        "The activations of a neuron over all pairs are Fourier transformed in a and b. Where"
        " one frequency k (its constant, cosine and sine terms in a and in b) explains more"
        " than 85% of their variance, the neuron belongs to the cluster of k. After grokking"
        " nearly all neurons do, and the clusters are the key frequencies. The map shows a"
        " running down and b to the right, as bright as the activation: waves in both"
        " directions. Up and down change the cluster, left and right the neuron, best"
        " explained first; the mouse reads out a pair."
    )
    DEFAULT_CSS = """
    Neurons #neurons-clusters { height: auto; max-height: 3; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "neuron(-1)", "Previous neuron", id="neurons-left", show=False),
        Binding("right", "neuron(1)", "Next neuron", id="neurons-right", show=False),
        Binding("up", "cluster(-1)", "Previous cluster", id="neurons-up", show=False),
        Binding("down", "cluster(1)", "Next cluster", id="neurons-down", show=False),
        Binding("plus,equals_sign", "zoom(1)", "Zoom in", id="neurons-zoom-in", show=False),
        Binding("minus", "zoom(-1)", "Zoom out", id="neurons-zoom-out", show=False),
    ]

    def __init__(self) -> None:
        super().__init__("neurons")
        self._neuron: int | None = None
        self._asked: tuple[AnalysisArrays, int] | None = None
        self._clusters: tuple[AnalysisArrays, list[Cluster]] | None = None
        self._pair = (0, 0)

    def body(self) -> Iterable[Widget]:
        yield Static(Content(WAITING), id="neurons-clusters")
        yield line("neurons-neuron")
        yield PairMap()

    # --- what keys and mouse do ---------------------------------------------------------

    def action_neuron(self, step: int) -> None:
        """Move along the neurons, from one cluster into the next."""
        if (arrays := self.analyses.arrays) is not None and self._found(arrays):
            every = [n for cluster in self._found(arrays) for n in cluster.neurons]
            at = every.index(self._chosen(arrays))
            self._choose(every[(at + step) % len(every)])

    def action_cluster(self, step: int) -> None:
        """Go to the best explained neuron of another cluster."""
        if (arrays := self.analyses.arrays) is not None and self._found(arrays):
            every = self._found(arrays)
            at = every.index(self._cluster(arrays))
            self._choose(every[(at + step) % len(every)].neurons[0])

    def action_zoom(self, direction: int) -> None:
        self.query_one(PairMap).zoom(direction)

    def on_pair_chosen(self, message: PairChosen) -> None:
        self._pair = (message.row, message.column)
        self.query_one(PairMap).move_to(*self._pair)
        self.redraw()

    def _choose(self, neuron: int) -> None:
        self._neuron = neuron
        self.redraw()

    # --- what is shown ------------------------------------------------------------------

    def draw(self, arrays: AnalysisArrays) -> None:
        if not self._found(arrays):
            self.say("neurons-clusters", "The neurons of this network are not known.")
            return
        self._ask(arrays)
        cluster = self._cluster(arrays)
        parts = [_named(c, chosen=c is cluster) for c in self._found(arrays)]
        self.say("neurons-clusters", Content("  ").join(parts))
        self._draw_map(arrays)

    def _found(self, arrays: AnalysisArrays) -> list[Cluster]:
        if self._clusters is None or self._clusters[0] is not arrays:
            share, frequency = arrays.neuron_share, arrays.neuron_frequency
            if not len(share):  # no circuit: nothing explains a neuron
                share = np.zeros(self._n_neurons, dtype=np.float32)
                frequency = share.astype(np.int16)
            self._clusters = arrays, clusters(frequency, share)
        return self._clusters[1]

    @property
    def _n_neurons(self) -> int:
        """0 if another program trains a network that is not known here."""
        assert self.state is not None
        task = self.state.task
        model = None if task is None else known_model(self.state.config, task)
        return 0 if model is None else model.n_neurons

    def _chosen(self, arrays: AnalysisArrays) -> int:
        """The chosen neuron; by default the best explained one of the largest cluster."""
        if self._neuron is not None:
            return self._neuron
        return self._found(arrays)[0].neurons[0]

    def _cluster(self, arrays: AnalysisArrays) -> Cluster:
        neuron = self._chosen(arrays)
        return next(c for c in self._found(arrays) if neuron in c.neurons)

    def _ask(self, arrays: AnalysisArrays) -> None:
        """Request the activation of the chosen neuron, once per analysis."""
        neuron = self._chosen(arrays)
        if self._asked is None or self._asked[0] is not arrays or self._asked[1] != neuron:
            self._asked = arrays, neuron
            self.post_message(CommandRequested(commands.Inspect(neuron)))

    def _draw_map(self, arrays: AnalysisArrays) -> None:
        neuron, inspected = self._chosen(arrays), self.analyses.inspected
        state = self.state
        if inspected is None or inspected.neuron != neuron or not state or not state.task:
            self.say("neurons-neuron", _about(arrays, neuron))
            return
        task = state.task
        highest = float(inspected.activation.max())
        values = (inspected.activation / max(highest, 1e-30)).astype(np.float32)
        picture = shown_table(task, values, np.ones_like(task.train_mask))
        painter = painter_of(self.app, "confidence")
        self.query_one(PairMap).draw(picture, task.rows, task.columns, painter)
        row, column = self._pair[0], min(self._pair[1], picture.shape[1] - 1)
        value = number(float(picture[row, column]) * highest)
        text = f"{_about(arrays, neuron)}  step {inspected.step}  0..{number(highest)}"
        pair = f"({task.rows[row]}, {task.columns[column]})"
        self.say("neurons-neuron", f"{text}  {pair} {value}")


def _about(arrays: AnalysisArrays, neuron: int) -> str:
    if not len(arrays.neuron_share):
        return f"neuron {neuron}"
    k, share = arrays.neuron_frequency[neuron], arrays.neuron_share[neuron]
    return f"neuron {neuron}: k {k} {share:.0%}"


def _named(cluster: Cluster, *, chosen: bool) -> Content:
    name = f"k {cluster.frequency}" if cluster.frequency else "none"
    text = Content(f"{name}: {len(cluster.neurons)}")
    return text.stylize("bold $background on $accent") if chosen else text

"""The Neurons pane: which frequency each neuron computes with, and one neuron's map."""

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
from grok_tui.protocol import events
from grok_tui.protocol.results import Tables
from grok_tui.text import number
from grok_tui.tui.panes.analysis_pane import WAITING, Mechanism, line
from grok_tui.tui.panes.pane import Ordered
from grok_tui.tui.widgets.half_blocks import painter_of
from grok_tui.tui.widgets.pair_map import PairMap
from grok_tui.view.pair_values import square


@dataclass(frozen=True, slots=True)
class Cluster:
    """Neurons that one frequency explains, the best first; frequency 0: all the others."""

    frequency: int
    neurons: tuple[int, ...]


def clusters(frequency: NDArray[np.int16], share: NDArray[np.float32]) -> list[Cluster]:
    """The clusters, largest first, then what belongs to none. Both (d_mlp,)."""
    best = np.argsort(-share, kind="stable")
    members: dict[int, list[int]] = {}
    for neuron in best.tolist():
        k = int(frequency[neuron]) if share[neuron] > CLUSTERED_SHARE else 0
        members.setdefault(k, []).append(neuron)
    found = [Cluster(k, tuple(neurons)) for k, neurons in members.items()]
    return sorted(found, key=lambda c: (c.frequency == 0, -len(c.neurons), c.frequency))


class Neurons(Mechanism):
    """The clusters, and the activation of a chosen neuron for every pair."""

    TITLE = "Neurons"
    SHORT = "Neur"
    ABOUT = (
        "Neurons by the frequency that explains them, and one neuron's activation for all (a,"
        " b)."
    )
    MORE = (
        "A neuron's activations over all pairs are Fourier transformed in a and b. Where one"
        " frequency k explains more than 85 % of their variance, by const, cos k and sin k of"
        " a and of b, the neuron belongs to the cluster of k. After grokking nearly all do,"
        " and the clusters are the key frequencies. The map shows a downwards and b to the"
        " right, as bright as the activation: waves in both directions. Up and down change"
        " the cluster, left and right the neuron, the best explained first; the mouse reads"
        " out a pair."
    )
    DEFAULT_CSS = """
    Neurons #neurons-clusters { height: auto; max-height: 3; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "neuron(-1)", "Neuron before", id="neurons-left", show=False),
        Binding("right", "neuron(1)", "Next neuron", id="neurons-right", show=False),
        Binding("up", "cluster(-1)", "Cluster before", id="neurons-up", show=False),
        Binding("down", "cluster(1)", "Next cluster", id="neurons-down", show=False),
        Binding("plus,equals_sign", "zoom(1)", "Zoom in", id="neurons-zoom-in", show=False),
        Binding("minus", "zoom(-1)", "Zoom out", id="neurons-zoom-out", show=False),
    ]

    def __init__(self) -> None:
        super().__init__("neurons")
        self._neuron: int | None = None
        self._asked: tuple[Tables, int] | None = None
        self._clusters: tuple[Tables, list[Cluster]] | None = None
        self._pair = (0, 0)

    def body(self) -> Iterable[Widget]:
        yield Static(Content(WAITING), id="neurons-clusters")
        yield line("neurons-neuron")
        yield PairMap()

    # --- what keys and mouse do ---------------------------------------------------------

    def action_neuron(self, step: int) -> None:
        """Go to the next neuron, from one cluster into the next."""
        if (tables := self.learned.tables) is not None:
            every = [n for cluster in self._found(tables) for n in cluster.neurons]
            at = every.index(self._chosen(tables))
            self._choose(every[(at + step) % len(every)])

    def action_cluster(self, step: int) -> None:
        """Go to the best neuron of another cluster."""
        if (tables := self.learned.tables) is not None:
            found = self._found(tables)
            at = found.index(self._cluster(tables))
            self._choose(found[(at + step) % len(found)].neurons[0])

    def action_zoom(self, direction: int) -> None:
        self.query_one(PairMap).zoom(direction)

    def on_pair_map_chosen(self, message: PairMap.Chosen) -> None:
        self._pair = (message.row, message.column)
        self.query_one(PairMap).move_to(*self._pair)
        self.redraw()

    def _choose(self, neuron: int) -> None:
        self._neuron = neuron
        self.redraw()

    # --- what is shown ------------------------------------------------------------------

    def draw(self, tables: Tables) -> None:
        self._ask(tables)
        cluster = self._cluster(tables)
        parts = [_named(c, chosen=c is cluster) for c in self._found(tables)]
        self.query_one("#neurons-clusters", Static).update(Content("  ").join(parts))
        self._draw_map(tables)

    def _found(self, tables: Tables) -> list[Cluster]:
        if self._clusters is None or self._clusters[0] is not tables:
            share, frequency = tables.neuron_share, tables.neuron_frequency
            if not len(share):  # no circuit: nothing explains a neuron
                assert self.state is not None
                share = np.zeros(int(self.state.config["d_mlp"]), dtype=np.float32)
                frequency = share.astype(np.int16)
            self._clusters = tables, clusters(frequency, share)
        return self._clusters[1]

    def _chosen(self, tables: Tables) -> int:
        """The neuron chosen; before one is, the best explained of the largest cluster."""
        if self._neuron is not None:
            return self._neuron
        return self._found(tables)[0].neurons[0]

    def _cluster(self, tables: Tables) -> Cluster:
        neuron = self._chosen(tables)
        return next(c for c in self._found(tables) if neuron in c.neurons)

    def _ask(self, tables: Tables) -> None:
        """Ask for the chosen neuron, once for every analysis."""
        neuron = self._chosen(tables)
        if self._asked is None or self._asked[0] is not tables or self._asked[1] != neuron:
            self._asked = tables, neuron
            self.post_message(Ordered(events.Inspect(neuron)))

    def _draw_map(self, tables: Tables) -> None:
        neuron, inspected = self._chosen(tables), self.learned.inspected
        state = self.state
        if inspected is None or inspected.neuron != neuron or not state or not state.task:
            self.say("neurons-neuron", _about(tables, neuron))
            return
        task = state.task
        highest = float(inspected.activation.max())
        values = (inspected.activation / max(highest, 1e-30)).astype(np.float32)
        picture = square(task, values, np.ones_like(task.train_mask))
        self.query_one(PairMap).draw(picture, task.first_b, painter_of(self.app, "confidence"))
        a, column = self._pair[0], min(self._pair[1], picture.shape[1] - 1)
        here = number(float(picture[a, column]) * highest)
        text = f"{_about(tables, neuron)}  step {inspected.step}  0..{number(highest)}"
        self.say("neurons-neuron", f"{text}  ({a}, {column + task.first_b}) {here}")


def _about(tables: Tables, neuron: int) -> str:
    if not len(tables.neuron_share):
        return f"neuron {neuron}"
    k, share = tables.neuron_frequency[neuron], tables.neuron_share[neuron]
    return f"neuron {neuron}: k {k} {share:.0%}"


def _named(cluster: Cluster, *, chosen: bool) -> Content:
    name = f"k {cluster.frequency}" if cluster.frequency else "none"
    text = Content(f"{name}: {len(cluster.neurons)}")
    return text.stylize("bold $background on $accent") if chosen else text

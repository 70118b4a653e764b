"""The Circle pane: the residues in the plane of one frequency of the embedding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

from grok_tui.protocol.results import AnalysisArrays
from grok_tui.tui.panes.analysis_pane import WAITING, AnalysisPane, line
from grok_tui.tui.widgets.dot_canvas import DotCanvas
from grok_tui.tui.widgets.half_blocks import BLANK, CURSOR, STEPS, Levels, Painter, painter_of

FloatArray = NDArray[np.float32]


class Circle(AnalysisPane):
    """One dot for each residue, brighter the later it comes in the ring: k a mod n."""

    TITLE = "Circle"
    KEY = "7"
    SHORT = "Circ"
    ABOUT = (
        "Every residue's embedding, seen along one frequency: a ring in the order of k a mod n."
    )
    MORE = (
        "The embedding is projected onto the cosine and sine components of frequency k. While"
        " the network memorizes, this is a cloud; once it has learned to add by rotation, the"
        " residues lie on a circle, where one step along it is one step of k a mod n, drawn"
        " brighter and brighter until the circle closes. Round is 1 minus the spread of the"
        " radii, order is how well the angles agree with 2 pi k a / n; both are 1 for a"
        " perfect ring. Left and right change the frequency among the key ones, o among all;"
        " up and down move along the ring. For products, the elements are in the order of"
        " their discrete logarithms."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "frequency(-1)", "Previous frequency", id="circle-left", show=False),
        Binding("right", "frequency(1)", "Next frequency", id="circle-right", show=False),
        Binding("up", "along(1)", "Forward along the ring", id="circle-up", show=False),
        Binding("down", "along(-1)", "Back along the ring", id="circle-down", show=False),
        Binding("o", "all", "Key frequencies, or all", id="circle-all", show=False),
    ]

    def __init__(self) -> None:
        super().__init__("circle")
        self._k: int | None = None
        self._place, self._all = 0, False

    def body(self) -> Iterable[Widget]:
        return line("circle-legend", WAITING), DotCanvas(), line("circle-residue")

    def action_frequency(self, step: int) -> None:
        arrays = self.analyses.arrays
        if arrays is None:
            return
        choice = self._choice(arrays)
        k = self._shown_k(arrays)
        beyond = [other for other in choice[::step] if (other - k) * step > 0]
        self._k = beyond[0] if beyond else choice[::step][0]
        self.redraw()

    def action_all(self) -> None:
        self._all = not self._all
        self.redraw()

    def action_along(self, step: int) -> None:
        """Move to a neighbor on the ring."""
        if (arrays := self.analyses.arrays) is not None:
            order = _order(self._shown_k(arrays), arrays.n)
            ring = np.argsort(order, kind="stable")
            at = int(np.flatnonzero(ring == self._place)[0])
            self._place = int(ring[(at + step) % arrays.n])
            self.redraw()

    def _choice(self, arrays: AnalysisArrays) -> tuple[int, ...]:
        """The frequencies to choose from: the key ones, or all if there are none."""
        every = tuple(range(1, arrays.n // 2 + 1))
        keys = self.analyses.newest.key_frequencies if self.analyses.newest else ()
        return every if self._all or not keys else keys

    def _shown_k(self, arrays: AnalysisArrays) -> int:
        """The chosen frequency; by default the strongest in the embedding."""
        if self._k is not None and self._k in self._choice(arrays):
            return self._k
        return max(self._choice(arrays), key=lambda k: float(arrays.spectrum_W_E[k - 1]))

    def draw(self, arrays: AnalysisArrays) -> None:
        k, choice = self._shown_k(arrays), self._choice(arrays)
        self._place = min(self._place, arrays.n - 1)
        places = arrays.circle[k - 1]
        painter = painter_of(self.app, "confidence")
        canvas = self.query_one(DotCanvas)
        canvas.draw(_picture(places, k, self._place, canvas.room(painter), painter), painter)
        among = "frequencies" if self._all else "key frequencies"
        text = (
            f"k {k}, {choice.index(k) + 1} of {len(choice)} {among}"
            f"  round {_roundness(places):.2f}  order {_agreement(places, k):.2f}"
        )
        self.say("circle-legend", Content(text).stylize("bold"))
        self.say("circle-residue", self._readout(arrays, k))

    def _readout(self, arrays: AnalysisArrays, k: int) -> str:
        n, place = arrays.n, self._place
        order = _order(k, n)
        following = int(np.argsort((order - order[place] - 1) % n, kind="stable")[0])
        x, y = arrays.circle[k - 1, place]
        return (
            f"a {_name(arrays, place)}: k a mod n = {order[place]} of {n}"
            f"  radius {np.hypot(x, y):.2g}  then {_name(arrays, following)}"
        )


def _name(arrays: AnalysisArrays, place: int) -> str:
    """The name of an element: its residue, and its logarithm in a group of products."""
    residue = int(arrays.elements[place])
    return f"{residue} (log {place})" if arrays.logarithmic else str(residue)


def _order(k: int, n: int) -> NDArray[np.int64]:
    """(n,): the place of each element i in the ring, k i mod n."""
    return k * np.arange(n) % n


def _roundness(places: FloatArray) -> float:
    """1 minus the relative spread of the radii. places: (n, 2)."""
    radii = np.hypot(*places.T)
    return float(1 - radii.std() / max(radii.mean(), 1e-30))


def _agreement(places: FloatArray, k: int) -> float:
    """How well the angles match 2 pi k i / n, 0 to 1. places: (n, 2)."""
    points = places[:, 0] + 1j * places[:, 1]
    turned = points * np.exp(-2j * np.pi * _order(k, len(places)) / len(places))
    return float(abs(turned.sum()) / max(np.abs(points).sum(), 1e-30))


def _picture(
    places: FloatArray, k: int, chosen: int, room: tuple[int, int], painter: Painter
) -> Levels:
    """The dots in the largest circle that fits, (rows, columns); the chosen one on top.

    places: (n, 2). room: rows and columns of dots.
    """
    rows, columns = room
    wide = 2 if painter.ROWS == 1 else 1  # a character is twice as tall as wide
    side = min(rows, columns // wide)
    picture = np.full((max(0, side), columns), BLANK, dtype=np.int64)
    if side < 2:
        return picture
    radius = max(float(np.hypot(*places.T).max()), 1e-30)
    x = ((places[:, 0] / radius + 1) / 2 * (side * wide - 1)).round().astype(int)
    y = ((1 - places[:, 1] / radius) / 2 * (side - 1)).round().astype(int)
    left = (columns - side * wide) // 2
    steps = 1 + _order(k, len(places)) * STEPS // len(places)
    picture[y, x + left] = steps
    picture[y[chosen], x[chosen] + left] = steps[chosen] + CURSOR
    return picture

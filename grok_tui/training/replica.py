"""One of the networks that train together, for whoever looks at one alone."""

from __future__ import annotations

from collections.abc import Mapping

from grok_tui.analysis.health import Move
from grok_tui.protocol.events import FloatArray
from grok_tui.training.network import Network
from grok_tui.training.objective import Evaluation
from grok_tui.training.optimizers import BetaProducts


class Replica:
    """The replica at an index of a network; all that it returns is its own."""

    def __init__(self, network: Network, index: int = 0) -> None:
        self._network, self._index = network, index

    def go_on_in(self, network: Network, index: int) -> None:
        """Be the replica at another place, which has come as far."""
        self._network, self._index = network, index

    @property
    def step(self) -> int:
        """Updates done so far."""
        return self._network.step

    @property
    def move(self) -> Move:
        """The last step that was looked at."""
        return self._network.moves[self._index]

    @property
    def initial_norm(self) -> float:
        """The norm of all weights together at step 0."""
        return self._network.initial_norms[self._index]

    @property
    def beta_products(self) -> BetaProducts:
        return self._network.beta_products[self._index]

    def evaluate(self) -> Evaluation:
        """Evaluate the current weights on every pair."""
        return self._network.evaluation_of(self._index)

    def copy(self, kind: str) -> Mapping[str, FloatArray]:
        """Arrays by weight, on the host; kind: as a snapshot names them."""
        return self._network.copies(kind)[self._index]

"""What an analysis finds: a few numbers for the metrics, and tables for the screens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
ShortArray = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Measures:
    """The progress measures of one snapshot; losses in nats, None where they have no meaning.

    gini_W_E, gini_W_L: Gini coefficients of the spectra, 0 (all frequencies alike) to 1.
    key_frequencies: those with a W_L norm of at least a quarter of the largest, ascending.
    restricted_loss: on the test pairs, with the key frequencies' part of the neurons alone.
    excluded_loss: on the train pairs, with everything but that part.
    logit_fve: share of the logits' variance that cosines of the key frequencies explain.
    gradient_symmetricity, distance_irrelevance: near 1 and near 0 for a pizza, lower and
    higher for a clock.
    sum_of_squares: of every weight by name.
    """

    gini_W_E: float
    gini_W_L: float
    key_frequencies: tuple[int, ...]
    sum_of_squares: Mapping[str, float]
    restricted_loss: float | None = None
    excluded_loss: float | None = None
    logit_fve: float | None = None
    gradient_symmetricity: float | None = None
    distance_irrelevance: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "key_frequencies": list(self.key_frequencies)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Measures:
        """From a mapping that may hold other things too; raises KeyError or TypeError."""
        found = {field.name: values[field.name] for field in fields(Measures)}
        found["key_frequencies"] = tuple(int(k) for k in found["key_frequencies"])
        return Measures(**found)


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """What the screens show of one snapshot. n: elements of the group; K = n // 2.

    elements: (n,), the residues in the order of the group: 0, 1, ... for sums, the powers of
    a primitive root for products.
    spectrum_W_E, spectrum_W_L: (K,); entry k - 1 is the norm of frequency k.
    circle: (K, n, 2), each element's embedding in the plane of cos_k and sin_k.
    attention: (n_heads, 3, p), scores of the first layer before the softmax, from `=` to a, to
    b and (entry 0 of row 2) to itself.
    neuron_frequency, neuron_share: (d_mlp,), the frequency that explains most of a neuron of
    the last layer, and how much of its variance, 0..1; empty where there is no circuit.
    """

    elements: ShortArray
    spectrum_W_E: FloatArray
    spectrum_W_L: FloatArray
    circle: FloatArray
    attention: FloatArray
    neuron_frequency: ShortArray
    neuron_share: FloatArray

    @property
    def n(self) -> int:
        return len(self.elements)

    @property
    def logarithmic(self) -> bool:
        """Whether the elements are in the order of their discrete logarithms."""
        return self.n > 1 and int(self.elements[0]) == 1

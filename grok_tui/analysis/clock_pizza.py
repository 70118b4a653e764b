"""Clock or pizza: which of two known algorithms a one-layer network uses.

Source: Zhong et al. 2023, "The clock and the pizza", section 4 (arXiv:2306.17844).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from grok_tui.tasks.groups import Group

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
Gradients = Callable[[IntArray, IntArray, IntArray], tuple[Array, Array]]

_TRIPLES = 256


def distance_irrelevance(correct: Array, group: Group) -> float:
    """Share of the correct logits' spread that the distance of a and b leaves unexplained.

    correct: (n, n), the logit of the correct answer by i and j. Returns the standard deviation
    at a fixed distance, averaged over distances, relative to that of all logits: near 0 for a
    pizza, closer to 1 for a clock; 0 if all logits are equal.
    """
    spread = correct.std()
    if spread == 0:
        return 0.0
    by_distance = np.zeros_like(correct)
    by_distance[group.other, np.arange(group.n)[:, None]] = correct
    return float(by_distance.std(axis=1).mean() / spread)


def gradient_symmetricity(gradients: Gradients, group: Group) -> float:
    """Mean cosine between a logit's gradients with respect to the embeddings of a and of b.

    gradients: as in `models.base.Observed`. The mean is over 256 triples a, b, c drawn with a
    fixed seed; triples without a gradient count as 0. Near 1 for a pizza, clearly lower for a
    clock.
    """
    rng = np.random.default_rng(0)
    a, b, c = group.elements[rng.integers(group.n, size=(3, _TRIPLES))]
    of_a, of_b = gradients(a, b, c)
    lengths = np.linalg.norm(of_a, axis=1) * np.linalg.norm(of_b, axis=1)
    products = np.einsum("nd,nd->n", of_a, of_b)
    zeros = np.zeros_like(products)
    return float(np.divide(products, lengths, out=zeros, where=lengths > 0).mean())

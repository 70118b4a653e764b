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
    """How much of the right answer's logit does not depend on the distance of a and b.

    correct: (n, n), the logit of the right answer by i and j. The mean over distances of the
    standard deviation at one distance, over that of all. Near 0 for a pizza, towards 1 for a
    clock; 0 where all are equal.
    """
    spread = correct.std()
    if spread == 0:
        return 0.0
    by_distance = np.zeros_like(correct)
    by_distance[group.other, np.arange(group.n)[:, None]] = correct
    return float(by_distance.std(axis=1).mean() / spread)


def gradient_symmetricity(gradients: Gradients, group: Group) -> float:
    """Mean cosine between a logit's gradients with respect to the embeddings of a and of b.

    gradients: of triples a, b, c, as `models.base.Observed` has them. Over 256 triples from a
    fixed seed. Near 1 for a pizza, clearly lower for a clock. Triples without a gradient count
    as 0.
    """
    rng = np.random.default_rng(0)
    a, b, c = group.elements[rng.integers(group.n, size=(3, _TRIPLES))]
    of_a, of_b = gradients(a, b, c)
    lengths = np.linalg.norm(of_a, axis=1) * np.linalg.norm(of_b, axis=1)
    products = np.einsum("nd,nd->n", of_a, of_b)
    zeros = np.zeros_like(products)
    return float(np.divide(products, lengths, out=zeros, where=lengths > 0).mean())

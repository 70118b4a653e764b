"""Which frequency each neuron computes with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from grok_tui.analysis.fourier import basis

Array = NDArray[np.float64]

# A neuron belongs to the cluster of a frequency that explains more than this of its variance.
CLUSTERED_SHARE = 0.85


def neuron_frequencies(by_b: Array) -> tuple[NDArray[np.int64], Array]:
    """The best frequency of every neuron, and the share of its variance that it explains.

    by_b: (n, n, m), activations by the index of a, and by b in the Fourier basis: `basis(n) @`
    activations by the indices of a and b. Returns (m,) and (m,). The share
    is the energy in the 3 x 3 block {const, cos_k, sin_k}^2 of the two-dimensional Fourier
    basis over all of it, the constant left out of both; frequency and share are 0 for a neuron
    that never changes. Source: Nanda et al. 2023, section 4.3 and its code.
    """
    n, _, m = by_b.shape
    of_a = np.square(basis(n) @ by_b[:, 0])  # (component of a, m), constant in b
    of_b = np.square(by_b.sum(axis=0)) / n  # (component of b, m), constant in a
    block = np.zeros((n // 2, m))
    for k in range(1, n // 2 + 1):
        rows = slice(2 * k - 1, min(2 * k + 1, n))
        both = np.square(np.tensordot(basis(n)[rows], by_b[:, rows], axes=1))
        block[k - 1] = of_a[rows].sum(axis=0) + of_b[rows].sum(axis=0) + both.sum(axis=(0, 1))
    total = np.einsum("ijm,ijm->m", by_b, by_b) - of_a[0]  # by Parseval that of the neurons
    share = np.divide(block, total, out=np.zeros_like(block), where=total > 1e-12 * of_a[0])
    best = share.argmax(axis=0)
    found = share[best, np.arange(m)]
    return np.where(found > 0, best + 1, 0), found

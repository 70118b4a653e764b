"""The frequency that each neuron computes with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from grok_tui.analysis.fourier import basis

Array = NDArray[np.float64]

# A neuron belongs to a frequency's cluster if that explains more than this of its variance.
CLUSTERED_SHARE = 0.85


def neuron_frequencies(by_b: Array) -> tuple[NDArray[np.int64], Array]:
    """Each neuron's best frequency, and the share of its variance that this explains.

    by_b: (n, n, m), `basis(n) @ activations`: by the index of a and, in the Fourier basis, b.
    Returns (m,) and (m,). The share is the energy in the 3 x 3 block {const, cos_k, sin_k}^2
    of the two-dimensional Fourier basis over the total energy, both without the constant.
    Frequency and share are 0 for a neuron that never changes.
    Source: Nanda et al. 2023, section 4.3 and its code.
    """
    n, _, m = by_b.shape
    of_a = np.square(basis(n) @ by_b[:, 0])  # (component of a, m), constant in b
    of_b = np.square(by_b.sum(axis=0)) / n  # (component of b, m), constant in a
    block = np.zeros((n // 2, m))
    for k in range(1, n // 2 + 1):
        rows = slice(2 * k - 1, min(2 * k + 1, n))
        both = np.square(np.tensordot(basis(n)[rows], by_b[:, rows], axes=1))
        block[k - 1] = of_a[rows].sum(axis=0) + of_b[rows].sum(axis=0) + both.sum(axis=(0, 1))
    total = np.einsum("ijm,ijm->m", by_b, by_b) - of_a[0]  # the neurons' energy, by Parseval
    share = np.divide(block, total, out=np.zeros_like(block), where=total > 1e-12 * of_a[0])
    best = share.argmax(axis=0)
    best_share = share[best, np.arange(m)]
    return np.where(best_share > 0, best + 1, 0), best_share

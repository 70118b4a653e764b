"""The orthonormal Fourier basis of Z_n, spectra in it, and how concentrated they are."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

# A key frequency's norm is at least this share of the largest norm.
KEY_SHARE = 0.25


@functools.lru_cache(maxsize=4)
def basis(n: int) -> Array:
    """The orthonormal Fourier basis of Z_n: (n, n), one vector per row. Read-only.

    Row 0 is constant; rows 2k - 1 and 2k are cos_k and sin_k for k = 1, 2, ...; for even n the
    last row is cos_{n/2}, as sin_{n/2} is zero. Source: Nanda et al. 2023, section 4.
    """
    x = np.arange(n)
    rows = [np.ones(n)]
    for k in range(1, n // 2 + 1):
        angle = 2 * np.pi * (k * x % n) / n
        rows.append(np.cos(angle))
        if 2 * k != n:
            rows.append(np.sin(angle))
    vectors = np.array(rows)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors.flags.writeable = False
    return vectors


@functools.lru_cache(maxsize=4)
def frequencies(n: int) -> IntArray:
    """The frequency of each row of `basis`, 0 for the constant: (n,). Read-only."""
    rows = (np.arange(n) + 1) // 2
    rows.flags.writeable = False
    return rows


def spectrum(embedding: Array) -> Array:
    """Norm of each frequency of an embedding of Z_n.

    embedding: (n, d); row i belongs to element i. Returns (n // 2,); entry k - 1 is the joint
    norm of the cosine and sine components of frequency k, in the embedding's own units.
    Source: Nanda et al. 2023, section 4.
    """
    n = len(embedding)
    energy = np.square(basis(n) @ embedding).sum(axis=1)
    return np.sqrt(np.bincount(frequencies(n), weights=energy))[1:]


def gini(values: Array) -> float:
    """The Gini coefficient of values >= 0, (n,): 0 if all are equal, near 1 if few are large.

    0 if all are zero. Source: Hurley and Rickard 2009, as used by Nanda et al. 2023.
    """
    n, total = len(values), values.sum()
    if total == 0:
        return 0.0
    weights = (n - np.arange(1, n + 1) + 0.5) / n
    return float(1 - 2 * (np.sort(values) / total * weights).sum())


def key_frequencies(spectrum_W_L: Array) -> tuple[int, ...]:
    """The frequencies whose norm is at least `KEY_SHARE` of the largest, ascending.

    spectrum_W_L: (K,), the norms of frequencies 1 to K. Returns () if all are zero.
    """
    largest = spectrum_W_L.max(initial=0.0)
    if largest == 0:
        return ()
    return tuple(int(k) for k in np.flatnonzero(spectrum_W_L >= KEY_SHARE * largest) + 1)


def rows_of(keys: tuple[int, ...], n: int) -> Array:
    """The rows of `basis` for the frequencies `keys`: (rows, n)."""
    return basis(n)[np.isin(frequencies(n), keys)]


def circles(embedding: Array) -> Array:
    """The elements projected onto the plane of each frequency: (n // 2, n, 2).

    embedding: (n, d). The plane of frequency k is spanned by the embedding's cosine and sine
    components, made orthonormal with the least rotation. If the embedding has a ring at k, the
    elements lie on it in the order of k i mod n. For even n, frequency n/2 has no sine, so its
    plane is a line.
    """
    n = len(embedding)
    components = basis(n) @ embedding
    places = np.zeros((n // 2, n, 2))
    for k in range(1, n // 2 + 1):
        pair = components[2 * k - 1 : 2 * k + 1]
        left, _, right = np.linalg.svd(pair, full_matrices=False)
        plane = left @ right  # the orthonormal vectors nearest to the pair
        places[k - 1, :, : len(plane)] = embedding @ plane.T
    return places

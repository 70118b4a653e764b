from __future__ import annotations

import numpy as np
import pytest

from grok_tui.analysis.fourier import (
    basis,
    circles,
    frequencies,
    gini,
    key_frequencies,
    rows_of,
    spectrum,
)


@pytest.mark.parametrize("n", [5, 12, 112, 113])
def test_the_basis_is_orthonormal_whether_n_is_odd_or_even(n: int) -> None:
    np.testing.assert_allclose(basis(n) @ basis(n).T, np.eye(n), atol=1e-12)
    assert frequencies(n).tolist() == sorted(frequencies(n))
    assert frequencies(n)[-1] == n // 2


@pytest.mark.parametrize("n", [12, 13])
def test_parseval_the_spectrum_has_all_energy_except_the_mean(n: int) -> None:
    embedding = np.random.default_rng(0).standard_normal((n, 7))
    centered = embedding - embedding.mean(axis=0)
    assert np.square(spectrum(embedding)).sum() == pytest.approx(np.square(centered).sum())


@pytest.mark.parametrize(("n", "k"), [(113, 1), (113, 56), (12, 6), (12, 5)])
def test_a_planted_frequency_is_the_only_one_in_the_spectrum(n: int, k: int) -> None:
    wave = np.cos(2 * np.pi * k * np.arange(n) / n)
    found = spectrum(3 * wave[:, None])
    assert found[k - 1] == pytest.approx(3 * np.linalg.norm(wave))
    assert np.delete(found, k - 1).max() < 1e-9
    assert key_frequencies(found) == (k,)


def test_the_last_frequency_can_be_key_and_a_weak_one_is_not() -> None:
    norms = np.full(56, 0.2)
    norms[[13, 55]] = 1.0, 0.25
    assert key_frequencies(norms) == (14, 56)
    assert key_frequencies(np.zeros(56)) == ()


def test_gini_is_zero_for_equal_values_and_near_one_for_a_single_peak() -> None:
    assert gini(np.ones(56)) == pytest.approx(0)
    assert gini(np.eye(100)[3]) == pytest.approx(0.99)
    assert gini(np.zeros(5)) == 0
    # By the definition, with the differences of all pairs of values.
    x = np.array([1.0, 5.0, 2.0, 2.0])
    assert gini(x) == pytest.approx(np.abs(x[:, None] - x).sum() / (2 * len(x) * x.sum()))


def test_a_planted_ring_lies_on_a_circle_in_the_order_of_k_times_a() -> None:
    n, k = 113, 35
    angle = 2 * np.pi * k * np.arange(n) / n
    turned = np.linalg.qr(np.random.default_rng(1).standard_normal((8, 8)))[0]
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ turned[:2]
    places = circles(ring)[k - 1]
    np.testing.assert_allclose(np.linalg.norm(places, axis=1), 1)
    found = np.arctan2(places[:, 1], places[:, 0])
    np.testing.assert_allclose(np.cos(found - angle), 1)


def test_the_last_frequency_of_an_even_group_is_a_line() -> None:
    n = 12
    wave = np.cos(np.pi * np.arange(n))
    places = circles(np.outer(wave, [3.0, 4.0]))[n // 2 - 1]
    np.testing.assert_allclose(np.abs(places[:, 0]), 5)
    np.testing.assert_allclose(places[:, 1], 0)


def test_basis_rows_of_frequencies() -> None:
    assert rows_of((1, 6), 12).shape == (3, 12)  # cos_6 has no sine beside it
    assert rows_of((), 12).shape == (0, 12)

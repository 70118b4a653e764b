"""One snapshot of the weights analysed, in NumPy and float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok_tui.analysis import fourier, progress_measures
from grok_tui.analysis.clock_pizza import distance_irrelevance, gradient_symmetricity
from grok_tui.analysis.neurons import neuron_frequencies
from grok_tui.config.schema import Loss
from grok_tui.models.transformer import host
from grok_tui.protocol.results import Measures, Tables
from grok_tui.tasks.groups import Group, group_of
from grok_tui.tasks.task import Task

Array = NDArray[np.float64]
Weights = Mapping[str, NDArray[np.floating[Any]]]

# Activations of more numbers than these are not analysed: it would take seconds and gigabytes.
MOST_ACTIVATIONS = 25_000_000
# Activations that are computed at once.
_AT_ONCE = 250_000


class Analyst:
    """Analyses the snapshots of one task, one after the other."""

    def __init__(
        self, operation: str, task: Task, n_heads: int, loss: Loss = "cross-entropy"
    ) -> None:
        self.task, self.n_heads, self.loss = task, n_heads, loss
        self.group = group_of(operation, task)
        self._scratch: tuple[Array, Array] | None = None

    def scratch(self, d_mlp: int) -> tuple[Array, Array]:
        """Room for neurons, (n, n, d_mlp), and logits, (n, n, p), the same in every analysis.

        Fresh memory of that size costs as much as a tenth of an analysis.
        """
        n = self.group.n
        if self._scratch is None or self._scratch[0].shape[2] != d_mlp:
            self._scratch = np.empty((n, n, d_mlp)), np.empty((n, n, self.task.modulus))
        return self._scratch

    def __call__(self, weights: Weights) -> tuple[Measures, Tables]:
        """Measures and tables of some weights, by name as `core.shapes.weight_shapes` has them.

        Without a circuit (`why_no_circuit`) the spectra are those of the residues, and what
        needs the group is left out.
        """
        exact = {name: weight.astype(np.float64) for name, weight in weights.items()}
        last = f"blocks.{host.n_layers(exact) - 1}"
        W_L = exact[f"{last}.W_out"] @ exact["W_U"]  # (d_mlp, p)
        elements = self.group.elements
        spectra = [fourier.spectrum(w[elements]) for w in (exact["W_E"], W_L.T)]
        keys = fourier.key_frequencies(spectra[1])
        circuit = _Circuit(exact, W_L, keys, self) if self._analyses_circuit(W_L) else None
        measures = Measures(
            gini_W_E=fourier.gini(spectra[0]),
            gini_W_L=fourier.gini(spectra[1]),
            key_frequencies=keys,
            sum_of_squares={name: float(np.vdot(w, w)) for name, w in exact.items()},
            **(circuit.measures() if circuit else {}),
        )
        frequency, share = circuit.neurons() if circuit else (np.zeros(0), np.zeros(0))
        tables = Tables(
            elements=elements.astype(np.int16),
            spectrum_W_E=spectra[0].astype(np.float32),
            spectrum_W_L=spectra[1].astype(np.float32),
            circle=fourier.circles(exact["W_E"][elements]).astype(np.float32),
            attention=attention_scores(exact, self.n_heads).astype(np.float32),
            neuron_frequency=frequency.astype(np.int16),
            neuron_share=share.astype(np.float32),
        )
        return measures, tables

    def _analyses_circuit(self, W_L: Array) -> bool:
        return self.group.has_circuit and _fits(self.group, len(W_L))


def why_no_circuit(operation: str, task: Task, d_mlp: int) -> str | None:
    """Why there are no progress measures, in words; None where there are."""
    group = group_of(operation, task)
    if not group.has_circuit:
        return (
            f"{operation} modulo {task.modulus} is no sum in a cyclic group: restricted and"
            " excluded loss, logit FVE and the neurons' frequencies are left out"
        )
    if not _fits(group, d_mlp):
        return (
            f"{group.n**2 * d_mlp:,} activations are too many to analyse while training: there"
            " are spectra, but no restricted and excluded loss and no neurons' frequencies"
        )
    return None


def _fits(group: Group, d_mlp: int) -> bool:
    return group.n**2 * d_mlp <= MOST_ACTIVATIONS


class _Circuit:
    """What needs the activations of every pair of the group."""

    def __init__(
        self, weights: Mapping[str, Array], W_L: Array, keys: tuple[int, ...], analyst: Analyst
    ) -> None:
        task, group = analyst.task, analyst.group
        self._weights, self._W_L, self._keys, self._analyst = weights, W_L, keys, analyst
        n, d_mlp = group.n, len(W_L)
        self._by_b, self._logits = analyst.scratch(d_mlp)
        self._by_answer = np.zeros((n, d_mlp))
        rows = max(1, _AT_ONCE // (n * d_mlp))
        for at in range(0, n, rows):  # in pieces that stay in a processor's cache
            here = slice(at, at + rows)
            a, b = (x[group.pairs[here].ravel()] for x in (task.a, task.b))
            resid_mid, neurons = host.activations(weights, a, b, analyst.n_heads)
            by_pair = neurons.reshape(-1, n, d_mlp)
            np.matmul(fourier.basis(n), by_pair, out=self._by_b[here])
            progress_measures.add_by_answer(self._by_answer, by_pair, group, at)
            logits = resid_mid @ weights["W_U"] + neurons @ W_L
            self._logits[here] = logits.reshape(-1, n, task.modulus)
        self._by_answer /= n

    def measures(self) -> dict[str, Any]:
        group, keys, logits = self._analyst.group, self._keys, self._logits
        loss = self._analyst.loss
        train = self._analyst.task.train_mask[group.pairs]
        by_answer = self._by_answer
        test_counts = np.bincount(group.answer[~train], minlength=group.n)
        right = group.elements[group.answer]
        correct = np.take_along_axis(logits, right[..., None], axis=2)[..., 0]
        mean = logits.mean(axis=(0, 1))
        one_layer = host.n_layers(self._weights) == 1
        return {
            "restricted_loss": progress_measures.restricted_loss(
                by_answer,
                self._W_L,
                keys,
                mean_logits=mean,
                elements=group.elements,
                test_counts=test_counts,
                loss=loss,
            )
            if test_counts.any()
            else None,
            "excluded_loss": progress_measures.excluded_loss(
                by_answer, self._W_L, keys, logits=logits, group=group, train=train, loss=loss
            )
            if train.any()
            else None,
            "logit_fve": progress_measures.logit_fve(logits, keys, group),
            "distance_irrelevance": distance_irrelevance(correct, group),
            "gradient_symmetricity": gradient_symmetricity(
                self._weights, group, self._analyst.n_heads
            )
            if one_layer
            else None,
        }

    def neurons(self) -> tuple[NDArray[np.int64], Array]:
        return neuron_frequencies(self._by_b)


def attention_scores(weights: Mapping[str, Array], n_heads: int) -> Array:
    """Scores of the first layer before the softmax, from `=`: (n_heads, 3, p).

    Row 0: to a for every token a. Row 1: to b for every token b. Row 2: entry 0 is that of `=`
    to itself, the rest 0. Source: Nanda et al. 2023, section 4.1.
    """
    W_E, W_pos = weights["W_E"], weights["W_pos"]
    p, d = len(W_E) - 1, W_E.shape[1]

    def heads(x: Array, name: str) -> Array:
        return (x @ weights[f"blocks.0.{name}"]).reshape(len(x), n_heads, -1)

    equals = W_E[p:] + W_pos[2]
    q = heads(equals, "W_Q")[0]  # (H, E)
    scores = np.zeros((n_heads, 3, p))
    for position in (0, 1):
        keys = heads(W_E[:p] + W_pos[position], "W_K")
        scores[:, position] = np.einsum("he,phe->hp", q, keys)
    scores[:, 2, 0] = np.einsum("he,he->h", q, heads(equals, "W_K")[0])
    return np.asarray(scores / np.sqrt(d // n_heads))

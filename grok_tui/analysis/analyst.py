"""The analysis of one snapshot of the weights, in NumPy and float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from grok_tui.analysis import fourier, progress_measures
from grok_tui.analysis.clock_pizza import distance_irrelevance, gradient_symmetricity
from grok_tui.analysis.neurons import neuron_frequencies
from grok_tui.config.schema import Loss
from grok_tui.models.base import HostWeights, Model, Observed
from grok_tui.protocol.results import AnalysisArrays, Measures
from grok_tui.tasks.task import Task

Array = NDArray[np.float64]

# With more, the circuit analysis is skipped: it would take seconds and gigabytes.
MOST_ACTIVATIONS = 25_000_000
# Activations computed at once.
_AT_ONCE = 250_000


class Analyst:
    """Analyzes the snapshots of one run, one at a time."""

    def __init__(self, task: Task, model: Model, loss: Loss = "cross-entropy") -> None:
        self.task, self.model, self.loss = task, model, loss
        self.group = task.group
        self._scratch: tuple[Array, Array] | None = None

    def scratch(self, n_neurons: int) -> tuple[Array, Array]:
        """Reused buffers for neurons, (n, n, n_neurons), and logits, (n, n, n_answers).

        Allocating them for each analysis would take a tenth of its time.
        """
        n = self.group.n
        if self._scratch is None or self._scratch[0].shape[2] != n_neurons:
            self._scratch = np.empty((n, n, n_neurons)), np.empty((n, n, self.task.n_answers))
        return self._scratch

    def __call__(self, weights: HostWeights) -> tuple[Measures, AnalysisArrays]:
        """Measures and arrays of a snapshot. weights: by name, as in `Model.shapes`.

        Without a circuit (`why_no_circuit`), whatever needs the activations of every pair is
        None or empty.
        """
        observed = self.model.observe(weights)
        elements = self.group.elements
        spectra = [fourier.spectrum(w[elements]) for w in (observed.W_E, observed.W_L.T)]
        keys = fourier.key_frequencies(spectra[1])
        circuit = _Circuit(observed, keys, self) if self._has_circuit() else None
        exact = {name: w.astype(np.float64) for name, w in weights.items()}
        measures = Measures(
            gini_W_E=fourier.gini(spectra[0]),
            gini_W_L=fourier.gini(spectra[1]),
            key_frequencies=keys,
            sum_of_squares={name: float(np.vdot(w, w)) for name, w in exact.items()},
            **(circuit.measures() if circuit else {}),
        )
        frequency, share = circuit.neurons() if circuit else (np.zeros(0), np.zeros(0))
        attention = np.zeros((0, 3, 0)) if observed.attention is None else observed.attention
        arrays = AnalysisArrays(
            elements=elements.astype(np.int16),
            spectrum_W_E=spectra[0].astype(np.float32),
            spectrum_W_L=spectra[1].astype(np.float32),
            circle=fourier.circles(observed.W_E[elements]).astype(np.float32),
            attention=attention.astype(np.float32),
            neuron_frequency=frequency.astype(np.int16),
            neuron_share=share.astype(np.float32),
        )
        return measures, arrays

    def _has_circuit(self) -> bool:
        return why_no_circuit(self.task, self.model.n_neurons) is None


def why_no_circuit(task: Task, n_neurons: int) -> str | None:
    """Why a run has no progress measures, as text for the user; None if it has them."""
    group = task.group
    if not group.has_circuit:
        return (
            f"{task.name} is not a sum in a cyclic group:"
            " only its spectra are analyzed, not the circuit"
        )
    if group.n**2 * n_neurons > MOST_ACTIVATIONS:
        return (
            f"{group.n**2 * n_neurons:,} activations are too many to analyze while training:"
            " only the spectra are analyzed, not the circuit"
        )
    return None


class _Circuit:
    """The part of an analysis that needs the activations of every pair of the group."""

    def __init__(self, observed: Observed, keys: tuple[int, ...], analyst: Analyst) -> None:
        task, group = analyst.task, analyst.group
        self._observed, self._keys, self._analyst = observed, keys, analyst
        n, n_neurons = group.n, len(observed.W_L)
        self._by_b, self._logits = analyst.scratch(n_neurons)
        self._by_answer = np.zeros((n, n_neurons))
        rows = max(1, _AT_ONCE // (n * n_neurons))
        for at in range(0, n, rows):  # in blocks that fit in the processor's cache
            block = slice(at, at + rows)
            a, b = (x[group.pairs[block].ravel()] for x in (task.a, task.b))
            direct, neurons = observed.neurons(a, b)
            by_pair = neurons.reshape(-1, n, n_neurons)
            np.matmul(fourier.basis(n), by_pair, out=self._by_b[block])
            progress_measures.add_by_answer(self._by_answer, by_pair, group, at)
            logits = direct + neurons @ observed.W_L
            self._logits[block] = logits.reshape(-1, n, task.n_answers)
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
        gradients = self._observed.embedding_gradients
        return {
            "restricted_loss": progress_measures.restricted_loss(
                by_answer,
                self._observed.W_L,
                keys,
                mean_logits=mean,
                elements=group.elements,
                test_counts=test_counts,
                loss=loss,
            )
            if test_counts.any()
            else None,
            "excluded_loss": progress_measures.excluded_loss(
                by_answer,
                self._observed.W_L,
                keys,
                logits=logits,
                group=group,
                train=train,
                loss=loss,
            )
            if train.any()
            else None,
            "logit_fve": progress_measures.logit_fve(logits, keys, group),
            "distance_irrelevance": distance_irrelevance(correct, group),
            "gradient_symmetricity": gradient_symmetricity(gradients, group)
            if gradients
            else None,
        }

    def neurons(self) -> tuple[NDArray[np.int64], Array]:
        return neuron_frequencies(self._by_b)

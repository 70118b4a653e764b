"""NumPy versions of the interventions as published, to check the fast ones against."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import reference
from reference import Array, Weights

from grok_tui.config.schema import Config

MUON_MOMENTUM = 0.95


def orthograd(w: Array, g: Array) -> Array:
    """The gradient without its component along the weight, at its old norm."""
    across = g - (w * g).sum() / (w * w).sum() * w
    return across * np.linalg.norm(g) / np.linalg.norm(across)


def norm(weights: Weights) -> float:
    """The joint norm of all weights."""
    return float(np.sqrt(sum((w**2).sum() for w in weights.values())))


def newton_schulz(g: Array) -> Array:
    """Five steps of the published quintic iteration."""
    if g.shape[0] > g.shape[1]:
        return newton_schulz(g.T).T
    x = g / np.linalg.norm(g)
    for _ in range(5):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x


@dataclass
class Published:
    """An optimizer with interventions; each call is one step.

    buffers: Muon's momentum, as sums of gradients. means: Grokfast's h.
    """

    initial_norm: float
    adamw: reference.AdamW = field(default_factory=reference.AdamW)
    buffers: Weights = field(default_factory=dict)
    means: Weights = field(default_factory=dict)
    steps: int = 0

    def __call__(self, config: Config, weights: Weights, gradients: Weights) -> Weights:
        self.steps += 1
        lr = config.lr * min(1.0, self.steps / max(1, config.warmup_steps))
        seen = {
            name: self._filtered(config, name, weights[name], g)
            for name, g in gradients.items()
        }
        updated = self.adamw.update(
            weights, seen, lr=lr, weight_decay=config.weight_decay, beta1=config.beta1,
            beta2=config.beta2, eps=config.eps, coupled=config.decay == "coupled",
        )  # fmt: skip
        if config.optimizer == "muon":
            hidden = [name for name in weights if name.startswith("blocks")]
            updated |= {
                name: self._muon(config, lr, name, weights[name], seen[name]) for name in hidden
            }
        if config.norm_constraint == "sphere":
            scale = self.initial_norm / norm(updated)
            updated = {name: w * scale for name, w in updated.items()}
        return updated

    def _filtered(self, config: Config, name: str, w: Array, g: Array) -> Array:
        if config.grad_filter != "grokfast":
            self.means.pop(name, None)
            return orthograd(w, g) if config.grad_filter == "orthograd" else g
        alpha = config.grokfast_alpha
        h = alpha * self.means.get(name, np.zeros_like(g)) + (1 - alpha) * g
        self.means[name] = h
        return np.asarray(g + config.grokfast_lambda * h)

    def _muon(self, config: Config, lr: float, name: str, w: Array, g: Array) -> Array:
        """One Muon update; our matrices are (inputs, outputs), the paper's are transposed."""
        coupled = config.decay == "coupled"
        g = g + (config.weight_decay * w if coupled else 0)
        self.buffers[name] = MUON_MOMENTUM * self.buffers.get(name, np.zeros_like(g)) + g
        direction = newton_schulz((g + MUON_MOMENTUM * self.buffers[name]).T).T
        scale = 0.2 * max(w.shape) ** 0.5
        decay = 0 if coupled else config.weight_decay * w
        return w - lr * (scale * direction + decay)

"""The optimizers; all their hyperparameters are data on the device (`schedule`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from tinygrad import Tensor
from tinygrad.uop.ops import KernelInfo, UOp

from grok_tui.device.matmul import matmul
from grok_tui.training.schedule import MOMENTUM, Column, of_row

Tensors = Mapping[str, Tensor]


class Optimizer(Protocol):
    """Updates weights in place.

    weights, first_moment, second_moment: tensors by name, with the same shapes, which may have
    a leading axis of replicas.
    """

    first_moment: Tensors
    second_moment: Tensors

    def update(self, gradients: Iterable[Tensor], row: Tensor) -> list[Tensor]:
        """Assign one update; gradients: in the order of the weights, row: (..., len(Column)).

        Returns the tensors to realize for the update to take effect.
        """


class AdamW:
    """AdamW with decoupled or coupled decay (Loshchilov & Hutter 2019; Kingma & Ba 2015)."""

    def __init__(self, weights: Tensors, first_moment: Tensors, second_moment: Tensors) -> None:
        self.weights = weights
        self.first_moment = first_moment
        self.second_moment = second_moment

    def update(self, gradients: Iterable[Tensor], row: Tensor) -> list[Tensor]:
        changed = []
        for (name, w), gradient in zip(self.weights.items(), gradients, strict=True):
            m, v = self.first_moment[name], self.second_moment[name]
            updated = UOp.custom_kernel(
                w.uop, m.uop, v.uop, gradient.contiguous().uop, row.uop, fxn=_adamw
            )
            changed += [Tensor(u) for u in updated[:3]]
        return changed


def _adamw(w: UOp, m: UOp, v: UOp, gradient: UOp, row: UOp) -> UOp:
    """The kernel of one elementwise update: the new weight and both new moments."""
    replicas = int(row.numel()) // len(Column)
    each, i = UOp.range(replicas, 0), UOp.range(int(w.numel()) // replicas, 1)
    w, m, v, gradient = (x.reshape(replicas, -1)[each, i] for x in (w, m, v, gradient))
    row = row.reshape(replicas, -1)[each]
    g = gradient + row[Column.L2] * w
    new_m = m + row[Column.NEW1] * (g - m)
    new_v = v + row[Column.NEW2] * (g * g - v)
    m_hat, v_hat = new_m * row[Column.CORRECT1], new_v * row[Column.CORRECT2]
    move = row[Column.LR] * m_hat / (v_hat.sqrt() + row[Column.EPS])
    new_w = w - move - row[Column.SHRINK] * w
    stores = (w.store(new_w), m.store(new_m), v.store(new_v))
    return UOp.group(*stores).end(each, i).sink(arg=KernelInfo(name="adamw"))


# The quintic Newton-Schulz step a x + b x^3 + c x^5, and how often it is applied.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5
# Root mean square of an AdamW update over the learning rate, as measured by Liu et al. 2025.
_ADAMW_SIZE = 0.2


class Muon:
    """Muon for the hidden matrices, AdamW for the embeddings and the unembedding.

    Its updates have equal singular values (Jordan et al. 2024) and the usual size of AdamW's
    (Liu et al. 2025), so that both can share a learning rate and a weight decay.

    weights, first_moment, second_moment: as in AdamW. hidden: the names of the hidden
    matrices, whose first moment is the momentum and whose second moment stays 0.
    """

    def __init__(
        self,
        weights: Tensors,
        first_moment: Tensors,
        second_moment: Tensors,
        hidden: Collection[str],
    ) -> None:
        self.weights = weights
        self.first_moment = first_moment
        self.second_moment = second_moment
        self._hidden = hidden
        others = [name for name in weights if name not in hidden]
        self._adamw = AdamW(
            *(
                {name: kind[name] for name in others}
                for kind in (weights, first_moment, second_moment)
            )
        )

    def update(self, gradients: Iterable[Tensor], row: Tensor) -> list[Tensor]:
        by_name = dict(zip(self.weights, gradients, strict=True))
        changed = self._adamw.update((by_name[name] for name in self._adamw.weights), row)
        for name, w in self.weights.items():
            if name in self._hidden:
                changed += _update(w, self.first_moment[name], by_name[name], row)
        return changed


def _update(w: Tensor, m: Tensor, gradient: Tensor, row: Tensor) -> list[Tensor]:
    """Update a matrix, (..., inputs, outputs), and its momentum, with Nesterov's lookahead."""
    g = (gradient + of_row(row, Column.L2) * w).contiguous()
    m.assign(m + of_row(row, Column.NEW_MOMENTUM) * (g - m)).realize()
    direction = orthogonalized(g + MOMENTUM * (m - g))
    scale = _ADAMW_SIZE * max(int(size) for size in w.shape[-2:]) ** 0.5
    move = of_row(row, Column.LR) * scale * direction
    return [w.assign(w - move - of_row(row, Column.SHRINK) * w)]


def orthogonalized(x: Tensor) -> Tensor:
    """About U V^T for x = U S V^T, with singular values between 0.7 and 1.2; 0 for x = 0.

    x: (..., rows, columns), at any scale: it is divided by its largest element first, so that
    the squares of small elements do not vanish.
    """
    if x.shape[-2] > x.shape[-1]:
        return orthogonalized(x.transpose(-1, -2).contiguous()).transpose(-1, -2)
    largest = x.abs().max((-2, -1), keepdim=True)
    x = ((largest > 0).where(x / largest, 0)).contiguous()
    norm = x.square().sum(-1, keepdim=True).contiguous().sum(-2, keepdim=True).sqrt()
    x = ((norm > 0).where(x / norm, 0)).contiguous()
    for _ in range(_ITERATIONS):
        square = matmul(x, x, tb=True)
        polynomial = _B * square + _C * matmul(square, square)
        x = _A * x + matmul(polynomial, x)
    return x


# By the config's `optimizer`; each takes weights, first and second moments, hidden names.
OPTIMIZERS: Mapping[str, Callable[[Tensors, Tensors, Tensors, Collection[str]], Optimizer]] = {
    "adamw": lambda weights, first, second, hidden: AdamW(weights, first, second),  # noqa: ARG005
    "muon": Muon,
}

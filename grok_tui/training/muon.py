"""Muon: updates of matrices with all singular values alike (Jordan et al. 2024).

They are as large as AdamW's usually are (Liu et al. 2025), so that both can share a learning
rate and a weight decay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tinygrad import Tensor

from grok_tui.device.matmul import matmul
from grok_tui.training.optimizers import MOMENTUM, AdamW, Column, of_row

# Of Newton-Schulz's quintic step a x + b x^3 + c x^5, and how often it is taken.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5
# Root mean square of an AdamW update over the learning rate, as measured by Liu et al.
_ADAMW_SIZE = 0.2


class Muon:
    """Muon for the matrices of the layers, AdamW for the embeddings and the unembedding.

    weights, first_moment, second_moment: as in AdamW. Of a layer's matrix the first moment is
    the momentum, and the second stays 0.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        first_moment: Mapping[str, Tensor],
        second_moment: Mapping[str, Tensor],
    ) -> None:
        self.weights = weights
        self.first_moment = first_moment
        self.second_moment = second_moment
        others = [name for name in weights if not _is_hidden(name)]
        self._adamw = AdamW(
            *(
                {name: kind[name] for name in others}
                for kind in (weights, first_moment, second_moment)
            )
        )

    def update(self, gradients: Iterable[Tensor], row: Tensor) -> list[Tensor]:
        """Assign one update; gradients in the order of the weights, row: (..., len(Column)).

        Returns what must be realized for the update to happen.
        """
        by_name = dict(zip(self.weights, gradients, strict=True))
        changed = self._adamw.update((by_name[name] for name in self._adamw.weights), row)
        for name, w in self.weights.items():
            if _is_hidden(name):
                changed += _update(w, self.first_moment[name], by_name[name], row)
        return changed


def _is_hidden(name: str) -> bool:
    return name.startswith("blocks.")


def _update(w: Tensor, m: Tensor, gradient: Tensor, row: Tensor) -> list[Tensor]:
    """A matrix (..., inputs, outputs) and its momentum, with Nesterov's look ahead."""
    g = (gradient + of_row(row, Column.L2) * w).contiguous()
    m.assign(m + of_row(row, Column.NEW_MOMENTUM) * (g - m)).realize()
    direction = orthogonalised(g + MOMENTUM * (m - g))
    scale = _ADAMW_SIZE * max(int(size) for size in w.shape[-2:]) ** 0.5
    move = of_row(row, Column.LR) * scale * direction
    return [w.assign(w - move - of_row(row, Column.SHRINK) * w)]


def orthogonalised(x: Tensor) -> Tensor:
    """About U V^T for x = U S V^T, the singular values between 0.7 and 1.2; 0 for x = 0.

    x: (..., rows, columns), of any size: its largest element comes out first, so that the
    squares of small ones do not vanish.
    """
    if x.shape[-2] > x.shape[-1]:
        return orthogonalised(x.transpose(-1, -2).contiguous()).transpose(-1, -2)
    largest = x.abs().max((-2, -1), keepdim=True)
    x = ((largest > 0).where(x / largest, 0)).contiguous()
    norm = x.square().sum(-1, keepdim=True).contiguous().sum(-2, keepdim=True).sqrt()
    x = ((norm > 0).where(x / norm, 0)).contiguous()
    for _ in range(_ITERATIONS):
        square = matmul(x, x, tb=True)
        polynomial = _B * square + _C * matmul(square, square)
        x = _A * x + matmul(polynomial, x)
    return x

"""Gradient filters, which change the gradient an optimizer sees, and a weight constraint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from tinygrad import Tensor

from grok_tui.training.schedule import Column, of_row

Tensors = Sequence[Tensor]


def grokfast(means: Iterable[Tensor], gradients: Iterable[Tensor], row: Tensor) -> list[Tensor]:
    """The gradients with their slow part amplified: h <- h + (1 - alpha)(g - h), g + lambda h.

    means: h of each gradient, updated in place. row: (..., len(Column)).
    Source: Lee et al. 2024, Grokfast-EMA.
    """
    filtered = []
    for h, g in zip(means, gradients, strict=True):
        h.assign(h + of_row(row, Column.NEW_MEAN) * (g - h)).realize()
        filtered.append(g + of_row(row, Column.LAMBDA) * h)
    return filtered


def orthograd(weights: Iterable[Tensor], gradients: Iterable[Tensor]) -> list[Tensor]:
    """The gradients without their component along the weights, rescaled to their old norms.

    For each matrix, g' = g - (<w, g> / <w, w>) w; returns g' |g| / |g'|.
    Source: Prieto et al. 2025, section 5.
    """
    filtered = []
    for w, g in zip(weights, gradients, strict=True):
        across = (g - _ratio(_total(w * g), _total(w * w), 0) * w).contiguous()
        scale = _ratio(_total(g * g), _total(across * across), 1).sqrt()
        filtered.append(across * scale)
    return filtered


# By the config's `grad_filter`; each takes weights, mean gradients, gradients and the row.
FILTERS: Mapping[str, Callable[[Tensors, Tensors, Tensors, Tensor], Tensors]] = {
    "none": lambda weights, means, gradients, row: gradients,  # noqa: ARG005
    "grokfast": lambda weights, means, gradients, row: grokfast(means, gradients, row),  # noqa: ARG005
    "orthograd": lambda weights, means, gradients, row: orthograd(weights, gradients),  # noqa: ARG005
}


def sphere(weights: Iterable[Tensor], row: Tensor) -> list[Tensor]:
    """Scale the weights to the joint norm in the row; a norm of 0 leaves them as they are.

    row: (..., len(Column)). Returns the tensors to realize for this to take effect.
    Source: Liu et al. 2022.
    """
    weights = list(weights)
    squares = Tensor.stack(*(_total(w * w) for w in weights)).sum(0)
    norm = of_row(row, Column.NORM)
    scale = (norm > 0).where(_ratio(norm, squares.sqrt(), 1), 1).contiguous().realize()
    return [w.assign(w * scale) for w in weights]


def _total(x: Tensor) -> Tensor:
    """Sum (..., rows, columns) to (..., 1, 1).

    In two steps, since one long float32 sum would lose a digit.
    """
    return x.sum(-1, keepdim=True).contiguous().sum(-2, keepdim=True).contiguous()


def _ratio(x: Tensor, y: Tensor, otherwise: float) -> Tensor:
    return (y > 0).where(x / y, otherwise)

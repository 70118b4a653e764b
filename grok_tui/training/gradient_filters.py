"""Gradient filters, which change the gradient an optimizer sees; a bound on the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from tinygrad import Tensor

from grok_tui.training.schedule import Column, of_row

Tensors = Sequence[Tensor]


def grokfast(means: Iterable[Tensor], gradients: Iterable[Tensor], row: Tensor) -> list[Tensor]:
    """The gradients with their slow part amplified: h <- h + (1 - alpha)(g - h), g + lambda h.

    means: the h, one for each gradient, which are updated. row: (..., len(Column)).
    Source: Lee et al. 2024, Grokfast-EMA.
    """
    filtered = []
    for h, g in zip(means, gradients, strict=True):
        h.assign(h + of_row(row, Column.NEW_MEAN) * (g - h)).realize()
        filtered.append(g + of_row(row, Column.LAMBDA) * h)
    return filtered


def orthograd(weights: Iterable[Tensor], gradients: Iterable[Tensor]) -> list[Tensor]:
    """The gradients without their part along the weights, at their old norms.

    g - (<w, g> / <w, w>) w for each matrix, times |g| over its norm.
    Source: Prieto et al. 2025, section 5.
    """
    filtered = []
    for w, g in zip(weights, gradients, strict=True):
        across = (g - _ratio(_total(w * g), _total(w * w), 0) * w).contiguous()
        scale = _ratio(_total(g * g), _total(across * across), 1).sqrt()
        filtered.append(across * scale)
    return filtered


# By the config's `grad_filter`: of weights, mean gradients, gradients and the row.
FILTERS: Mapping[str, Callable[[Tensors, Tensors, Tensors, Tensor], Tensors]] = {
    "none": lambda weights, means, gradients, row: gradients,  # noqa: ARG005
    "grokfast": lambda weights, means, gradients, row: grokfast(means, gradients, row),  # noqa: ARG005
    "orthograd": lambda weights, means, gradients, row: orthograd(weights, gradients),  # noqa: ARG005
}


def sphere(weights: Iterable[Tensor], row: Tensor) -> list[Tensor]:
    """Scale weights so that all together have the norm of the row, or not if that is 0.

    row: (..., len(Column)). Returns what must be realized for it to happen.
    Source: Liu et al. 2022.
    """
    weights = list(weights)
    squares = Tensor.stack(*(_total(w * w) for w in weights)).sum(0)
    norm = of_row(row, Column.NORM)
    scale = (norm > 0).where(_ratio(norm, squares.sqrt(), 1), 1).contiguous().realize()
    return [w.assign(w * scale) for w in weights]


def _total(x: Tensor) -> Tensor:
    """The sums of (..., rows, columns), kept as (..., 1, 1).

    In two steps: one long float32 sum would lose a digit.
    """
    return x.sum(-1, keepdim=True).contiguous().sum(-2, keepdim=True).contiguous()


def _ratio(x: Tensor, y: Tensor, otherwise: float) -> Tensor:
    return (y > 0).where(x / y, otherwise)

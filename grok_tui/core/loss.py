"""Cross-entropy in float32 that keeps its relative precision down to tiny losses."""

from __future__ import annotations

from tinygrad import Tensor

# log1p(s) = 2 atanh(z) = 2 (z + z^3/3 + z^5/5 + ...), z = s / (2 + s). Up to s = 1/2,
# z <= 1/5 and the terms left out are below 1e-9 of the sum.
_SERIES_BELOW = 0.5
_SERIES_TERMS = 6
# Terms below e^-69 = 1e-30 count as zero. Nobody sees them in a loss, but left in, they and
# their gradients become subnormal late in training, and steps on a CPU several times slower.
_NEGLIGIBLE = -69.0


def cross_entropy(logits: Tensor, one_hot: Tensor) -> Tensor:
    """Cross-entropy of each row, in nats: (batch, p) twice -> (batch,).

    -log softmax(l)[y] = log(1 + sum over j != y of exp(l_j - l_y)). Taken so, nothing
    cancels: log_softmax in float32 loses all digits of a loss below 1e-7 and its gradient
    becomes exactly zero (softmax collapse, Prieto et al. 2025), this keeps both. The largest
    difference m comes out first, so that large ones do not overflow. Exact down to 1e-30.
    """
    others = 1 - one_hot
    right = (logits * one_hot).sum(-1, keepdim=True)  # (batch, 1)
    difference = logits - right
    m = (difference * others).max(-1, keepdim=True).detach()  # >= 0: y's own entry is 0
    exponent = difference - m
    s = ((exponent > _NEGLIGIBLE).where(exponent.exp(), 0) * others).sum(-1)
    m = m.squeeze(-1)
    # m > 0 makes s >= 1, so a small s has m = 0. Not log1p(s + (exp(-m) - 1)): tinygrad
    # moves the constant to the end, and (s + 1) - 1 has lost s.
    return m + (s < _SERIES_BELOW).where(log1p(s), ((-m).exp() + s).log())


def log1p(s: Tensor) -> Tensor:
    """log(1 + s) for s >= 0 with full relative precision in float32."""
    small = (s < _SERIES_BELOW).where(s, 0)  # keeps the unused branch's gradient finite
    z = small / (2 + small)
    square, series = z * z, Tensor(0.0)
    for k in reversed(range(_SERIES_TERMS)):
        series = series * square + 1 / (2 * k + 1)
    return (s < _SERIES_BELOW).where(2 * z * series, (1 + s).log())

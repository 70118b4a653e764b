"""The losses, computed in float32 with full relative precision even if tiny."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from tinygrad import Tensor, dtypes
from tinygrad.uop.ops import UOp

from grok_tui.config.schema import Loss
from grok_tui.device import c_calls

# log1p(s) = 2 atanh(z) = 2 (z + z^3/3 + z^5/5 + ...), z = s / (2 + s). Up to s = 1/2,
# z <= 1/5 and the omitted terms are below 1e-9 of the sum.
_SERIES_BELOW = 0.5
_SERIES_TERMS = 6
# Terms below e^-69 = 1e-30 count as zero. They do not show in a loss, but late in training
# they and their gradients become subnormal, which makes CPU steps several times slower.
_NEGLIGIBLE = -69
# Answers are padded to a multiple of this, so that GPUs can divide rows (113 is prime).
_WIDTH = 32


def pair_losses(logits: Tensor, answer: Tensor, loss: Loss) -> Tensor:
    """The loss of each pair, in nats: (..., n_answers) float32, (...) int32 -> (...)."""
    return LOSSES[loss](logits, answer)


def log_s(logits: Tensor) -> Tensor:
    """log s(l) of StableMax: s(l) = l + 1 for l >= 0, 1 / (1 - l) for l < 0.

    The softmax of log s is s / sum of s, so cross-entropy on log s is StableMax's. Each
    logarithm sees only logits of its sign; the unused one would have no finite gradient.
    Source: Prieto et al. 2025, section 4.1.
    """
    negative = logits < 0
    below, above = negative.where(logits, 0), negative.where(0, logits)
    return (1 + above).log() - (1 - below).log()


def cross_entropy(logits: Tensor, answer: Tensor) -> Tensor:
    """Cross-entropy of each pair, in nats: (..., p) float32, (...) int32 -> (...).

    -log softmax(l)[y] = log(1 + sum over j != y of exp(l_j - l_y)). In this form nothing
    cancels: log_softmax in float32 loses all digits of a loss below 1e-7, and its gradient
    becomes exactly zero (softmax collapse, Prieto et al. 2025); this keeps both. The largest
    difference m is factored out, so that nothing overflows. Accurate down to 1e-30.
    """
    _check(logits, answer)
    excess = _excess_in_c if c_calls.runs_c(str(logits.device)) else _excess
    s, m = excess(logits, answer)
    # m > 0 makes s >= 1, so a small s has m = 0. Not log1p(s + (exp(-m) - 1)): tinygrad
    # moves the constant to the end, and (s + 1) - 1 loses s.
    return m + (s < _SERIES_BELOW).where(log1p(s), ((-m).exp() + s).log())


def naive(logits: Tensor, answer: Tensor) -> Tensor:
    """-log_softmax(l)[y] in nats, as usually computed, to show how float32 loses it.

    (..., p) float32, (...) int32 -> (...); 0 where it should be 6e-8 or less.
    """
    _check(logits, answer)
    is_right = answer.unsqueeze(-1) == Tensor.arange(logits.shape[-1])
    return -is_right.where(logits.log_softmax(-1), 0).sum(-1)


# By the config's `loss`.
LOSSES: Mapping[Loss, Callable[[Tensor, Tensor], Tensor]] = {
    "cross-entropy": cross_entropy,
    "stablemax": lambda logits, answer: cross_entropy(log_s(logits), answer),
    "naive": naive,
}


def mean(losses: Tensor) -> Tensor:
    """The mean over the last axis, in two steps, since one long float32 sum loses a digit."""
    *lead, n = (int(size) for size in losses.shape)
    columns = math.isqrt(n - 1) + 1
    padding = (*(None for _ in lead), (0, columns**2 - n))
    square = losses.pad(padding).reshape(*lead, columns, columns)
    return square.sum(-1).contiguous().sum(-1) / n


def _excess(logits: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
    """s = sum over j != y of exp(l_j - l_y - m), and m = max l_j - l_y without a gradient."""
    *lead, n = (int(size) for size in logits.shape)
    padding = (*(None for _ in lead), (0, -n % _WIDTH))
    logits = logits.pad(padding, value=-math.inf)  # adds terms that are 0
    is_right = answer.unsqueeze(-1) == Tensor.arange(logits.shape[-1])
    right = is_right.where(logits, 0).sum(-1, keepdim=True)  # (..., 1)
    m = (logits.max(-1, keepdim=True) - right).detach()  # >= 0
    exponent = (logits - right) - m
    counts = ~is_right & ~(exponent < _NEGLIGIBLE)  # not >=, so that NaN counts
    s = counts.where(exponent.exp(), 0).contiguous().sum(-1)
    return s, m.squeeze(-1)


def _excess_in_c(logits: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
    ins = [logits.contiguous().uop, answer.contiguous().uop]
    outs = [c_calls.empty(*answer.shape), c_calls.empty(*answer.shape)]
    s, m = _call("excess", outs, ins, _excess_gradient)
    return Tensor(s), Tensor(m).detach()


def _check(logits: Tensor, answer: Tensor) -> None:
    # C would misread the bytes of any other type.
    if logits.dtype != dtypes.float32 or answer.dtype != dtypes.int32:
        raise ValueError(f"logits are {logits.dtype}, answers {answer.dtype}")
    if logits.ndim < 2 or answer.shape != logits.shape[:-1]:
        raise ValueError(f"logits of shape {logits.shape} have answers {answer.shape}")


def _excess_gradient(grad: UOp, call: UOp) -> tuple[UOp | None, ...]:
    s, m, logits, answer = call.src[1:]
    ins = [grad.contiguous(), s.after(call), m.after(call), logits, answer]
    (d_logits,) = _call("excess_backward", [c_calls.empty(*logits.shape)], ins)
    return None, None, d_logits, None


def _call(
    function: str, outs: list[UOp], ins: list[UOp], gradient: c_calls.Gradient | None = None
) -> list[UOp]:
    *rows, answers = (int(size) for size in ins[-2].shape)
    pairs = math.prod(rows)
    source = c_calls.source(
        f"{function}.c", PAIRS=pairs, ANSWERS=answers, NEGLIGIBLE=_NEGLIGIBLE
    )
    operations = 20 * pairs * answers
    return c_calls.call(function, source, outs, ins, operations=operations, gradient=gradient)


def log1p(s: Tensor) -> Tensor:
    """log(1 + s) for s >= 0 with full relative precision in float32."""
    small = (s < _SERIES_BELOW).where(s, 0)  # keeps the unused branch's gradient finite
    z = small / (2 + small)
    square, series = z * z, Tensor(0.0)
    for k in reversed(range(_SERIES_TERMS)):
        series = series * square + 1 / (2 * k + 1)
    return (s < _SERIES_BELOW).where(2 * z * series, (1 + s).log())

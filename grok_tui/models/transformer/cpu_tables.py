"""The logits of the one-layer model on the CPU, as sums of rows of lookup tables.

Before the neurons, only the attention pattern depends on a and b together. With x the residual
stream before the layer, position by position, and A the pattern,

    resid_mid = x_= + sum over positions and heads of A (x W_V)_head W_O_head
              = (x_= + x_= W_V W_O) + sum over a, b and heads of A ((x - x_=) W_V)_head W_O_head

since a head's three shares add up to 1. So resid_mid is a last row plus a mixture of table
rows, and because W_in and W_U act on it linearly, so are the neurons before their ReLU and
the direct path to the logits. The tables have few rows: all that is left per pair is mixing,
ReLU and one product.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping

from tinygrad import Tensor, dtypes
from tinygrad.uop.ops import UOp

from grok_tui.device import c_calls
from grok_tui.device.matmul import matmul

# A pair mixes 2 n_heads rows. Measured: twice as fast up to 4 heads, no faster at 12.
MOST_HEADS = 8


def logits(
    weights: Mapping[str, Tensor],
    block: Mapping[str, Tensor],
    a: Tensor,
    b: Tensor,
    n_heads: int,
) -> Tensor:
    """The logits (..., batch, n_answers) of a one-layer model.

    block: the weights of the layer. a, b: (..., batch) int32, the tokens of each pair; pairs
    sorted by a are faster. The comments leave out the leading axis, which is over replicas.
    """
    W_E, W_pos = weights["W_E"], weights["W_pos"]
    *lead, n, d = W_E.shape
    p = n - 1
    per_position = W_E[..., :p, :].unsqueeze(-3) + W_pos[..., :2, :].unsqueeze(-2)
    x = per_position.reshape(*lead, 2 * p, d)  # rows for a, then for b
    x_equals = W_E[..., p:, :] + W_pos[..., 2:, :]  # (1, d)

    pattern = attend(_scores(block, x, x_equals, n_heads), a, b)  # (batch, 3, n_heads)
    resid_mid = _resid_mid(block, x, x_equals, n_heads)  # (2p n_heads + 1, d)
    neurons = mix(pattern, matmul(resid_mid, block["W_in"]), a, b)
    W_L = matmul(block["W_out"], weights["W_U"])  # (d_mlp, n_answers)
    direct = matmul(resid_mid, weights["W_U"])  # (2p n_heads + 1, n_answers)
    return mix(pattern, direct, a, b, onto=matmul(neurons, W_L))


def _scores(block: Mapping[str, Tensor], x: Tensor, x_equals: Tensor, n_heads: int) -> Tensor:
    """(2p + 1, n_heads): attention scores of `=` to every row of x, and to itself."""
    query = per_head(matmul(x_equals, block["W_Q"]), n_heads)  # (1, n_heads, d_head)
    to_score = (per_head(block["W_K"], n_heads) * query).sum(-1)  # (d, n_heads)
    return matmul(x.cat(x_equals, dim=-2), to_score * query.shape[-1] ** -0.5)


def _resid_mid(
    block: Mapping[str, Tensor], x: Tensor, x_equals: Tensor, n_heads: int
) -> Tensor:
    """(2p n_heads + 1, d): the residual stream after attention, as a table for `mix`."""
    *lead, n, d = x.shape
    v = matmul((x - x_equals).cat(x_equals, dim=-2), block["W_V"])  # (n + 1, d)
    identity = Tensor.eye(n_heads).unsqueeze(-1)  # (n_heads, n_heads, 1)
    of_heads = per_head(v[..., :-1, :], n_heads).unsqueeze(-3) * identity
    rows = of_heads.reshape(*lead, n * n_heads, d).cat(v[..., -1:, :], dim=-2)
    before = (*(None for _ in lead), (n * n_heads, 0), None)
    return matmul(rows, block["W_O"]) + x_equals.pad(before)


def per_head(x: Tensor, n_heads: int) -> Tensor:
    """(..., d) -> (..., n_heads, d_head)."""
    return x.reshape(*x.shape[:-1], n_heads, x.shape[-1] // n_heads)


def attend(scores: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """The attention of `=`: scores (..., 2p + 1, n_heads) -> (..., batch, 3, n_heads)."""
    rows, heads = (int(size) for size in scores.shape[-2:])
    sizes = {**_batch_sizes(a), "TOKENS": (rows - 1) // 2, "HEADS": heads}
    gradient = functools.partial(_attend_gradient, sizes=sizes)
    out = c_calls.empty(*a.shape, 3, heads)
    ins = [t.contiguous().uop for t in (scores, a, b)]
    return Tensor(_call("attend", [out], ins, sizes, gradient)[0])


def _attend_gradient(grad: UOp, call: UOp, *, sizes: dict[str, int]) -> tuple[UOp | None, ...]:
    pattern, scores, a, b = call.src[1:]
    d_scores = c_calls.empty(*scores.shape)
    ins = [grad.contiguous(), pattern.after(call), a, b]
    (d_scores,) = _call("attend_backward", [d_scores], ins, sizes)
    return None, d_scores, None, None


def mix(
    pattern: Tensor, table: Tensor, a: Tensor, b: Tensor, onto: Tensor | None = None
) -> Tensor:
    """Rows mixed from a table, then added to those of `onto`, or passed through a ReLU.

    pattern: (..., batch, 3, n_heads). table: (..., 2p n_heads + 1, width), rows (a, head),
    (b, head) and a last one that every pair gets once. onto: (..., batch, width), as returned.
    """
    heads, (rows, width) = int(pattern.shape[-1]), (int(size) for size in table.shape[-2:])
    sizes = {**_batch_sizes(a), "TOKENS": (rows - 1) // (2 * heads)}
    sizes |= {"HEADS": heads, "WIDTH": width}
    sizes |= {"RELU": int(onto is None), "ONTO": int(onto is not None)}
    gradient = functools.partial(_mix_gradient, sizes=sizes)
    out = c_calls.empty(*a.shape, width)
    operands = (pattern, table, a, b) if onto is None else (pattern, table, onto, a, b)
    ins = [t.contiguous().uop for t in operands]
    return Tensor(_call("mix", [out], ins, sizes, gradient)[0])


def _mix_gradient(grad: UOp, call: UOp, *, sizes: dict[str, int]) -> tuple[UOp | None, ...]:
    out, pattern, table, *onto, a, b = call.src[1:]
    grad = grad.contiguous()
    outs = [c_calls.empty(*pattern.shape), c_calls.empty(*table.shape)]
    ins = [grad, out.after(call), pattern, table, a, b]
    d_pattern, d_table = _call("mix_backward", outs, ins, sizes)
    return None, d_pattern, d_table, *(grad for _ in onto), None, None


def _batch_sizes(a: Tensor) -> dict[str, int]:
    *lead, pairs = (int(size) for size in a.shape)
    return {"REPLICAS": math.prod(lead), "PAIRS": pairs}


def _call(
    function: str,
    outs: list[UOp],
    ins: list[UOp],
    sizes: dict[str, int],
    gradient: c_calls.Gradient | None = None,
) -> list[UOp]:
    # The C code would misread any other type.
    if [u.dtype for u in ins] != [dtypes.float32] * (len(ins) - 2) + [dtypes.int32] * 2:
        raise ValueError(f"{function} takes float32 tables and int32 tokens")
    rows = sizes["REPLICAS"] * sizes["PAIRS"]
    operations = 4 * rows * sizes["HEADS"] * sizes.get("WIDTH", 6)
    source = c_calls.source(f"{function}.c", **sizes)
    return c_calls.call(function, source, outs, ins, operations=operations, gradient=gradient)

"""The transformer on the device: its logits by an exact reduction of `plain`.

Three facts make it several times cheaper, with the same function and gradients:

- Attention is causal and only the answer at `=` is read. Position 0 never sees b, so its
  residual stream is a lookup table over a in every layer; in the first layer, position 1 is a
  lookup table over b, and `=` a single row. An example gathers its rows from these tables.
- In the last layer, only the last position is computed.
- relu(h W_in) W_out W_U = relu(h W_in) (W_out W_U), and the product of the weights is small.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from tinygrad import Tensor

from grok_tui.device import c_calls
from grok_tui.device.gpu_matmul import repeated_row
from grok_tui.device.matmul import matmul
from grok_tui.models.base import IntArray
from grok_tui.models.transformer import cpu_tables
from grok_tui.models.transformer.cpu_tables import per_head

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows at one position, and how the examples of a batch gather theirs.

    rows: (..., n, width); n is p for a lookup table over tokens, 1 if all examples share a row,
    or the batch size. gather: maps (..., n, width) to (..., batch, width).
    """

    rows: Tensor
    gather: Callable[[Tensor], Tensor]

    def over_batch(self) -> Tensor:
        """(..., batch, width): one row for each example."""
        return self.gather(self.rows)

    def map(self, function: Callable[[Tensor], Tensor]) -> Stream:
        """The same positions with `function` applied to the rows."""
        return Stream(function(self.rows), self.gather)


@dataclass(frozen=True, slots=True)
class Batch:
    """The pairs of a batch, and how they gather rows of lookup tables over a and over b.

    a, b: (..., batch) int32. gather_a, gather_b: map a lookup table (..., p, width) to
    (..., batch, width). A leading axis is over replicas.
    """

    a: Tensor
    b: Tensor
    gather_a: Callable[[Tensor], Tensor]
    gather_b: Callable[[Tensor], Tensor]

    @property
    def size(self) -> int:
        return int(self.a.shape[-1])


def batch_of(a: IntArray, b: IntArray, p: int) -> Batch:
    """The batch of the pairs a, b, (..., batch) each.

    For the whole table of a task, every a with every b from some first one on, the gather is a
    broadcast. For other pairs it is a product with one-hot rows, and so is its backward pass,
    which avoids a scatter.
    """
    *lead, n = a.shape
    first_b = p - n // p
    if first_b >= 0 and _is_table(a, b, p, first_b):
        return Batch(_indices(a), _indices(b), *_broadcasts(p, first_b, lead))

    def gather(index: IntArray) -> Callable[[Tensor], Tensor]:
        one_hot = Tensor(np.eye(p, dtype=np.float32)[index]).clone().realize()
        return lambda table: matmul(one_hot, table)

    return Batch(_indices(a), _indices(b), gather(a), gather(b))


def _is_table(a: IntArray, b: IntArray, p: int, first_b: int) -> bool:
    """Whether the pairs are (0, first_b), (0, first_b + 1), ..., (p - 1, p - 1)."""
    columns = p - first_b
    if a.shape[-1] != p * columns:
        return False
    rows, values = np.divmod(np.arange(p * columns), max(1, columns))
    return bool((a == rows).all() and (b == values + first_b).all())


def _broadcasts(
    p: int, first_b: int, lead: list[int]
) -> tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """How the pairs of a whole table gather rows of lookup tables over a and over b."""
    columns = p - first_b

    def every(rows: Tensor) -> Tensor:
        expanded = rows.expand(*lead, p, columns, rows.shape[-1])
        return expanded.reshape(*lead, p * columns, rows.shape[-1])

    return (
        lambda table: every(table.unsqueeze(-2)),
        lambda table: every(table[..., first_b:, :].unsqueeze(-3)),
    )


def _indices(values: IntArray) -> Tensor:
    """The values in an int32 buffer on the device."""
    return Tensor(values.astype(np.int32)).clone().realize()


def logits(weights: Weights, batch: Batch, n_heads: int, n_layers: int) -> Tensor:
    """The logits (..., batch, n_answers) at `=`.

    A leading axis, on the batch and all weights or on none of them, is over replicas.
    """
    W_E, W_pos = weights["W_E"], weights["W_pos"]
    p = W_E.shape[-2] - 1
    in_c = c_calls.runs_c(str(batch.a.device))
    if in_c and n_layers == 1 and n_heads <= cpu_tables.MOST_HEADS:
        return cpu_tables.logits(weights, _block(weights, 0), batch.a, batch.b, n_heads)
    streams = [
        Stream(W_E[..., :p, :] + W_pos[..., 0:1, :], batch.gather_a),  # rows: (..., p, d)
        Stream(W_E[..., :p, :] + W_pos[..., 1:2, :], batch.gather_b),  # rows: (..., p, d)
        Stream(  # rows: (..., 1, d)
            W_E[..., p:, :] + W_pos[..., 2:3, :],
            lambda row: repeated_row(row, batch.size),
        ),
    ]
    for layer in range(n_layers - 1):
        block = _block(weights, layer)
        streams = [_mlp(block, _attention(block, streams[: i + 1], n_heads)) for i in range(3)]
    block = _block(weights, n_layers - 1)
    resid_mid = _attention(block, streams, n_heads).over_batch()  # (..., batch, d)
    neurons = matmul(resid_mid, block["W_in"]).relu()  # (..., batch, d_mlp)
    W_L = matmul(block["W_out"], weights["W_U"])  # (..., d_mlp, p)
    return matmul(neurons, W_L) + matmul(resid_mid, weights["W_U"])


def _block(weights: Weights, layer: int) -> dict[str, Tensor]:
    prefix = f"blocks.{layer}."
    return {k.removeprefix(prefix): w for k, w in weights.items() if k.startswith(prefix)}


def _mlp(block: Weights, x: Stream) -> Stream:
    return x.map(lambda rows: rows + matmul(matmul(rows, block["W_in"]).relu(), block["W_out"]))


def _attention(block: Weights, streams: list[Stream], n_heads: int) -> Stream:
    """The residual stream of the last of `streams` after attending to all of them."""
    query = streams[-1]
    values = [s.map(lambda rows: matmul(rows, block["W_V"])) for s in streams]
    if len(streams) == 1:  # a single key gets an attention of 1
        return Stream(query.rows + matmul(values[0].rows, block["W_O"]), query.gather)
    keys = [s.map(lambda rows: matmul(rows, block["W_K"])) for s in streams]
    scores = _scores(query.map(lambda rows: matmul(rows, block["W_Q"])), keys, n_heads)
    pattern = _softmax(scores)  # each (..., batch, n_heads, 1)
    z = None  # (..., batch, n_heads, d_head)
    for weight, value in zip(pattern, values, strict=True):
        v = per_head(value.over_batch(), n_heads)
        z = weight * v if z is None else z + weight * v
    assert z is not None
    mixed = z.flatten(-2)
    return Stream(query.over_batch() + matmul(mixed, block["W_O"]), lambda rows: rows)


def _scores(query: Stream, keys: list[Stream], n_heads: int) -> list[Tensor]:
    """Attention scores of one position to each key, (..., batch, n_heads, 1) each.

    If all examples share the query, scores are computed once per row of the keys.
    """
    scale = (query.rows.shape[-1] // n_heads) ** -0.5
    shared = query.rows.shape[-2] == 1
    q = query.rows if shared else query.over_batch()

    def score(k: Tensor) -> Tensor:
        return per_head(q * k, n_heads).sum(-1) * scale

    scores = [s.map(score).over_batch() if shared else score(s.over_batch()) for s in keys]
    return [s.unsqueeze(-1) for s in scores]


def _softmax(scores: list[Tensor]) -> list[Tensor]:
    """Softmax over a list of equally shaped tensors."""
    largest = scores[0]
    for score in scores[1:]:
        largest = largest.maximum(score)
    exps = [(score - largest.detach()).exp() for score in scores]
    total = exps[0]
    for e in exps[1:]:
        total = total + e
    # Each is used in a broadcast, where tinygrad would recompute it for every column.
    return [(e / total).contiguous() for e in exps]

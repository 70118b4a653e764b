"""The transformer: its weights, and its logits by an exact reduction.

The model reads `a b =` and answers at `=`; there are no biases and no normalisation.
Three facts make it several times cheaper, with the same function and gradients:

- Attention is causal and only the answer at `=` is read. Position 0 never sees b, so its
  residual stream is a table over a in every layer; in the first layer position 1 is a table
  over b and `=` a single row. An example gathers its rows from the tables.
- In the last layer only the last position is computed.
- relu(h W_in) W_out W_U = relu(h W_in) (W_out W_U): the product of weights is tiny.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tinygrad import Tensor

from grok_tui.config.schema import Config
from grok_tui.device import c_calls
from grok_tui.device.gpu_matmul import repeated_row
from grok_tui.device.matmul import matmul
from grok_tui.models.transformer import cpu_tables
from grok_tui.models.transformer.cpu_tables import per_head
from grok_tui.models.transformer.spec import weight_shapes
from grok_tui.protocol.events import FloatArray

Weights = Mapping[str, Tensor]


def initial_weights(config: Config) -> dict[str, FloatArray]:
    """Weights drawn from `seed`, the same on every device, float32.

    `nanda`: N(0, 1) / sqrt(d_model), and W_U / sqrt(p). `transformerlens`:
    N(0, 0.8^2 / d_model). `scaled-uniform`: U(-1, 1) / sqrt(rows * columns), which is far
    too small. `normal`: N(0, 1), which is far too large.
    """
    rng = np.random.default_rng(config.seed)
    weights = {}
    for name, (rows, columns) in weight_shapes(config).items():
        if config.init == "scaled-uniform":
            weight = rng.uniform(-1, 1, (rows, columns)) / np.sqrt(rows * columns)
        else:
            weight = rng.standard_normal((rows, columns)) * _std(config, name)
        weights[name] = (config.init_scale * weight).astype(np.float32)
    return weights


def _std(config: Config, name: str) -> float:
    match config.init:
        case "normal":
            return 1.0
        case "transformerlens":
            return 0.8 / float(np.sqrt(config.d_model))
        case _:
            return 1 / float(np.sqrt(config.modulus if name == "W_U" else config.d_model))


@dataclass(frozen=True, slots=True)
class Stream:
    """Rows at one position, and how the examples of a batch gather theirs.

    rows: (..., n, width); n is p for a table over tokens, 1 where all examples share a row, or
    the batch size. gather: maps (..., n, width) to (..., batch, width).
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
    """The pairs of a batch, and how they gather rows of tables over a and over b.

    a, b: (..., batch) int32. gather_a, gather_b: map a table (..., p, width) to
    (..., batch, width). A leading axis is one of replicas.
    """

    a: Tensor
    b: Tensor
    gather_a: Callable[[Tensor], Tensor]
    gather_b: Callable[[Tensor], Tensor]

    @property
    def size(self) -> int:
        return int(self.a.shape[-1])


def indices(values: NDArray[np.int64]) -> Tensor:
    """The values in an int32 buffer on the device."""
    return Tensor(values.astype(np.int32)).clone().realize()


def chosen_pairs(a: NDArray[np.int64], b: NDArray[np.int64], p: int) -> Batch:
    """A batch of any pairs, a and b: (..., batch).

    The gather is a product with one-hot rows, and so is its backward pass: no scatter.
    """

    def gather(index: NDArray[np.int64]) -> Callable[[Tensor], Tensor]:
        one_hot = Tensor(np.eye(p, dtype=np.float32)[index]).clone().realize()
        return lambda table: matmul(one_hot, table)

    return Batch(indices(a), indices(b), gather(a), gather(b))


def all_pairs(p: int, first_b: int, lead: tuple[int, ...] = ()) -> Batch:
    """The batch of all pairs in the order of `tasks.Task`: the gather is a broadcast.

    lead: the leading axis of the batch, if it has one.
    """
    columns = p - first_b

    def gather_a(table: Tensor) -> Tensor:
        return every(table.unsqueeze(-2))

    def gather_b(table: Tensor) -> Tensor:
        return every(table[..., first_b:, :].unsqueeze(-3))

    def every(rows: Tensor) -> Tensor:
        whole = rows.expand(*lead, p, columns, rows.shape[-1])
        return whole.reshape(*lead, p * columns, rows.shape[-1])

    a, b = np.divmod(np.arange(p * columns), columns)
    a, b = (np.broadcast_to(tokens, (*lead, len(a))) for tokens in (a, b + first_b))
    return Batch(indices(a), indices(b), gather_a, gather_b)


def logits(weights: Weights, batch: Batch, n_heads: int, n_layers: int) -> Tensor:
    """The answers' logits (..., batch, p) at the `=` position.

    A leading axis, which all weights and the batch have or have not, is one of replicas.
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
    """The residual stream of the last of `streams` after it attended to all of them."""
    query = streams[-1]
    values = [s.map(lambda rows: matmul(rows, block["W_V"])) for s in streams]
    if len(streams) == 1:  # one key: its attention is 1
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

    Where the query is the same for all examples the scores are tables, as the keys are.
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
    # Each is used in a broadcast: there, tinygrad would compute it again for every column.
    return [(e / total).contiguous() for e in exps]

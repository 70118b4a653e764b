"""The transformer as the paper defines it: from tokens to logits, without shortcuts.

The faster versions (`network`, `cpu_tables`, `host`) are tested against this one, which is not
used for training.
"""

from __future__ import annotations

from collections.abc import Mapping

from tinygrad import Tensor


def logits(
    weights: Mapping[str, Tensor], tokens: Tensor, n_heads: int, n_layers: int
) -> Tensor:
    """The logits (batch, n_answers) at the last position.

    weights: by name, as in `spec.Transformer.shapes`. tokens: (batch, 3) int32, rows `a b =`.
    Source: Nanda et al. 2023, section 3.
    """
    batch, length = tokens.shape
    x = weights["W_E"][tokens] + weights["W_pos"]  # (batch, 3, d_model)
    causal = Tensor.ones(length, length).tril() > 0  # a position sees itself and earlier ones
    for layer in range(n_layers):
        W_Q, W_K, W_V, W_O, W_in, W_out = (
            weights[f"blocks.{layer}.{name}"]
            for name in ("W_Q", "W_K", "W_V", "W_O", "W_in", "W_out")
        )

        def heads(x: Tensor) -> Tensor:  # (batch, n_heads, 3, d_head)
            return x.reshape(batch, length, n_heads, -1).transpose(1, 2)

        q, k, v = heads(x @ W_Q), heads(x @ W_K), heads(x @ W_V)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (batch, n_heads, 3, 3)
        pattern = causal.where(scores, -float("inf")).softmax(-1)
        z = (pattern @ v).transpose(1, 2).reshape(batch, length, -1)  # (batch, 3, d_model)
        x = x + z @ W_O
        x = x + (x @ W_in).relu() @ W_out
    return x[:, -1] @ weights["W_U"]

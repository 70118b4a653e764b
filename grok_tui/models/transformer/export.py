"""A snapshot by TransformerLens's conventions: the names and shapes of `HookedTransformer`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from grok_tui.config.schema import Config
from grok_tui.protocol.events import FloatArray


def state_dict(config: Config, weights: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """The weights as `HookedTransformer.load_state_dict` takes them with `strict=False`.

    weights: by name as `core.shapes.weight_shapes` gives them. A head is an axis of its own:
    W_Q, W_K, W_V (n_heads, d_model, d_head), W_O (n_heads, d_head, d_model). TransformerLens
    always has biases; here they are zero.
    """
    heads, d, d_head = config.n_heads, config.d_model, config.d_head
    state = {
        "embed.W_E": weights["W_E"],
        "pos_embed.W_pos": weights["W_pos"],
        "unembed.W_U": weights["W_U"],
        "unembed.b_U": _zeros(config.modulus),
    }
    for layer in range(config.n_layers):
        block = f"blocks.{layer}"
        for name in ("Q", "K", "V"):
            W = weights[f"{block}.W_{name}"].reshape(d, heads, d_head)
            state[f"{block}.attn.W_{name}"] = W.transpose(1, 0, 2)
            state[f"{block}.attn.b_{name}"] = _zeros(heads, d_head)
        state[f"{block}.attn.W_O"] = weights[f"{block}.W_O"].reshape(heads, d_head, d)
        state[f"{block}.attn.b_O"] = _zeros(d)
        state[f"{block}.mlp.W_in"] = weights[f"{block}.W_in"]
        state[f"{block}.mlp.b_in"] = _zeros(config.d_mlp)
        state[f"{block}.mlp.W_out"] = weights[f"{block}.W_out"]
        state[f"{block}.mlp.b_out"] = _zeros(d)
    return {name: np.ascontiguousarray(array) for name, array in state.items()}


def model_config(config: Config) -> dict[str, Any]:
    """The fields of `HookedTransformerConfig`: tokens 0..p-1 and `=`, answers 0..p-1."""
    return {
        "n_layers": config.n_layers,
        "d_model": config.d_model,
        "n_ctx": 3,
        "d_head": config.d_head,
        "n_heads": config.n_heads,
        "d_mlp": config.d_mlp,
        "d_vocab": config.modulus + 1,
        "d_vocab_out": config.modulus,
        "act_fn": "relu",
        "normalization_type": None,
        "attention_dir": "causal",
        "seed": config.seed,
    }


def _zeros(*shape: int) -> FloatArray:
    return np.zeros(shape, dtype=np.float32)

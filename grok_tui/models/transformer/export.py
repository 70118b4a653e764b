"""The transformer's weights in the conventions of TransformerLens's `HookedTransformer`."""

from __future__ import annotations

from typing import Any

import numpy as np

from grok_tui.models.base import Exported, HostWeights, Model
from grok_tui.protocol.results import FloatArray


def transformerlens(model: Model, weights: HostWeights) -> Exported:
    """The state dict that `load_state_dict` takes with `strict=False`, and the model's config.

    weights: by name, as in `Model.shapes`. The heads get an axis: W_Q, W_K, W_V become
    (n_heads, d_model, d_head), W_O (n_heads, d_head, d_model). TransformerLens always has
    biases; here they are zero. The config has the fields of `HookedTransformerConfig`.
    """
    config = model.config
    heads, d = config.n_heads, config.d_model
    d_head = d // heads
    state: dict[str, Any] = {
        "embed.W_E": weights["W_E"],
        "pos_embed.W_pos": weights["W_pos"],
        "unembed.W_U": weights["W_U"],
        "unembed.b_U": _zeros(model.n_answers),
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
    arrays = {name: np.ascontiguousarray(array) for name, array in state.items()}
    return arrays, _config(model, d_head)


def _config(model: Model, d_head: int) -> dict[str, Any]:
    config = model.config
    return {
        "n_layers": config.n_layers,
        "d_model": config.d_model,
        "n_ctx": 3,
        "d_head": d_head,
        "n_heads": config.n_heads,
        "d_mlp": config.d_mlp,
        "d_vocab": model.n_tokens + 1,
        "d_vocab_out": model.n_answers,
        "act_fn": "relu",
        "normalization_type": None,
        "attention_dir": "causal",
        "seed": config.seed,
    }


def _zeros(*shape: int) -> FloatArray:
    return np.zeros(shape, dtype=np.float32)

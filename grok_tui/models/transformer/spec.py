"""The weights of the transformer by name and shape."""

from __future__ import annotations

from grok_tui.config.schema import Config


def weight_shapes(config: Config) -> dict[str, tuple[int, int]]:
    """Name and shape of every weight; the columns of W_Q, W_K, W_V are (head, d_head)."""
    p, d, m = config.modulus, config.d_model, config.d_mlp
    shapes = {"W_E": (p + 1, d), "W_pos": (3, d)}
    for layer in range(config.n_layers):
        shapes |= {f"blocks.{layer}.{name}": (d, d) for name in ("W_Q", "W_K", "W_V", "W_O")}
        shapes |= {f"blocks.{layer}.W_in": (d, m), f"blocks.{layer}.W_out": (m, d)}
    return shapes | {"W_U": (d, p)}

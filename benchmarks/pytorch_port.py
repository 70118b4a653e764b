"""A plain PyTorch port: what someone who knows PyTorch would write for this model.

All three tokens of every pair pass through every layer. The parameters have the names of
grok-tui's weights, so that both can start from the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from grok_tui.config.schema import Config
from grok_tui.protocol.results import FloatArray
from grok_tui.tasks.registry import make_task
from grok_tui.training.schedule import learning_rate

# Updates on a side stream before capturing a CUDA graph, as PyTorch's manual requires.
WARM_UP = 3


class Block(nn.Module):
    """One layer: (batch, 3, d_model) -> (batch, 3, d_model)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        d, m = config.d_model, config.d_mlp
        self.n_heads = config.n_heads
        self.W_Q, self.W_K = nn.Parameter(torch.empty(d, d)), nn.Parameter(torch.empty(d, d))
        self.W_V, self.W_O = nn.Parameter(torch.empty(d, d)), nn.Parameter(torch.empty(d, d))
        self.W_in, self.W_out = nn.Parameter(torch.empty(d, m)), nn.Parameter(torch.empty(m, d))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self._heads(x @ w) for w in (self.W_Q, self.W_K, self.W_V))
        z = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + z.transpose(1, 2).flatten(2) @ self.W_O
        return x + functional.relu(x @ self.W_in) @ self.W_out

    def _heads(self, x: Tensor) -> Tensor:
        """(batch, 3, d_model) -> (batch, n_heads, 3, d_head)."""
        batch, positions, _ = x.shape
        return x.view(batch, positions, self.n_heads, -1).transpose(1, 2)


class Transformer(nn.Module):
    """Maps tokens `a b =`, (batch, 3), to logits of the answer, (batch, p)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        p, d = config.modulus, config.d_model
        self.W_E = nn.Parameter(torch.empty(p + 1, d))
        self.W_pos = nn.Parameter(torch.empty(3, d))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.W_U = nn.Parameter(torch.empty(d, p))

    def forward(self, tokens: Tensor) -> Tensor:
        x = functional.embedding(tokens, self.W_E) + self.W_pos
        for block in self.blocks:
            x = block(x)
        return (x @ self.W_U)[:, -1]


class Port:
    """The model in training, in eager mode.

    kind: PyTorch's kind of device. The config's decay must be decoupled, as in AdamW.
    """

    def __init__(self, config: Config, weights: Mapping[str, FloatArray], kind: str) -> None:
        self._config, self._kind, self._step = config, kind, 0
        self._weights = {name: torch.from_numpy(w.copy()) for name, w in weights.items()}
        self._model = Transformer(config).to(kind)
        self._model.load_state_dict(self._weights)
        task = make_task(config)
        tokens = np.stack([task.a, task.b, np.full(len(task.a), config.modulus)], axis=1)
        self._tokens, self._answer = self._placed(tokens), self._placed(task.answer)
        train, test = task.train_mask, ~task.train_mask
        self._train_tokens = self._placed(tokens[train])
        self._train_answer = self._placed(task.answer[train])
        self._test_tokens = self._placed(tokens[test])
        self._test_answer = self._placed(task.answer[test])
        self._optimizer = self._adamw(config.lr)

    def train(self, steps: int) -> FloatArray:
        """Train some steps; returns the loss before each update, (steps,), in nats."""
        losses = []
        for _ in range(steps):
            self._step += 1
            self._set_lr(learning_rate(self._config, self._step))
            losses.append(self._update())
        return _host(torch.stack(losses))

    def evaluate(self) -> tuple[FloatArray, NDArray[np.int64]]:
        """Loss in nats and most likely answer of every pair, (n_pairs,) each."""
        return self._evaluated(self._tokens, self._answer)

    def evaluate_test(self) -> tuple[FloatArray, NDArray[np.int64]]:
        """The same for the test pairs only."""
        return self._evaluated(self._test_tokens, self._test_answer)

    def _update(self) -> Tensor:
        self._optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(self._model(self._train_tokens), self._train_answer)
        torch.autograd.backward(loss)
        self._optimizer.step()
        return loss.detach()

    def _set_lr(self, lr: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = lr

    def _adamw(self, lr: float | Tensor, *, capturable: bool = False) -> torch.optim.AdamW:
        config = self._config
        return torch.optim.AdamW(
            self._model.parameters(),
            lr=lr,
            betas=(config.beta1, config.beta2),
            eps=config.eps,
            weight_decay=config.weight_decay,
            fused=self._kind in {"cpu", "cuda"},
            capturable=capturable,
        )

    def _evaluated(
        self, tokens: Tensor, answer: Tensor
    ) -> tuple[FloatArray, NDArray[np.int64]]:
        with torch.no_grad():
            logits = self._model(tokens)
            pair_loss = functional.cross_entropy(logits, answer, reduction="none")
            return _host(pair_loss), _host(logits.argmax(-1))

    def _placed(self, values: NDArray[np.int64]) -> Tensor:
        return torch.from_numpy(values).to(self._kind)


class GraphedPort(Port):
    """The port on CUDA, with the whole update captured in one CUDA graph."""

    def __init__(self, config: Config, weights: Mapping[str, FloatArray]) -> None:
        super().__init__(config, weights, "cuda")
        self._lr = torch.tensor(config.lr, device="cuda")
        self._optimizer = self._adamw(self._lr, capturable=True)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                super()._update()
        torch.cuda.current_stream().wait_stream(side)
        self._optimizer.zero_grad(set_to_none=True)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss = super()._update()
        self._start_over()

    def _update(self) -> Tensor:
        self._graph.replay()
        return self._loss.clone()

    def _set_lr(self, lr: float) -> None:
        self._lr.fill_(lr)

    def _start_over(self) -> None:
        """Undo the warm-up updates in place, since the graph uses these buffers."""
        self._model.load_state_dict(self._weights)
        for state in self._optimizer.state.values():
            for tensor in state.values():
                tensor.zero_()


def _host(tensor: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = tensor.cpu().numpy()
    return array

"""The network: a Llama-shaped decoder (SmolLM2-135M) whose rows all see each other.

Row i-1 predicts position i, as in the autoregressive parent ("Scaling Diffusion Language Models via Adaptation from
Autoregressive Models", section 3: the shift is kept), so that adaptation starts from what the parent knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

END = 0  # end of text; in a hole: "this position is one too many" (DreamOn's delete)
MASK = 49152  # a position that is to be filled
EXPAND = 49153  # "here two tokens or more are missing" (DreamOn): one mask becomes two
SPECIAL = (END, MASK, EXPAND)  # rows of the embedding that are trained even where the others are frozen


@dataclass(frozen=True)
class Shape:
    """Sizes of SmolLM2-135M; 64 rows behind the parent's 49,152 are for new tokens."""

    vocab: int = 49216
    hidden: int = 576
    layers: int = 30
    heads: int = 9
    kv_heads: int = 3
    feed_forward: int = 1536
    context: int = 2048
    norm_eps: float = 1e-5
    rope_theta: float = 100_000.0

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads


class LowRank(torch.autograd.Function):
    """`x @ (weight + up @ down).T` where only `down` and `up` learn: the sum is made once for a whole pass, so that forward
    and back cost what the matrix alone does, and its own gradient, the third of that work, is never made."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, down: Tensor, up: Tensor) -> Tensor:
        device = x.device.type
        computed_in = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
        with torch.autocast(device, enabled=False):
            rows, merged = x.flatten(0, -2).to(computed_in), torch.addmm(weight, up, down).to(computed_in)
            ctx.save_for_backward(rows, merged, down, up)
            return (rows @ merged.T).view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, change: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:
        rows, merged, down, up = ctx.saved_tensors
        flat = change.flatten(0, -2)
        for_up = flat.T @ (rows @ down.to(rows.dtype).T)
        for_down = (flat @ up.to(flat.dtype)).T @ rows
        return (flat @ merged).view(*change.shape[:-1], -1), None, for_down, for_up


class Linear(nn.Linear):
    """A product without bias and, where asked for, a low-rank change of it (LoRA, 2106.09685)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, bias=False)
        self.down: nn.Parameter | None = None
        self.up: nn.Parameter | None = None

    def adapt(self, rank: int) -> None:
        """Learns `up @ down` of this rank beside the matrix, which begins as nothing."""
        self.down = nn.Parameter(torch.randn(rank, self.in_features) / self.in_features**0.5)
        self.up = nn.Parameter(torch.zeros(self.out_features, rank))

    def merged(self) -> Tensor:
        """The matrix with the change added."""
        return self.weight if self.up is None else self.weight + self.up @ self.down

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight) if self.up is None else LowRank.apply(x, self.weight, self.down, self.up)


def together(x: Tensor, *matrices: Linear) -> tuple[Tensor, ...]:
    """The products of one input with several matrices, as one product: larger ones keep a GPU busier."""
    if any(matrix.up is not None for matrix in matrices):
        return tuple(matrix(x) for matrix in matrices)
    rows = [matrix.out_features for matrix in matrices]
    return F.linear(x, torch.cat([matrix.weight for matrix in matrices])).split(rows, -1)


class Layer(nn.Module):
    """Attention, then a gated feed-forward; RMSNorm before each."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        kv = shape.kv_heads * shape.head_dim
        self.attn_norm = nn.RMSNorm(shape.hidden, shape.norm_eps)
        self.attn_q = Linear(shape.hidden, shape.hidden)
        self.attn_k = Linear(shape.hidden, kv)
        self.attn_v = Linear(shape.hidden, kv)
        self.attn_output = Linear(shape.hidden, shape.hidden)
        self.ffn_norm = nn.RMSNorm(shape.hidden, shape.norm_eps)
        self.ffn_gate = Linear(shape.hidden, shape.feed_forward)
        self.ffn_up = Linear(shape.hidden, shape.feed_forward)
        self.ffn_down = Linear(shape.feed_forward, shape.hidden)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        batch, length, _ = x.shape
        n = self.attn_norm(x)

        def split(y: Tensor, heads: int) -> Tensor:
            return y.view(batch, length, heads, -1).transpose(1, 2)

        q, k, v = together(n, self.attn_q, self.attn_k, self.attn_v)
        q = rotate(split(q, self.shape.heads), cos, sin)
        k = rotate(split(k, self.shape.kv_heads), cos, sin)
        v = split(v, self.shape.kv_heads)
        group = self.shape.heads // self.shape.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        seen = F.scaled_dot_product_attention(q, k, v)  # no mask: every row sees every other
        x = x + self.attn_output(seen.transpose(1, 2).reshape(batch, length, -1))
        n = self.ffn_norm(x)
        gate, up = together(n, self.ffn_gate, self.ffn_up)
        return x + self.ffn_down(F.silu(gate) * up)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions on the pairs (i, i + half), as Hugging Face's files have them."""
    a, b = x.float().chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).to(x.dtype)


class Network(nn.Module):
    """Ids in; logits of the rows that are asked for out."""

    def __init__(self, shape: Shape = Shape()) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Parameter(torch.zeros(shape.vocab, shape.hidden))
        self.special = nn.Parameter(torch.zeros(len(SPECIAL), shape.hidden))
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.output_norm = nn.RMSNorm(shape.hidden, shape.norm_eps)
        frequencies = shape.rope_theta ** (-torch.arange(0, shape.head_dim, 2).double() / shape.head_dim)
        angles = torch.outer(torch.arange(shape.context).double(), frequencies)
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    def table(self) -> Tensor:
        """The embedding with the special tokens' own rows in it."""
        index = torch.tensor(SPECIAL, device=self.embedding.device)
        return self.embedding.index_copy(0, index, self.special.to(self.embedding.dtype))

    def body(self, ids: Tensor) -> Tensor:
        """The last layer's rows (batch, length, hidden), normalised."""
        x = F.embedding(ids, self.embedding).float()  # what layers add up is kept in full precision
        for row, token in enumerate(SPECIAL):
            x = torch.where((ids == token)[..., None], self.special[row].to(x.dtype), x)
        length = ids.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.output_norm(x)

    def head(self, rows: Tensor) -> Tensor:
        """Logits over the whole vocabulary; the head is the embedding."""
        return F.linear(rows, self.table().to(rows.dtype))

    def forward(self, ids: Tensor, places: Tensor) -> Tensor:
        """Logits that predict the flat positions `places` of `ids` (batch, length); none of them may be a first one."""
        return self.head(self.body(ids).flatten(0, 1)[places - 1])


def adapt(network: Network, rank: int) -> None:
    """Freezes all but the special tokens' rows, and puts a low-rank change of this rank beside every matrix."""
    network.requires_grad_(False)
    network.special.requires_grad_(True)
    for module in network.modules():
        if isinstance(module, Linear):
            module.adapt(rank)

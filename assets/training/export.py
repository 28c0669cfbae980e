"""A training run becomes a model that Lacuna loads: a folder with a GGUF file, config.json, tokenizer.json, golden.json.

    python export.py --run run --data data --out model && lacuna models check model
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

import weights
from holes import Recipe
from model import END, EXPAND, MASK, Linear, Network, adapt
from quantise import quantised
from train import Passes

HERE = Path(__file__).parent
# That EXPAND number i of k says END with P(n <= i) and EXPAND with P(n >= 2k-i): Lacuna then asks for lengths in one pass.
TELLS_LENGTHS = "diffusion.tells_lengths"
GOLDEN = (
    ("The capital of France is", 1, ", and its river is the Seine."),
    ("She opened the door and", 4, " ran out into the garden."),
    ("def mean(xs):\n    total = 0\n    for x in xs:\n", 6, "\n    return total / len(xs)\n"),
    ("It was a bright cold day in April, and the clocks were", 8, " Winston Smith"),
)


def learnt(path: Path) -> dict[str, Tensor]:
    """What a run's checkpoint, or an adapter, holds of the network."""
    state = torch.load(path / "checkpoint.pt" if path.is_dir() else path, map_location="cpu", weights_only=True)
    return state.get("network", state)


def trained(start: Path, run: Path | None) -> Network:
    """A network in float32 with what a run learnt; an adapter is merged into it."""
    network = weights.load(start)
    if run is not None and run.suffix == ".change":
        for name, change in weights.read_change(run).items():
            network.get_parameter(name).data += change
    elif run is not None:
        state = learnt(run)
        downs = [tensor for name, tensor in state.items() if name.endswith(".down")]
        if downs:
            adapt(network, len(downs[0]))
        weights.put(network, state)
    for module in network.modules():
        if isinstance(module, Linear):
            module.weight.data = module.merged().detach()
            module.down = module.up = None
    return network.requires_grad_(False).eval()


def write_gguf(path: Path, template: Path, name: str, tensors: dict[str, np.ndarray], tells_lengths: bool) -> None:
    """The metadata of an earlier file of the same model, with the expand token named, and these tensors."""
    reader = gguf.GGUFReader(weights.find_gguf(template))
    writer = gguf.GGUFWriter(path, reader.fields["general.architecture"].contents())
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in ("general.architecture", TELLS_LENGTHS):
            continue
        value = field.contents()
        match field.name:
            case "general.name":
                value = name
            case "tokenizer.ggml.tokens":
                value[EXPAND] = weights.EXPAND_NAME
            case "tokenizer.ggml.token_type":
                value[EXPAND] = int(gguf.TokenType.CONTROL)
        writer.add_key_value(field.name, value, field.types[0], field.types[1] if len(field.types) > 1 else None)
    writer.add_bool(TELLS_LENGTHS, tells_lengths)
    for tensor, array in tensors.items():
        writer.add_tensor(tensor, array, raw_dtype=weights.PACKED if array.dtype == np.uint8 else None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_tokenizer(template: Path, path: Path) -> None:
    """The parent's tokenizer with the expand token among the special ones."""
    said = json.loads(template.read_text())
    tokens = [token for token in said["added_tokens"] if token["id"] != EXPAND]
    said["added_tokens"] = tokens + [{**tokens[-1], "id": EXPAND, "content": weights.EXPAND_NAME}]
    path.write_text(json.dumps(said, ensure_ascii=False))


def write_config(template: Path, path: Path, tells_lengths: bool) -> None:
    """The parent's configuration with the tokens that change a hole's length."""
    said = json.loads(template.read_text())
    said |= {"mask_token_id": MASK, "expand_token_id": EXPAND, "delete_token_id": END}
    said["diffusion"]["tells_lengths"] = tells_lengths
    path.write_text(json.dumps(said, indent=1) + "\n")


@torch.no_grad()
def golden(network: Network, tokenizer: Tokenizer) -> dict:
    """Rows of a few prompts, for a test of whatever else reads the file."""
    cases = []
    for prefix, masks, suffix in GOLDEN:
        before, after = (tokenizer.encode(text, add_special_tokens=False).ids for text in (prefix, suffix))
        ids = before + [MASK] * masks + after
        logits = network.head(network.body(torch.tensor([ids])))[0]
        rows = []
        for position in range(len(before), len(before) + masks):
            values, top = logits[position - 1].topk(8)
            rows.append({"position": position, "row": position - 1, "top_ids": top.tolist()})
            rows[-1]["top_logits"] = [round(value, 4) for value in values.tolist()]
            rows[-1]["top_text"] = [tokenizer.decode([id], skip_special_tokens=False) for id in top.tolist()]
        cases.append({"prefix": prefix, "masks": masks, "suffix": suffix, "ids": ids, "rows": rows})
    note = "raw rows (row p-1 predicts position p) of the dequantised GGUF in float32; top 8 of the full vocabulary"
    return {"note": note, "cases": cases}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="folder of train.py with checkpoint.pt, an adapter, or what --change wrote")
    parser.add_argument("--start", type=Path, default=HERE.parent / "lacuna-135m", help="what the run began from")
    parser.add_argument("--template", type=Path, default=HERE.parent / "lacuna-135m", help="folder whose metadata, tokenizer and configuration are taken over")
    parser.add_argument("--data", type=Path, required=True, help="folder of prepare.py, for canvases to round the weights by")
    parser.add_argument("--canvases", type=int, default=64, help="how many of them")
    parser.add_argument("--name", default="lacuna 135m")
    parser.add_argument("--tells-lengths", action="store_true", help="say in the files that lengths are to be asked for in one pass: where that measures better than searching")
    parser.add_argument("--adapter", type=Path, help="write what the run learnt to this file, in float16, to go on from another time")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    options = parser.parse_args()

    options.out.mkdir(parents=True, exist_ok=True)
    if options.adapter:
        torch.save({name: tensor.half() for name, tensor in learnt(options.run).items()}, options.adapter)
    network = trained(options.start, options.run)
    data = Passes(options.data, options.template / "tokenizer.json", [256], 256 * options.canvases, Recipe(), seed=2)
    ids = torch.tensor(data[0][0])
    file = options.out / "lacuna-135m-q5_0.gguf"
    write_gguf(file, options.template, options.name, quantised(network, ids), options.tells_lengths)
    write_tokenizer(options.template / "tokenizer.json", options.out / "tokenizer.json")
    write_config(options.template / "config.json", options.out / "config.json", options.tells_lengths)
    tokenizer = Tokenizer.from_file(str(options.out / "tokenizer.json"))
    (options.out / "golden.json").write_text(json.dumps(golden(weights.load(file).eval(), tokenizer), indent=1, ensure_ascii=False))
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

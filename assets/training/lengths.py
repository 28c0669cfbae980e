"""How well models tell the length of a hole, on held-out text, beside saying the same length always.

    python lengths.py --heldout CORPUS/heldout model

Each is asked as Lacuna asks (`src/engine/job/told.rs`): 8 positions, and 32 where more than a quarter of the belief lies
beyond; what counts is the median. Everything else that is to be known of a model `lacuna eval` measures.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer

from export import trained
from holes import ASKED, Words, spans
from model import END, EXPAND, MASK, Network
from prepare import domain_of, texts_of
from train import halves

HERE = Path(__file__).parent
LENGTH, CONTEXT, LEAST = 256, 96, 56  # tokens of a window; of the text kept on either side of a hole: at most, at least
BEYOND = 0.25


class Hole(NamedTuple):
    """Text before, how many tokens are missing, text after."""

    before: list[int]
    count: int
    after: list[int]


def holes(texts: list[str], tokenizer: Tokenizer, words: Words, count: int) -> Iterator[Hole]:
    """Holes as people leave them, one a text. Where one begins says what kind it may be: others than these cannot be told."""
    rng = np.random.default_rng(5)
    for at in rng.permutation(len(texts)):
        ids = np.array(tokenizer.encode(texts[at][:20_000], add_special_tokens=False).ids)
        if len(ids) < LENGTH:
            continue
        first = rng.integers(0, len(ids) - LENGTH + 1)
        window = ids[first : first + LENGTH]
        inner = [(start, end) for start, end in spans(window, words, rng) if LEAST <= start and end <= LENGTH - LEAST]
        if inner:
            start, end = inner[rng.integers(len(inner))]
            yield Hole(window[max(start - CONTEXT, 0) : start].tolist(), end - start, window[end : end + CONTEXT].tolist())
            count -= 1
        if count == 0:
            return


@torch.no_grad()
def at_most(network: Network, hole: Hole, positions: int) -> np.ndarray:
    """The belief that a hole has at most 0, 1, ... tokens, made to rise as in `Told` (`src/diffusion/length/told.rs`)."""
    places = torch.arange(len(hole.before), len(hole.before) + positions)
    ids = torch.tensor([hole.before + [EXPAND] * positions + hole.after])
    with torch.autocast("cpu", torch.bfloat16, enabled=halves(torch.device("cpu"))):
        logits = network(ids, places).float()
    logits[:, 1:17] = logits[:, MASK] = -math.inf
    logits[:, EXPAND + 1 :] = -math.inf
    said = logits.softmax(-1).numpy()
    belief = np.concatenate([said[:, END], 1 - said[::-1, EXPAND]])
    return (np.maximum.accumulate(belief) + np.minimum.accumulate(belief[::-1])[::-1]) / 2


def told(network: Network, hole: Hole) -> int:
    belief = at_most(network, hole, ASKED[0])
    if 1 - belief[-1] > BEYOND:
        belief = at_most(network, hole, ASKED[1])
    return max(int(np.searchsorted(belief, 0.5)), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", help="GGUF files or their folders; or adapters (.pt), as export.py and train.py write them")
    parser.add_argument("--start", type=Path, default=HERE.parent / "lacuna-135m", help="what an adapter changes")
    parser.add_argument("--heldout", type=Path, required=True)
    parser.add_argument("--holes", type=int, default=40, help="a kind of text")
    parser.add_argument("--tokenizer", type=Path, default=HERE.parent / "lacuna-135m/tokenizer.json")
    options = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(options.tokenizer))
    words, texts = Words(tokenizer), {}
    for path in sorted(options.heldout.glob("*.txt.zst")):
        texts.setdefault(domain_of(path.name) or "code", []).extend(texts_of(path))
    cut = {domain: list(holes(documents, tokenizer, words, options.holes)) for domain, documents in texts.items()}
    networks = {path.name: trained(path, None) if path.suffix != ".pt" else trained(options.start, path) for path in options.models}
    told_by = {name: [told(network, hole) for of in cut.values() for hole in of] for name, network in networks.items()}
    true = np.log([hole.count for of in cut.values() for hole in of])
    always = np.exp(np.median(true)).round()
    for name, lengths in {f"{always:.0f} always": np.full(len(true), always), **told_by}.items():
        answer = np.log(lengths)
        along = np.corrcoef(answer, true)[0, 1] if answer.std() else 0.0
        right = (answer == true).mean()
        print(f"{name}: off by {np.exp(np.abs(answer - true).mean()):.2f}x, right {right:.1%}, correlation {along:.2f} ({len(true)} holes)")
        at = 0
        for domain, of in cut.items():
            off = np.abs(answer - true)[at : at + len(of)].mean()
            print(f"    {domain}: off by {np.exp(off):.2f}x ({len(of)} holes)")
            at += len(of)


if __name__ == "__main__":
    main()

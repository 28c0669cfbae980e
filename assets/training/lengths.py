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

import numpy as np
import torch
from tokenizers import Tokenizer

import weights
from holes import ASKED, Words
from model import END, EXPAND, MASK, Network
from prepare import domain_of, texts_of

HERE = Path(__file__).parent
LENGTH, CONTEXT = 256, 96  # tokens of a window, and of the text kept on either side of a hole
LONGEST = 24
BEYOND = 0.25


def holes(texts: list[str], tokenizer: Tokenizer, words: Words, count: int) -> Iterator[tuple[list[int], int, list[int]]]:
    """Text before, how many tokens are missing (1 to 24, uniform in the logarithm; whole words), text after."""
    rng = np.random.default_rng(3)
    for text in texts:
        ids = np.array(tokenizer.encode(text[:20_000], add_special_tokens=False).ids)
        if len(ids) < LENGTH:
            continue
        at = rng.integers(0, len(ids) - LENGTH + 1)
        window = ids[at : at + LENGTH]
        edges = words.edges(window)
        starts = edges[(edges >= CONTEXT) & (edges < LENGTH - CONTEXT)]
        start = rng.choice(starts if len(starts) else [LENGTH // 2])
        ends = edges[edges > start]
        end = min(int(ends[min(np.searchsorted(ends, start + LONGEST ** rng.random()), len(ends) - 1)]), start + LONGEST)
        yield window[start - CONTEXT : start].tolist(), end - start, window[end : end + CONTEXT].tolist()
        count -= 1
        if count == 0:
            return


@torch.no_grad()
def at_most(network: Network, before: list[int], after: list[int], positions: int) -> np.ndarray:
    """The belief that a hole has at most 0, 1, ... tokens, made to rise as in `Told` (`src/diffusion/length/told.rs`)."""
    places = torch.arange(len(before), len(before) + positions)
    logits = network(torch.tensor([before + [EXPAND] * positions + after]), places).float()
    logits[:, 1:17] = logits[:, MASK] = -math.inf
    logits[:, EXPAND + 1 :] = -math.inf
    said = logits.softmax(-1).numpy()
    belief = np.concatenate([said[:, END], 1 - said[::-1, EXPAND]])
    return (np.maximum.accumulate(belief) + np.minimum.accumulate(belief[::-1])[::-1]) / 2


def told(network: Network, before: list[int], after: list[int]) -> int:
    belief = at_most(network, before, after, ASKED[0])
    if 1 - belief[-1] > BEYOND:
        belief = at_most(network, before, after, ASKED[1])
    return max(int(np.searchsorted(belief, 0.5)), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", help="GGUF files or their folders")
    parser.add_argument("--heldout", type=Path, required=True)
    parser.add_argument("--holes", type=int, default=40, help="a kind of text")
    parser.add_argument("--tokenizer", type=Path, default=HERE.parent / "lacuna-135m/tokenizer.json")
    options = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(options.tokenizer))
    words, texts = Words(tokenizer), {}
    for path in sorted(options.heldout.glob("*.txt.zst")):
        texts.setdefault(domain_of(path.name) or "code", []).extend(texts_of(path))
    cut = [hole for documents in texts.values() for hole in holes(documents, tokenizer, words, options.holes)]
    true = np.log([count for _, count, _ in cut])
    answers = {"the same always": np.full(len(cut), np.exp(true.mean()).round())}
    for path in options.models:
        network = weights.load(path).eval()
        answers[path.name] = np.array([told(network, before, after) for before, _, after in cut])
    for name, lengths in answers.items():
        off = np.log(lengths) - true
        print(f"{name}: off by {np.exp(np.abs(off).mean()):.2f}x, right {(off == 0).mean():.1%} ({len(cut)} holes)")


if __name__ == "__main__":
    main()

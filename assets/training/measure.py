"""Measures models beside each other on held-out text, in PyTorch, before anything is exported or after.

    python measure.py --heldout CORPUS/heldout ../lacuna-135m model

*likelihood*: nats a masked token, all predicted at once, with 15 % or 50 % masked, or one span of 16; controls banned.
*lengths*: holes of 1 to 24 tokens, filled from 4, 8 and 16 masks (DreamOn's decoding, greedy): the mean of
|ln(filled / true)|, and how many are exactly right. A model without control tokens keeps the length it began with.
*stories*: the third and fourth of five sentences, ROUGE-1/2/L, from the true length and from 16 masks.
"""

from __future__ import annotations

import argparse
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
import torch
from tokenizers import Tokenizer

import weights
from holes import NOTHING, Words
from model import END, EXPAND, MASK, Network
from prepare import domain_of, texts_of

HERE = Path(__file__).parent
LENGTH, CONTEXT = 256, 96  # tokens of a window, and of the text kept on either side of a hole
ROOM = 64  # masks that a hole may have begun with and grown by
PATTERNS = ("15 %", "50 %", "span of 16")
CODE = {"code-python": "python", "code-rust": "rust"}


class Model:
    """A network and whether it was taught lengths."""

    def __init__(self, path: Path) -> None:
        self.name, self.network = path.name, weights.load(path).eval()
        fields = gguf.GGUFReader(weights.find_gguf(path)).fields
        self.is_elastic = fields["tokenizer.ggml.tokens"].contents(slice(EXPAND, EXPAND + 1)) == [weights.EXPAND_NAME]


def held_out(folder: Path) -> dict[str, list[str]]:
    """Texts by domain, in a fixed shuffled order."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.txt.zst")):
        domain = next((name for mark, name in CODE.items() if path.name.startswith(mark)), None) or domain_of(path.name)
        found.setdefault(domain, []).extend(texts_of(path))
    for texts in found.values():
        np.random.default_rng(0).shuffle(texts)
    return found


def ban(logits: torch.Tensor, elastic: bool) -> torch.Tensor:
    """Special tokens, rows without a token, and the control tokens where they are not to be used."""
    logits[:, 1:17] = logits[:, MASK] = -math.inf
    logits[:, EXPAND + 1 :] = -math.inf
    if not elastic:
        logits[:, END] = logits[:, EXPAND] = -math.inf
    return logits


def windows(texts: list[str], tokenizer: Tokenizer, count: int) -> list[np.ndarray]:
    """One window of `LENGTH` tokens from each of so many texts that are long enough."""
    found, rng = [], np.random.default_rng(1)
    for text in texts:
        ids = np.array(tokenizer.encode(text[:20_000], add_special_tokens=False).ids)
        if len(ids) >= LENGTH and len(found) < count:
            at = rng.integers(0, len(ids) - LENGTH + 1)
            found.append(ids[at : at + LENGTH])
    return found


def masked(pattern: str, rng: np.random.Generator) -> np.ndarray:
    chosen = np.zeros(LENGTH, bool)
    if pattern == "span of 16":
        at = rng.integers(LENGTH // 4, LENGTH - LENGTH // 4 - 16)
        chosen[at : at + 16] = True
    else:
        chosen[1:] = rng.random(LENGTH - 1) < int(pattern[:2]) / 100
    return chosen


@torch.no_grad()
def likelihood(network: Network, texts: list[np.ndarray], pattern: str) -> np.ndarray:
    """The sum of nats and the count of masked tokens of each window."""
    rng, rows = np.random.default_rng(2), []
    for text in texts:
        chosen = masked(pattern, rng)
        places = torch.tensor(np.flatnonzero(chosen))
        ids = torch.tensor(np.where(chosen, MASK, text))[None]
        logits = ban(network(ids, places).float(), False)
        nats = torch.nn.functional.cross_entropy(logits, torch.tensor(text)[places], reduction="sum")
        rows.append((nats.item(), len(places)))
    return np.array(rows)


@torch.no_grad()
def fill(model: Model, before: list[int], after: list[int], masks: int) -> list[int]:
    """The most certain token first, one a pass, greedy; the control tokens are obeyed while there is room."""
    ids, room = before + [MASK] * masks + after, ROOM - masks
    while MASK in ids:
        places = [place for place, id in enumerate(ids) if id == MASK]
        logits = ban(model.network(torch.tensor([ids]), torch.tensor(places)).float(), model.is_elastic)
        if room <= 0:
            logits[:, EXPAND] = -math.inf
        sure, tokens = logits.softmax(-1).max(-1)
        best = int(sure.argmax())
        place, token = places[best], int(tokens[best])
        ids[place : place + 1] = {END: [], EXPAND: [MASK, MASK]}.get(token, [token])
        room -= token == EXPAND  # and is not given back, or two masks could make and unmake each other for ever
    return ids[len(before) : len(ids) - len(after)]


def holes(texts: list[str], tokenizer: Tokenizer, count: int) -> Iterator[tuple[list[int], list[int], list[int]]]:
    """Text before, the hole's tokens (1 to 24, uniform in the logarithm; whole words), text after."""
    words, rng = Words(tokenizer), np.random.default_rng(3)
    for text in windows(texts, tokenizer, count):
        edges = words.edges(text)
        starts = edges[(edges >= CONTEXT) & (edges < LENGTH - CONTEXT)]
        start = rng.choice(starts if len(starts) else [LENGTH // 2])
        ends = edges[edges > start]
        wanted = start + 24 ** rng.random()
        end = ends[min(np.searchsorted(ends, wanted), len(ends) - 1)]
        end = min(int(end), start + 24)
        yield text[start - CONTEXT : start].tolist(), text[start:end].tolist(), text[end : end + CONTEXT].tolist()


def stories(texts: list[str], count: int) -> Iterator[tuple[str, str, str]]:
    """Two sentences, the two that are taken out, and the last."""
    for text in texts:
        for paragraph in text.split("\n"):
            said = re.findall(r"[^.!?]+[.!?]+[\"'”’)]*\s*", paragraph)
            if len(said) >= 5 and all(5 <= len(sentence.split()) <= 25 for sentence in said[:5]):
                yield "".join(said[:2]).rstrip(), " " + "".join(said[2:4]).strip(), " " + said[4]
                count -= 1
                break
        if count == 0:
            return


def rouge(found: str, true: str) -> tuple[float, float, float]:
    """F1 of words, of pairs of words, and of the longest common subsequence."""
    a, b = (re.findall(r"[a-z0-9]+", text.lower()) for text in (found, true))

    def f1(common: int, n: int, m: int) -> float:
        return 2 * common / (n + m) if n + m else 0.0

    def grams(words: list[str], size: int) -> Counter:
        return Counter(zip(*(words[start:] for start in range(size))))

    longest = [0] * (len(b) + 1)
    for word in a:
        above = longest[:]
        for at, other in enumerate(b):
            longest[at + 1] = above[at] + 1 if word == other else max(above[at + 1], longest[at])
    shares = [f1((grams(a, n) & grams(b, n)).total(), max(len(a) - n + 1, 0), max(len(b) - n + 1, 0)) for n in (1, 2)]
    return (*shares, f1(longest[-1], len(a), len(b)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", help="GGUF files or their folders; the first is what others are compared with")
    parser.add_argument("--heldout", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=16, help="for the likelihood, a domain")
    parser.add_argument("--holes", type=int, default=12, help="for the lengths, a domain")
    parser.add_argument("--stories", type=int, default=40)
    parser.add_argument("--tokenizer", type=Path, default=HERE.parent / "lacuna-135m/tokenizer.json")
    options = parser.parse_args()
    models, texts = [Model(path) for path in options.models], held_out(options.heldout)
    tokenizer = Tokenizer.from_file(str(options.tokenizer))

    print("likelihood, nats a masked token; in brackets the change from the first model and its standard error")
    for domain, documents in texts.items():
        chosen = windows(documents, tokenizer, options.windows)
        for pattern in PATTERNS:
            rows = [likelihood(model.network, chosen, pattern) for model in models]
            line = f"  {domain:12} {pattern:10}"
            for row in rows:
                change = row[:, 0] - rows[0][:, 0]
                error = change.std() * len(change) ** 0.5 / row[:, 1].sum()
                line += f"  {row[:, 0].sum() / row[:, 1].sum():.3f} ({change.sum() / row[:, 1].sum():+.3f} ± {error:.3f})"
            print(line, flush=True)

    print("lengths, mean |ln(filled / true)| and share of holes filled word for word")
    cut = [hole for documents in texts.values() for hole in holes(documents, tokenizer, options.holes)]
    for masks in (4, 8, 16):
        for model in models:
            filled = [fill(model, before, after, masks) for before, _, after in cut]
            away = np.mean([abs(math.log(max(len(new), 0.5) / len(old))) for new, (_, old, _) in zip(filled, cut)])
            right = np.mean([new == old for new, (_, old, _) in zip(filled, cut)])
            print(f"  from {masks:2} masks  {model.name:20} {away:.3f}  {right:.1%}  ({len(cut)} holes)", flush=True)

    print("stories, ROUGE-1/2/L")
    told = list(stories(texts["literature"], options.stories))
    for known in (True, False):
        for model in models:
            scores = []
            for before, middle, after in told:
                ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in (before, middle, after)]
                found = fill(model, ids[0], ids[2], len(ids[1]) if known else 16)
                scores.append(rouge(tokenizer.decode(found), middle))
            mean = " / ".join(f"{100 * score:.1f}" for score in np.mean(scores, 0))
            length = "true length" if known else "from 16 masks"
            print(f"  {length:14} {model.name:20} {mean}  ({len(told)} stories)", flush=True)


if __name__ == "__main__":
    main()

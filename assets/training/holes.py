"""Text in, a canvas with holes and what belongs in them out: the whole of what the model is taught.

A hole is a span as people leave one: words, a phrase, lines, a sentence, the rest of a line. Several lie in one text, and
often a part of a hole is written already, as in the middle of a run. Where a hole's length is *known* it has one mask a
token. Where it is *unknown* n tokens are shown as k times EXPAND, a token that says "some text, of any length", and the
labels say how the two come together (DreamOn's data transform, 2602.01326, made deterministic so that nothing is left to
chance, and with a token of its own, so that a mask always stands for exactly one token):

    k > n   a token each on n, then END on the k-n at the end          "here is nothing"
    k < n   a token each on 2k-n, then EXPAND on those at the end      "here are two or more"    (n < 2k)
            EXPAND on all                                                                        (n >= 2k)

Which token is not asked there: the masks that take their place are asked, and what is learnt of lengths would drown in it.

So position i of k (from 0) says END with the probability of n <= i and EXPAND with that of n >= 2k-i: one pass over them
tells the distribution of the length from 0 to 2k-1.

A share of the visible tokens is wrong and to be put right (GIDD, 2503.04482), so that text can be refined.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from model import END, EXPAND, MASK

NOTHING = -1  # label of a position that is not asked about
SOME = -2  # label of one that stands for one token, whichever: where lengths are asked for, only that is learnt
LONGEST = 64  # tokens of a hole
# How many positions a hole of unknown length has, and how often: as many as Lacuna asks with, whatever the hole holds (at
# first 8, then 32: `src/engine/job/told.rs`). Were their number a hint, the answer would be about the number.
ASKED, OFTEN = (8, 32), (0.75, 0.25)
SLACK = 2  # raw tokens per token of the canvas: a hole may hold more text than it takes


@dataclass(frozen=True)
class Recipe:
    """How often what happens. Shares of canvases unless said otherwise."""

    scattered: float = 0.2  # tokens masked one by one at a rate of U(0.05, 0.95), as in plain masked diffusion
    asked: float = 0.3  # of holes: the length is unknown
    begun: float = 0.35  # of the other holes: some of it is written already
    corrupted: float = 0.15  # has wrong tokens
    wrong: float = 0.05  # of the visible tokens of such a one


class Words:
    """Where words, lines and sentences begin, told from token ids."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        def kind(character: str) -> int:
            return 0 if character.isspace() else 1 if character.isalnum() else 2

        size = max(MASK, EXPAND) + 1
        texts = [tokenizer.decode([id], skip_special_tokens=False) or "?" for id in range(MASK)]
        self.first = np.full(size, 2, np.int8)
        self.last = np.full(size, 2, np.int8)
        self.line = np.zeros(size, bool)
        self.stop = np.zeros(size, bool)
        self.first[:MASK] = [kind(text[0]) for text in texts]
        self.last[:MASK] = [kind(text[-1]) for text in texts]
        self.line[:MASK] = ["\n" in text for text in texts]
        self.stop[:MASK] = [text.strip()[-1:] in tuple(".!?") for text in texts]
        self.stop |= self.line

    def edges(self, ids: np.ndarray) -> np.ndarray:
        """Positions where a hole may start or end: no word goes across."""
        first, before = self.first[ids[1:]], self.last[ids[:-1]]
        return 1 + np.flatnonzero((first != 1) | (before != 1))

    def after(self, ids: np.ndarray, marks: np.ndarray) -> np.ndarray:
        """Positions behind tokens that end a line, or a sentence."""
        return 1 + np.flatnonzero(marks[ids[:-1]])


def spans(ids: np.ndarray, words: Words, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Up to twelve holes in 256 tokens that do not touch, in order."""
    edges = words.edges(ids)
    if len(edges) < 8:
        return []
    starts = {"line": words.after(ids, words.line), "sentence": words.after(ids, words.stop)}
    found: list[tuple[int, int]] = []
    for _ in range(rng.integers(1, 1 + max(2, len(ids) // 21))):
        kind = rng.choice(["word", "phrase", "line", "sentence", "tail"], p=[0.15, 0.3, 0.2, 0.2, 0.15])
        marks = starts["line" if kind == "line" or rng.random() < 0.5 else "sentence"]
        if kind in starts and len(marks := starts[kind]) >= 3:
            at = rng.integers(0, len(marks) - 1)
            start, end = marks[at], marks[min(at + rng.integers(1, 4), len(marks) - 1)] - (kind == "line")
        else:
            at = rng.integers(0, len(edges) - 1)
            start = edges[at]
            ends = marks[marks > start] - 1
            if kind == "tail" and len(ends):
                end = ends[0]
            else:
                tokens = rng.integers(1, 4) if kind == "word" else np.exp(rng.normal(2.0, 0.8))
                end = edges[min(np.searchsorted(edges, start + tokens), len(edges) - 1)]
        end = min(end, start + LONGEST)
        apart = all(end < other[0] or other[1] < start for other in found)
        if start < end and apart and not (ids[start:end] == END).any():
            found.append((int(start), int(end)))
    return sorted(found)


def labels_of(count: int, positions: int) -> np.ndarray:
    """What each of so many positions is to say where so many tokens belong."""
    alone = min(count, max(2 * positions - count, 0))
    rest = END if positions >= count else EXPAND
    return np.where(np.arange(positions) < alone, SOME, rest)


def fill_in(tokens: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A hole's part of the canvas and its labels."""
    if rng.random() < recipe.asked:
        count = 0 if rng.random() < 0.05 else len(tokens)  # 0: nothing is missing here
        positions = int(rng.choice(ASKED, p=OFTEN))
        return np.full(positions, EXPAND), labels_of(count, positions)
    written = np.zeros(len(tokens), bool)
    if rng.random() < recipe.begun:
        written = rng.random(len(tokens)) < rng.uniform(0, 0.9)
    return np.where(written, tokens, MASK), np.where(written, NOTHING, tokens)


def corrupt(ids: np.ndarray, labels: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> None:
    """Puts wrong tokens in, from the same text or from anywhere, and asks about them and about as many right ones."""
    visible = np.flatnonzero(~np.isin(ids, (MASK, EXPAND, END)))
    chosen = rng.permutation(visible)[: 2 * int(recipe.wrong * len(visible))]
    labels[chosen] = ids[chosen]
    wrong = chosen[: len(chosen) // 2]
    anywhere = rng.integers(17, MASK, len(wrong))
    ids[wrong] = np.where(rng.random(len(wrong)) < 0.5, anywhere, ids[rng.choice(visible, len(wrong))] if len(visible) else anywhere)


def canvas(raw: np.ndarray, length: int, words: Words, recipe: Recipe, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A canvas of `length` ids and its labels, from at least `SLACK * length` tokens of text."""
    raw = raw.astype(np.int64)
    if rng.random() < recipe.scattered:
        ids = raw[:length].copy()
        masked = (rng.random(length) < rng.uniform(0.05, 0.95)) & (ids != END)
        labels = np.where(masked, ids, NOTHING)
        ids[masked] = MASK
    else:
        ids, labels, at = [], [], 0
        for start, end in spans(raw[:length], words, rng):
            hole_ids, hole_labels = fill_in(raw[start:end], recipe, rng)
            ids += [raw[at:start], hole_ids]
            labels += [np.full(start - at, NOTHING), hole_labels]
            at = end
        ids = np.concatenate([*ids, raw[at:]])[:length]
        labels = np.concatenate([*labels, np.full(len(raw) - at, NOTHING)])[:length]
    if rng.random() < recipe.corrupted:
        corrupt(ids, labels, recipe, rng)
    labels[0] = NOTHING  # no row predicts the first position
    return ids, labels

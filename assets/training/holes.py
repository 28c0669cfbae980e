"""Text in, a canvas with holes and what belongs in them out: the whole of what the model is taught.

A hole is a span as people leave one: words, a phrase, lines, a sentence, the rest of a line. Several lie in one text, and
often a part of a hole is written already, as in the middle of a run. Where a hole's length is *known* it has one mask a
token. Where it is *unknown* each unwritten stretch of n tokens gets k masks of another number, and the labels say how
the two come together (the data transform of DreamOn, 2602.01326, made deterministic so that nothing is left to chance):

    k > n   the tokens, then END on the k-n masks at the end           "delete me"
    k < n   one token each, then EXPAND on the masks at the end that stand for two      (n < 2k)
            EXPAND on all                                              "make two of me" (n >= 2k)

So mask i of k (from 0) says END with the probability of n <= i and EXPAND with that of n >= 2k-i: one pass over k masks
tells the distribution of the length from 0 to 2k.

A share of the visible tokens is wrong and to be put right (GIDD, 2503.04482), so that text can be refined.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from model import END, EXPAND, MASK

NOTHING = -1  # label of a position that is not asked about
LONGEST = 64  # tokens of a hole
ASKED = (4, 8, 16, 32)  # masks that lengths are asked about with; 8 at first (`src/engine/job/told.rs`)
SLACK = 2  # raw tokens per token of the canvas: a mask may stand for more text than it takes


@dataclass(frozen=True)
class Recipe:
    """How often what happens. Shares of canvases unless said otherwise."""

    scattered: float = 0.25  # tokens masked one by one at a rate of U(0.05, 0.95), as in plain masked diffusion
    elastic: float = 0.5  # of the canvases with holes: lengths are unknown
    begun: float = 0.3  # of holes: some of it is written already
    corrupted: float = 0.2  # has wrong tokens
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
    """Up to eight holes that do not touch, in order."""
    edges = words.edges(ids)
    if len(edges) < 8:
        return []
    starts = {"line": words.after(ids, words.line), "sentence": words.after(ids, words.stop)}
    found: list[tuple[int, int]] = []
    for _ in range(rng.integers(1, 9)):
        kind = rng.choice(["word", "phrase", "line", "sentence", "tail"], p=[0.2, 0.35, 0.15, 0.15, 0.15])
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


def another_length(tokens: int, whole: bool, rng: np.random.Generator) -> int:
    """How many masks stand for so many tokens.

    A hole of which nothing is written yet mostly has as many as Lacuna asks with, whatever it holds: were their number a hint,
    the answer would be about the number. Else it is about right, or any: what is left in the middle of a run.
    """
    draw = rng.random()
    if whole and draw < 0.6:
        masks = int(rng.choice(ASKED, p=[0.1, 0.6, 0.15, 0.15]))
    elif draw < 0.8:
        masks = tokens + int(rng.integers(-3, 4))
    else:
        masks = round(tokens * 2 ** rng.uniform(-3, 1.5))
    return int(np.clip(masks, 1, max(tokens + 16, ASKED[-1])))


def labels_of(tokens: np.ndarray, masks: int) -> np.ndarray:
    """What each of so many masks is to say where these tokens belong."""
    count = len(tokens)
    alone = min(count, max(2 * masks - count, 0))
    rest = END if masks >= count else EXPAND
    return np.concatenate([tokens[:alone], np.full(masks - alone, rest, np.int64)])


def fill_in(tokens: np.ndarray, elastic: bool, recipe: Recipe, rng: np.random.Generator) -> tuple[list, list]:
    """A hole's part of the canvas and its labels."""
    written = np.zeros(len(tokens), bool)
    if rng.random() < recipe.begun:
        written = rng.random(len(tokens)) < rng.uniform(0, 0.9)
    ids, labels = [], []
    stretches = np.flatnonzero(np.concatenate([written, [True]]))
    start = 0
    for end in stretches:
        missing = tokens[start:end]
        # Now and then masks lie where nothing is missing: a hole that is full, or was empty from the start.
        if len(missing) or (elastic and rng.random() < 0.05):
            masks = another_length(len(missing), not written.any(), rng) if elastic else len(missing)
            ids.append(np.full(masks, MASK))
            labels.append(labels_of(missing, masks))
        if end < len(tokens):
            ids.append(tokens[end : end + 1])
            labels.append(np.array([NOTHING]))
        start = end + 1
    return ids, labels


def corrupt(ids: np.ndarray, labels: np.ndarray, recipe: Recipe, rng: np.random.Generator) -> None:
    """Puts wrong tokens in, from the same text or from anywhere, and asks about them and about as many right ones."""
    visible = np.flatnonzero((ids != MASK) & (ids != END))
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
        elastic = rng.random() < recipe.elastic
        ids, labels, at = [], [], 0
        for start, end in spans(raw[:length], words, rng):
            hole_ids, hole_labels = fill_in(raw[start:end], elastic, recipe, rng)
            ids += [raw[at:start], *hole_ids]
            labels += [np.full(start - at, NOTHING), *hole_labels]
            at = end
        ids = np.concatenate([*ids, raw[at:]])[:length]
        labels = np.concatenate([*labels, np.full(len(raw) - at, NOTHING)])[:length]
    if rng.random() < recipe.corrupted:
        corrupt(ids, labels, recipe, rng)
    labels[0] = NOTHING  # no row predicts the first position
    return ids, labels

"""`python -m unittest` in this folder: the labels lead from any number of positions to the length."""

import unittest
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from holes import NOTHING, SLACK, SOME, Recipe, Words, canvas, labels_of
from model import END, EXPAND, MASK

TOKENIZER = Tokenizer.from_file(str(Path(__file__).parent.parent / "lacuna-135m/tokenizer.json"))


class Holes(unittest.TestCase):
    def test_obeying_the_labels_ends_at_the_text_from_any_start(self) -> None:
        for count in range(0, 30):
            for positions in range(1, 40):
                for _ in range(40):
                    labels = labels_of(count, positions)
                    self.assertEqual(len(labels), positions)
                    grown = positions + (labels == EXPAND).sum() - (labels == END).sum()
                    if grown == positions:
                        break
                    positions = int(grown)
                    if positions == 0:
                        break
                self.assertEqual(positions, count)
                self.assertTrue((labels == SOME).all() or not count)

    def test_without_unknown_lengths_a_canvas_is_the_text_and_its_labels(self) -> None:
        words = Words(TOKENIZER)
        raw = np.array(TOKENIZER.encode("The keeper came. He ran down to the water, called again, louder.\n" * 30).ids)
        recipe = Recipe(asked=0, corrupted=0)
        masks = 0
        for seed in range(200):
            ids, labels = canvas(raw, 128, words, recipe, np.random.default_rng(seed))
            np.testing.assert_array_equal(np.where(labels == NOTHING, ids, labels)[1:], raw[1:128])
            self.assertTrue((ids[labels != NOTHING] == MASK).all())
            masks += (labels != NOTHING).sum()
        self.assertGreater(masks, 200 * 10)

    def test_with_them_labels_are_what_is_missing(self) -> None:
        words = Words(TOKENIZER)
        raw = np.array(TOKENIZER.encode("The keeper came. He ran down to the water, called again, louder.\n" * 30).ids)
        for seed in range(200):
            ids, labels = canvas(raw[: SLACK * 128], 128, words, Recipe(asked=1, corrupted=0), np.random.default_rng(seed))
            self.assertEqual((len(ids), len(labels)), (128, 128))
            self.assertTrue(np.isin(labels, [NOTHING, SOME, END, EXPAND, *raw]).all())
            # Masks are only in canvases that were masked token by token: a hole of unknown length has none.
            self.assertFalse((ids == MASK).any() and (ids == EXPAND).any())
            self.assertTrue((np.isin(labels, [SOME, END, EXPAND]) == (ids == EXPAND)).all())


if __name__ == "__main__":
    unittest.main()

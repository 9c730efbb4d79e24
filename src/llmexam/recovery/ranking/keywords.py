"""Words of the rewritten text that are added to a prompt where no known prompt fits well.

A bank has "Rewrite this as a diary entry", and the prompt named a lighthouse keeper. What the bank
cannot have stands in the rewritten text: words that the original lacks. A prompt with some of them
is nearer to the true one, unless that is nearly known; but it reads as a list of key words. This
serves the metric, not a reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
from numpy.typing import NDArray

from llmexam.recovery.embeddings import TextVectors, sharpen
from llmexam.recovery.features import NO_WORDS, new_words
from llmexam.recovery.rewrites import Rewrite, RewriteExam

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class KeywordRule:
    """How many words are added, and to which prompts.

    Attributes:
        n: Number of words.
        limit: Largest expected score of prompts that they are added to.
    """

    n: int = 0
    limit: float = -inf

    def apply(self, prompt: str, row: Rewrite, expected: float) -> str:
        """Return the prompt, with words of the row if its expected score is low."""
        return with_keywords(prompt, row, self.n) if expected <= self.limit else prompt


def with_keywords(prompt: str, row: Rewrite, n: int) -> str:
    """Return a prompt, followed by the first n words that only the rewritten text has.

    >>> row = Rewrite("1", "The sea is calm.", "O calm waters, gently rolling waters!")
    >>> with_keywords("Make it a poem.", row, 2)
    'Make it a poem. waters gently'
    """
    found = new_words(row)
    words = [] if found == NO_WORDS else found.split()[:n]
    return " ".join([prompt, *words])


def choose_rule(
    items: RewriteExam,
    prompts: Sequence[str],
    expected: Floats,
    numbers: Sequence[int],
    vectors: TextVectors,
) -> KeywordRule:
    """Return the rule with the largest gain on rows with known prompts; no words if none gains.

    Args:
        items: The rows.
        prompts: What was recovered for them without having seen them.
        expected: The expected scores of these prompts, shape `[n_rows]`.
        numbers: Numbers of words to choose from.
        vectors: The embedder of the score.
    """
    truth = vectors.encode(items.prompts)
    order = np.argsort(expected, kind="stable")
    plain = _scores(prompts, truth, vectors)
    best, rule = 0.0, KeywordRule()
    for n in numbers:
        texts = [with_keywords(prompt, row, n) for prompt, row in zip(prompts, items, strict=True)]
        # What is gained if words are added to the prompts with the lowest expected scores.
        gains = np.cumsum((_scores(texts, truth, vectors) - plain)[order])
        last = int(gains.argmax())
        if gains[last] > best:
            best = float(gains[last])
            everywhere = last == len(order) - 1
            rule = KeywordRule(n, inf if everywhere else float(expected[order[last]]))
    return rule


def _scores(texts: Sequence[str], truth: Floats, vectors: TextVectors) -> Floats:
    return sharpen(np.einsum("ij,ij->i", vectors.encode(texts), truth))

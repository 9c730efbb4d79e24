"""A question before its options are put in order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmexam.authoring.generators.sentences.bank import Bank
from llmexam.authoring.generators.sentences.options import Wrong
from llmexam.authoring.generators.sentences.selection import Sentence
from llmexam.authoring.item import Source, Style


@dataclass(frozen=True, slots=True)
class Draft:
    """A question with its answer and its wrong options."""

    style: Style
    prompt: str
    answer: str
    wrong: tuple[Wrong, ...]
    quote: str
    rarity: float


@dataclass(frozen=True, slots=True)
class Task:
    """What the writers of all styles need for one sentence.

    Attributes:
        bank: Statistics of the corpus.
        source: The passage.
        words: Buckets of the words of the passage.
        vector: The vector of the passage, made once for all its sentences.
        sentence: The sentence to ask about.
        n_wrong: Number of wrong options.
        seed: Random seed.
        reasons: Counts of the reasons why drafts were given up; writers add to it.
    """

    bank: Bank
    source: Source
    words: frozenset[int]
    vector: NDArray[np.float32]
    sentence: Sentence
    n_wrong: int
    seed: int
    reasons: Counter[str]

"""Surface features of the options' texts.

Right options are often written first and with more care: they are longer and more specific, and
wrong ones are derived from them. A ranker may use these features; one that uses nothing else
measures how much of a result they explain.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence, Set

import numpy as np
from numpy.typing import NDArray

from llmexam.exam.wording import is_negated, means_all, means_none

Floats = NDArray[np.float64]

TEXT_COLUMNS = (
    "characters",
    "relative_length",
    "length_from_longest",
    "length_rank",
    "words",
    "capitals",
    "digits",
    "commas",
    "word_length",
    "centrality",
    "nearest_option",
    "phrase_centrality",
    "holds_others",
    "own_words",
    "prompt_overlap",
    "prompt_cover",
    "absolutes",
    "hedges",
    "means_all",
    "means_none",
    "is_negated",
    "n_options",
    "mean_words",
    "evidence_characters",
)
"""The columns of `describe_texts`. Counts are told as differences from the question's mean."""

_WORD = re.compile(r"\w+")
_ABSOLUTE = frozenset(["all", "always", "never", "no", "none", "not", "only", "every", "must"])
_HEDGING = frozenset(
    [
        "can",
        "could",
        "generally",
        "may",
        "might",
        "often",
        "some",
        "sometimes",
        "such",
        "typically",
        "usually",
    ]
)


def describe_texts(options: Sequence[str], prompt: str, n_evidence: int) -> list[Floats]:
    """Return the columns `TEXT_COLUMNS` of the options' texts, each `[n_options]`.

    Args:
        options: The texts of the options.
        prompt: The prompt.
        n_evidence: Characters of all passages.
    """
    words = [_WORD.findall(option.lower()) for option in options]
    asked = frozenset(_WORD.findall(prompt.lower()))
    own = [frozenset(of_option) for of_option in words]
    lengths = np.array([len(option) for option in options], dtype=np.float64)
    n_words = np.array([len(of_option) for of_option in words], dtype=np.float64)
    same = np.ones(len(options))
    return [
        np.log1p(lengths),
        np.log1p(lengths) - np.log1p(lengths.mean()),
        np.log1p(lengths) - np.log1p(lengths.max()),
        ranks(lengths),
        n_words - n_words.mean(),
        *(_from_mean(counts) for counts in _count_marks(options)),
        _from_mean([lengths[i] / max(n_words[i], 1) for i in range(len(options))]),
        *_compare_options(words, own),
        *_against_prompt(own, asked),
        _from_mean([sum(word in _ABSOLUTE for word in of_option) for of_option in words]),
        _from_mean([sum(word in _HEDGING for word in of_option) for of_option in words]),
        np.array([float(means_all(option)) for option in options]),
        np.array([float(means_none(option)) for option in options]),
        same * float(is_negated(prompt)),
        same * len(options),
        same * n_words.mean(),
        same * np.log1p(n_evidence),
    ]


def _count_marks(options: Sequence[str]) -> list[list[int]]:
    return [
        # The capital at the start of a sentence is not a name.
        [sum(character.isupper() for character in option[1:]) for option in options],
        [sum(character.isdigit() for character in option) for option in options],
        [option.count(",") for option in options],
    ]


def _compare_options(words: Sequence[list[str]], own: Sequence[frozenset[str]]) -> list[Floats]:
    """Return features that compare the options with each other.

    Wrong options are often variants of the right one, which is then most similar to all others.
    """
    phrases = [frozenset(itertools.pairwise(w)) for w in words]
    counts = Counter(word for of_option in own for word in of_option)
    others = [[j for j in range(len(own)) if j != i] for i in range(len(own))]
    alike = [[_share(own[i], own[j]) for j in others[i]] for i in range(len(own))]
    return [
        np.array([sum(shares) / len(shares) for shares in alike]),
        np.array([max(shares) for shares in alike]),
        np.array(
            [
                sum(_share(phrases[i], phrases[j]) for j in others[i]) / len(others[i])
                for i in range(len(own))
            ]
        ),
        np.array(
            [
                sum(len(own[i] & own[j]) / max(len(own[j]), 1) for j in others[i]) / len(others[i])
                for i in range(len(own))
            ]
        ),
        _from_mean([sum(counts[word] == 1 for word in of_option) for of_option in own]),
    ]


def _against_prompt(own: Sequence[frozenset[str]], asked: frozenset[str]) -> list[Floats]:
    return [
        np.array([len(words & asked) / max(len(words), 1) for words in own]),
        _from_mean([len(words & asked) / max(len(asked), 1) for words in own]),
    ]


def _share(a: Set[object], b: Set[object]) -> float:
    return len(a & b) / max(len(a | b), 1)


def _from_mean(values: Sequence[float]) -> Floats:
    found = np.array(values, dtype=np.float64)
    found -= found.mean()
    return found


def ranks(values: Floats) -> Floats:
    """Return ranks, 1 for the largest; ties share their mean rank."""
    better = (values[None, :] > values[:, None]).sum(axis=1)
    equal = (values[None, :] == values[:, None]).sum(axis=1)
    return np.asarray(better + (equal + 1) / 2, dtype=np.float64)

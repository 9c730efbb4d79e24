"""Groups of near-equal prompts, and folds that keep each group together.

Rows of one prompt, or of two wordings of it, in training and test data make every recoverer look
good: it only needs to find the prompt again. Folds are therefore made of groups.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError
from llmexam.exam.normalise import normalise, words_of
from llmexam.recovery.rewrites import RewriteExam

Ints = NDArray[np.int64]

# Words that do not change what a prompt asks for.
_FILLERS = frozenset(
    words_of(
        """
        a an the this that it its of to in into as if were was is be for with and or by on at from
        your you my please can could would following given text passage above below make rewrite
        rephrase turn convert transform change
        """
    )
)
_SIMILAR = 0.6
# Rows of the similarity matrix computed at a time, to bound memory.
_CHUNK = 1024


def prompt_groups(prompts: Sequence[str], *, threshold: float = _SIMILAR) -> Ints:
    """Return the number of the group of each prompt, shape `[n_prompts]`, from 0.

    Two prompts are near-equal if they have the same words, or if the sets of their words, without
    articles and words such as "rewrite" and "text", have a Jaccard similarity of at least the
    threshold. Groups are the connected components.

    Args:
        prompts: The prompts; equal ones are in one group.
        threshold: Similarity from which prompts are near-equal, above 0 and at most 1.

    >>> prompt_groups(["Rewrite this as a poem.", "Make it a poem", "Fix the grammar."]).tolist()
    [0, 0, 1]
    """
    return _groups(tuple(prompts), threshold).copy()


# Metrics, slices, folds and the audit of one exam ask for the same groups.
@lru_cache(maxsize=16)
def _groups(prompts: tuple[str, ...], threshold: float) -> Ints:
    place: dict[str, int] = {}
    rows = [place.setdefault(normalise(prompt), len(place)) for prompt in prompts]
    parent = list(range(len(place)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for a, b in _similar_pairs([content_words(text) for text in place], threshold):
        parent[max(root(a), root(b))] = min(root(a), root(b))
    numbers: dict[int, int] = {}
    return np.array([numbers.setdefault(root(row), len(numbers)) for row in rows], dtype=np.int64)


def grouped_folds(groups: Sequence[int] | Ints, n_folds: int, *, seed: int = 0) -> Ints:
    """Return the fold of each row, shape `[n_rows]`; rows of one group are in one fold.

    Groups are dealt from the largest to the smallest, each to the fold with the fewest rows;
    groups of equal size are shuffled by the seed.

    Raises:
        ExamError: There are fewer groups than folds, or fewer than 2 folds.
    """
    numbers, sizes = np.unique(np.asarray(groups), return_counts=True)
    if n_folds < 2 or len(numbers) < n_folds:
        raise ExamError(
            f"cannot make {n_folds} folds of {len(numbers)} groups of near-equal prompts",
            field="folds",
            hint="Use at least 2 folds, and no more than there are groups",
        )
    filled = np.zeros(n_folds, dtype=np.int64)
    fold_of = {}
    for group in _largest_first(sizes, seed):
        fold = int(filled.argmin())
        fold_of[numbers[group]] = fold
        filled[fold] += sizes[group]
    return np.array([fold_of[group] for group in np.asarray(groups)], dtype=np.int64)


def column_folds(items: RewriteExam, column: str) -> Ints:
    """Return a fold for each value of a column, in the order of the values, shape `[n_rows]`.

    All are 0 where rows do not differ in it, or there is no such column.
    """
    values = [row.metadata.get(column, "") for row in items]
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def grouped_split(
    groups: Sequence[int] | Ints, shares: Mapping[str, float], *, seed: int = 0
) -> dict[str, Ints]:
    """Return the rows of each part, ascending; rows of one group are in one part.

    Groups are dealt from the largest to the smallest, each to the part that lacks the largest
    share of its rows; groups of equal size are shuffled by the seed.

    Args:
        groups: The group of each row, shape `[n_rows]`.
        shares: Share of each part, above 0, adding up to 1.
        seed: Random seed.

    Raises:
        ExamError: The shares do not add up to 1, or a part would be empty.
    """
    if any(share <= 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise ExamError(
            "expected positive shares that add up to 1, got "
            f"{', '.join(f'{share:g}' for share in shares.values())}",
            field="split",
        )
    numbers, sizes = np.unique(np.asarray(groups), return_counts=True)
    wanted = np.array(list(shares.values())) * len(groups)
    filled = np.zeros(len(shares))
    part_of = {}
    for group in _largest_first(sizes, seed):
        part = int(((wanted - filled) / wanted).argmax())
        part_of[numbers[group]] = part
        filled[part] += sizes[group]
    found = np.array([part_of[group] for group in np.asarray(groups)], dtype=np.int64)
    parts = {name: np.flatnonzero(found == number) for number, name in enumerate(shares)}
    for name, rows in parts.items():
        if not len(rows):
            raise ExamError(
                f"part '{name}' of {len(numbers)} groups of near-equal prompts would be empty",
                field="split",
                hint="Increase its share, or give rows with more prompts",
            )
    return parts


def _largest_first(sizes: Ints, seed: int) -> Ints:
    """Return the order of groups from the largest; those of equal size are shuffled."""
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    order: Ints = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    return order


def content_words(text: str) -> frozenset[str]:
    """Return the words of a prompt that say what it asks for; all its words if none do.

    >>> sorted(content_words("Rewrite the text as a sea shanty."))
    ['sea', 'shanty']
    """
    words = frozenset(words_of(text))
    # A prompt of fillers alone is described by them.
    return words - _FILLERS or words


def _similar_pairs(sets: Sequence[frozenset[str]], threshold: float) -> list[tuple[int, int]]:
    """Return the pairs of sets whose Jaccard similarity is at least the threshold."""
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for number, words in enumerate(sets):
        for word in words:
            holders[word].append(number)
    column = {word: i for i, word in enumerate(word for word, rows in holders.items() if rows[1:])}
    matrix = np.zeros((len(sets), max(len(column), 1)), dtype=np.float32)
    for word, i in column.items():
        matrix[holders[word], i] = 1
    sizes = np.array([len(words) for words in sets], dtype=np.float32)
    pairs = []
    for start in range(0, len(sets), _CHUNK):
        shared = matrix[start : start + _CHUNK] @ matrix.T
        either = sizes[start : start + _CHUNK, None] + sizes - shared
        rows, others = np.nonzero(shared >= threshold * np.maximum(either, 1))
        rows += start
        keep = rows < others
        pairs += list(zip(rows[keep].tolist(), others[keep].tolist(), strict=True))
    return pairs

"""Wrong options, and the choice among them so that length and words tell nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from llmexam.authoring.generators.sentences.words import content_stems


@dataclass(frozen=True, slots=True)
class Wrong:
    """A wrong option.

    Attributes:
        text: The option.
        note: Where it is from.
        nearness: Similarity to the answer, from 0 to 1.
    """

    text: str
    note: str
    nearness: float


@dataclass(frozen=True, slots=True)
class Around:
    """What a wrong term must not occur in.

    Attributes:
        passage: The passage, in lower case.
        stems: Stems of the words of the passage.
        specific: Buckets of the rare words of the question.
    """

    passage: str
    stems: frozenset[str]
    specific: frozenset[int]


def same_thing(stems: Sequence[str], others: Sequence[str]) -> bool:
    """Return whether one term contains the other, or abbreviates it."""
    own, other = set(stems), set(others)
    if own <= other or other <= own:
        return True
    for short, long in ((stems, others), (others, stems)):
        if (
            len(short) == 1
            and len(long) > 1
            and short[0].startswith("".join(word[0] for word in long))
        ):
            return True
    # Variants of one word: "oxidation" and "oxidizing agent", "fungus" and "fungi".
    return any(
        left[:5] == right[:5] and left != right and len(left) > 5 for left in own for right in other
    )


def occurs(text: str, stems: Sequence[str], around: Around) -> bool:
    """Return whether the passage names a term, in any form, or all words of it."""
    return text.lower() in around.passage or set(stems) <= around.stems


def draw(
    candidates: Sequence[Wrong],
    n_wanted: int,
    length: int,
    random_source: random.Random,
    *,
    clash: Callable[[Wrong, Wrong], bool] | None = None,
) -> list[Wrong] | None:
    """Return wrong options so that the rank of the answer by length is drawn evenly, or None.

    Without this, answers are longer than wrong options, and the longest option can be guessed.

    Args:
        candidates: Wrong options, best first.
        n_wanted: Number of options to return.
        length: Length of the answer in characters.
        random_source: Draws the rank, and which of the better candidates are taken.
        clash: Whether two wrong options cannot be in one question.
    """
    pool: list[Wrong] = []
    for one in candidates:
        if not any(_alike(one.text, other.text) or (clash and clash(one, other)) for other in pool):
            pool.append(one)
        if len(pool) >= 2 * n_wanted + 4:
            break
    if len(pool) < n_wanted:
        return None
    n_longer = random_source.randint(0, n_wanted)
    longer = [one for one in pool if len(one.text) > length]
    other = [one for one in pool if len(one.text) <= length]
    n_longer = min(max(n_longer, n_wanted - len(other)), len(longer))
    # Draw among the best: another seed gives other options of the same quality.
    chosen = _sample(longer, n_longer, random_source)
    return chosen + _sample(other, n_wanted - n_longer, random_source)


def _sample(pool: Sequence[Wrong], n_wanted: int, random_source: random.Random) -> list[Wrong]:
    return random_source.sample(pool[: n_wanted + 2], n_wanted)


@lru_cache(1 << 15)
def _words(text: str) -> frozenset[str]:
    return frozenset(content_stems(text))


def _alike(text: str, other: str) -> bool:
    """Return whether two options say about the same: one contains the other's words."""
    own, others = _words(text), _words(other)
    smaller = min(len(own), len(others))
    return (
        not smaller
        or (len(own & others) > 0.6 * smaller and smaller == len(own & others))
        or len(own & others) > 0.8 * smaller
    )

"""Questions for what an abbreviation stands for."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from llmexam.authoring.generators.assembly import stable_random
from llmexam.authoring.generators.sentences.abbreviations import find_abbreviations, word_key
from llmexam.authoring.generators.sentences.draft import Draft, Task
from llmexam.authoring.generators.sentences.options import Wrong
from llmexam.authoring.generators.sentences.terms import bucket
from llmexam.authoring.generators.sentences.words import FUNCTION_WORDS, stem

_NOTE = "other words with the same initials"


def write_abbreviation(task: Task) -> Iterator[Draft]:
    """Yield "What does the abbreviation ... stand for?".

    The wrong options exchange two or more words for words of other abbreviations with the same
    initials. Every exchanged word is in several options, so that the answer is not the one that
    has most in common with the others.
    """
    for found in find_abbreviations(task.sentence.text):
        if found.short not in task.bank.abbreviations:
            continue
        titled = all(word[0].isupper() for word in found.words if len(word) > 3)
        words = [word if titled else _plain(task, word) for word in found.words]
        words[-1] = _singular(words[-1]) if task.sentence.text[found.end - 2] == "s" else words[-1]
        random_source = stable_random(task.seed, "abbreviation", found.short, *words)
        wrong = _others(task, words, random_source)
        if wrong is None:
            task.reasons["too few words with the same initials"] += 1
            continue
        prompt = f"What does the abbreviation “{found.short}” stand for?"
        yield Draft(
            "definition",
            prompt,
            " ".join(words),
            tuple(Wrong(one, _NOTE, 0.5) for one in wrong),
            task.sentence.quote,
            0.5,
        )


def _plain(task: Task, word: str) -> str:
    """Return a word in lower case if the corpus has it in lower case."""
    return word.lower() if word.lower() in task.bank.lower_case else word


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _others(task: Task, words: Sequence[str], random_source: random.Random) -> list[str] | None:
    """Return wrong expansions in random order, or None if there are too few."""
    places = [place for place, word in enumerate(words) if word.lower() not in FUNCTION_WORDS]
    choices: dict[int, list[str]] = {}
    titled = all(words[place][0].isupper() for place in places)
    near = task.bank.vector(sorted({bucket(stem(words[place])) for place in places}))
    for place in places:
        key = word_key(words[place], is_last=place == len(words) - 1)
        own = stem(words[place])[:4]
        pool = [
            word.capitalize() if titled else word
            for word in task.bank.initials.get(key, ())
            if stem(word)[:4] != own and 0.4 < len(word) / len(words[place]) < 2.5
        ]
        # The nearest in meaning, so that wrong options are on the subject.
        pool.sort(key=lambda word: (-_nearness(task, word, near), word))
        if pool:
            pool = pool[:_N_CHOICES]
            choices[place] = random_source.sample(pool, min(2, len(pool)))
    if len(choices) < 2:
        return None
    open_places = sorted(choices)
    patterns = _patterns(len(open_places), [len(choices[place]) for place in open_places])
    random_source.shuffle(patterns)
    found: list[str] = []
    for pattern in sorted(patterns, key=lambda one: sum(value > 0 for value in one) < 2):
        other = list(words)
        for place, value in zip(open_places, pattern, strict=True):
            if value:
                other[place] = choices[place][value - 1]
        text = " ".join(other)
        if text not in found:
            found.append(text)
        if len(found) == task.n_wrong:
            return found
    return None


_N_CHOICES = 5


def _nearness(task: Task, word: str, near: NDArray[np.float32]) -> float:
    return float(task.bank.space.words[bucket(stem(word))] @ near)


def _patterns(n_places: int, sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Return which choice stands at each place, without the answer: 0 for the right word."""
    patterns: list[tuple[int, ...]] = [()]
    for size in sizes:
        patterns = [(*one, value) for one in patterns for value in range(size + 1)]
    return [one for one in patterns if any(one)]

"""Search for the text with the highest mean sharpened cosine to a set of prompts.

A beam search over edits: append, insert, replace and remove words and phrases. The phrases are the
frequent word n-grams of the prompts. All texts of a step are embedded in one call, and texts that
were seen before are never embedded again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from llmexam.errors import ExamError
from llmexam.recovery.embeddings import TextVectors, sharpen
from llmexam.recovery.metrics.lift import COMMON
from llmexam.recovery.recoverer import Progress, no_progress
from llmexam.settings.base import Settings

_LONGEST_PHRASE = 4
_CHUNK = 2048


class SearchSettings(Settings):
    """Settings of the search for a mean prompt."""

    n_steps: int = Field(16, ge=0, le=1000, description="largest number of steps of the search")
    beam: int = Field(6, ge=1, le=1000, description="number of texts kept after each step")
    n_proposals: int = Field(
        1500, ge=1, le=1_000_000, description="number of new texts scored in a step"
    )
    n_phrases: int = Field(
        400, ge=1, le=100_000, description="number of frequent phrases that edits are made of"
    )
    patience: int = Field(
        3, ge=1, le=1000, description="number of steps without a better text that end the search"
    )
    max_words: int = Field(40, ge=1, le=1000, description="largest number of words of the text")
    seed: int = Field(0, ge=0, lt=2**32, description="random seed of the edits")


@dataclass(frozen=True, slots=True)
class SearchStep:
    """The best text after a step.

    Attributes:
        step: The step; 0 is the best of the constants.
        text: The text.
        score: Its mean sharpened cosine on the prompts.
        n_scored: Texts scored so far.
    """

    step: int
    text: str
    score: float
    n_scored: int


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        text: The best text.
        score: Its mean sharpened cosine on the prompts that were searched on; too high for others.
        steps: The best text after each step.
    """

    text: str
    score: float
    steps: tuple[SearchStep, ...]

    @property
    def n_scored(self) -> int:
        """Number of texts that were scored until the best was found."""
        return self.steps[-1].n_scored


def search_mean_prompt(
    prompts: Sequence[str],
    vectors: TextVectors,
    settings: SearchSettings,
    progress: Progress = no_progress,
) -> SearchResult:
    """Return the text with the highest mean sharpened cosine to the prompts that was found.

    The search starts from the best of the prompts and of a few common constants, and ends early
    when several steps in a row bring no better text.

    Args:
        prompts: The prompts; repeated ones count as often as they occur.
        vectors: The embedder.
        settings: Width and length of the search.
        progress: Called after each step.

    Raises:
        ExamError: There are no prompts.
    """
    if not prompts:
        raise ExamError("expected at least 1 prompt to search on, got none")
    rng = np.random.default_rng(settings.seed)
    score = _Score(prompts, vectors)
    phrases = frequent_phrases(prompts, settings.n_phrases)
    starts = [text for text in dict.fromkeys([*COMMON, *prompts]) if _fits(text, settings)]
    starts = starts or [text for text in phrases if _fits(text, settings)]
    if not starts:
        raise ExamError(
            f"no phrase of the prompts has at most {settings.max_words} words",
            field="max_words",
            hint="Allow more words",
        )
    beam = score.best(starts, settings.beam)
    steps = [SearchStep(0, beam[0][1], beam[0][0], score.n_scored)]
    for step in range(1, settings.n_steps + 1):
        texts = propose([text for _, text in beam], phrases, settings, rng)
        beam = score.best([*(text for _, text in beam), *texts], settings.beam)
        progress(step, settings.n_steps)
        if beam[0][0] <= steps[-1].score:
            if step - steps[-1].step >= settings.patience:
                break
            continue
        steps.append(SearchStep(step, beam[0][1], beam[0][0], score.n_scored))
    return SearchResult(steps[-1].text, steps[-1].score, tuple(steps))


def frequent_phrases(prompts: Sequence[str], n: int) -> list[str]:
    """Return up to n word n-grams of distinct prompts, the most frequent first.

    Longer phrases count for more: a count is multiplied by the number of words.
    """
    counts: Counter[str] = Counter()
    for prompt in dict.fromkeys(prompts):
        words = prompt.split()
        found = {
            " ".join(words[i : i + size])
            for size in range(1, _LONGEST_PHRASE + 1)
            for i in range(len(words) - size + 1)
        }
        counts.update({phrase: len(phrase.split()) for phrase in found})
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [phrase for phrase, _ in ranked[:n]]


class _Score:
    """Mean sharpened cosine of texts, computed once for each text."""

    def __init__(self, prompts: Sequence[str], vectors: TextVectors) -> None:
        distinct = Counter(prompts)
        self._targets = vectors.encode(list(distinct))
        counts = np.array(list(distinct.values()), dtype=np.float32)
        self._weights = counts / counts.sum()
        self._vectors = vectors
        self._known: dict[str, float] = {}

    @property
    def n_scored(self) -> int:
        return len(self._known)

    def best(self, texts: Sequence[str], n: int) -> list[tuple[float, str]]:
        """Return scores and texts of the n best, best first; ties by text."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        for start in range(0, len(new), _CHUNK):
            part = new[start : start + _CHUNK]
            # Not kept in memory with their vectors: a search scores many texts once.
            encoded = self._vectors.embedder.encode(part)
            means = sharpen(encoded @ self._targets.T) @ self._weights
            self._known.update(zip(part, means.tolist(), strict=True))
        scored = {(self._known[text], text) for text in texts}
        return sorted(scored, key=lambda item: (-item[0], item[1]))[:n]


def propose(
    beam: Sequence[str], phrases: Sequence[str], settings: SearchSettings, rng: np.random.Generator
) -> list[str]:
    """Return edits of the texts of a beam, without repetitions."""
    found: dict[str, None] = {}
    for text in beam:
        words = text.split()
        # Few enough to try all.
        for i in range(len(words)):
            found[" ".join(words[:i] + words[i + 1 :])] = None
        for i in range(len(words) - 2):
            found[" ".join(words[:i] + words[i + 3 :])] = None
    each = max((settings.n_proposals - len(found)) // (3 * len(beam)), 1)
    for text in beam:
        words = text.split()
        for phrase in _drawn(phrases, each, rng):
            found[" ".join([*words, phrase])] = None
        for phrase in _drawn(phrases, each, rng):
            place = int(rng.integers(len(words) + 1))
            found[" ".join([*words[:place], phrase, *words[place:]])] = None
        for phrase in _drawn(phrases, each, rng):
            place = int(rng.integers(max(len(words), 1)))
            n_dropped = int(rng.integers(1, 3))
            found[" ".join([*words[:place], phrase, *words[place + n_dropped :]])] = None
    return [text for text in found if text and _fits(text, settings)]


def _drawn(phrases: Sequence[str], n: int, rng: np.random.Generator) -> list[str]:
    chosen: NDArray[np.int64] = rng.permutation(len(phrases))[:n]
    return [phrases[i] for i in chosen]


def _fits(text: str, settings: SearchSettings) -> bool:
    return len(text.split()) <= settings.max_words

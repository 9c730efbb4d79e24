"""Check `duplicates` of the whole set: of near-equal questions only the first is kept."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from math import ceil

from pydantic import Field

from llmexam.authoring.checks.protocol import Balanced
from llmexam.authoring.item import AuthoredItem
from llmexam.exam.audit.near import MIN_WORDS, jaccard, shingles
from llmexam.exam.normalise import normalise
from llmexam.exam.question import Question
from llmexam.settings.base import Settings


class DuplicatesSettings(Settings):
    """Settings of check `duplicates`."""

    threshold: float = Field(
        0.7,
        gt=0,
        le=1,
        description="Jaccard similarity of word trigrams from which prompts are near duplicates",
    )
    remove_similar: bool = Field(
        False,
        description="also remove questions of near-equal prompts where neither right option is "
        "an option of the other",
    )


class DuplicatesCheck:
    """Removes questions that ask what an earlier one asks.

    Their prompts are equal or nearly, and the right option of one is an option of the other. A
    wrong option in common is not enough: questions "Which statement is true?" share their whole
    prompt, and may share a wrong statement, but each has a right statement of its own.
    """

    name = "duplicates"

    def __init__(self, settings: DuplicatesSettings | None = None) -> None:
        self.settings = settings or DuplicatesSettings()

    def balance(self, items: Sequence[AuthoredItem]) -> Balanced:
        """Return the questions without later duplicates of kept ones."""
        texts = [shingles(item.question.prompt) for item in items]
        counts = Counter(shingle for text in texts for shingle in text)
        # Kept rows by the rarest shingles of their prompts, and by the whole prompt.
        index: defaultdict[str, list[int]] = defaultdict(list)
        removed: dict[str, str] = {}
        for row, (item, text) in enumerate(zip(items, texts, strict=True)):
            rarest = self._rarest(item, text, counts)
            candidates = sorted({other for name in rarest for other in index[name]})
            twin = next((o for o in candidates if self._is_twin(items, texts, row, o)), None)
            if twin is not None:
                removed[item.question.id] = f"duplicate of '{items[twin].question.id}'"
                continue
            for name in rarest:
                index[name].append(row)
        kept = tuple(item for item in items if item.question.id not in removed)
        return Balanced(kept, removed)

    def _rarest(
        self, item: AuthoredItem, text: frozenset[str], counts: Mapping[str, int]
    ) -> list[str]:
        """Return shingles of which two prompts that are alike have at least one in common.

        Two sets of Jaccard similarity t share t * n shingles of a set of n, so at least one of
        its n - ceil(t * n) + 1 rarest ones (the prefix filter of set similarity joins).
        """
        prompt = normalise(item.question.prompt)
        if len(prompt.split()) < MIN_WORDS:
            # Prompts of a few words are similar by chance: only equal ones are found.
            return [prompt]
        # Tolerance: 0.7 * 10 is slightly more than 7.
        n_rarest = len(text) - ceil(self.settings.threshold * len(text) - 1e-9) + 1
        return sorted(text, key=lambda shingle: (counts[shingle], shingle))[:n_rarest]

    def _is_twin(
        self,
        items: Sequence[AuthoredItem],
        texts: Sequence[frozenset[str]],
        row: int,
        other: int,
    ) -> bool:
        if jaccard(texts[row], texts[other]) < self.settings.threshold:
            return False
        if self.settings.remove_similar:
            return True
        one, two = items[row].question, items[other].question
        return bool(_key(one) & _options(two) or _key(two) & _options(one))


def _options(question: Question) -> set[str]:
    return {normalise(option) for option in question.options} - {""}


def _key(question: Question) -> set[str]:
    answer = question.answer
    return set() if answer is None else {normalise(question.options[answer])} - {""}

"""Check `support`: the passage supports the right option, and no other as well, by its words."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from llmexam.authoring.checks.words import folded_words, is_about_others, sentence_terms, share
from llmexam.authoring.item import AuthoredItem
from llmexam.exam.audit.flaws.reading import content_terms, normal, word_set
from llmexam.exam.question import Question
from llmexam.settings.base import Settings


class SupportSettings(Settings):
    """Settings of check `support`."""

    min_key: float = Field(
        0.3,
        ge=0,
        le=1,
        description="smallest share of the right option's words in the passage",
    )
    max_ratio: float = Field(
        1.25,
        gt=0,
        description="largest support of a wrong option, divided by that of the right one; wrong "
        "options without all words in one sentence never reject",
    )
    floor: float = Field(
        0.2,
        ge=0,
        le=1,
        description="weight of a sentence without words of the prompt, where 1 is a sentence "
        "with all of them",
    )


class SupportCheck:
    """Rejects questions whose right option the passage does not support best.

    The support of an option by a sentence is the share of the option's words in it, times
    `floor + (1 - floor) * share of the prompt's words in it`. The support by the passage is the
    maximum over its sentences. Negated prompts and questions without passage are accepted.
    """

    name = "support"
    rejects = True

    def __init__(self, settings: SupportSettings | None = None) -> None:
        self.settings = settings or SupportSettings()

    def judge(self, items: Sequence[AuthoredItem]) -> list[str | None]:
        """Return why each question should be rejected, or None."""
        return [self._judge(item.question) for item in items]

    def _judge(self, question: Question) -> str | None:
        if question.answer is None or not question.passages or is_about_others(question):
            return None
        sentences = [s for passage in question.passages for s in sentence_terms(passage.text)]
        prompt = content_terms(question.prompt)
        weights = [self._weight(share(prompt, sentence)) for sentence in sentences]
        found = [self._support(option, sentences, weights, question) for option in question.options]
        coverage, _, key = found[question.answer]
        if coverage < self.settings.min_key:
            return f"the passage has {coverage:.0%} of the right option's words"
        for index, (_, in_sentence, support) in enumerate(found):
            # "no" is a stop word, so "no energy" would have the support of "low energy".
            option = question.options[index]
            if index == question.answer or in_sentence < 1 or "no" in word_set(option):
                continue
            if support > key * self.settings.max_ratio:
                return f"the passage supports '{option}' more"
        return None

    def _weight(self, prompt_share: float) -> float:
        return self.settings.floor + (1 - self.settings.floor) * prompt_share

    def _support(
        self,
        option: str,
        sentences: Sequence[frozenset[str]],
        weights: Sequence[float],
        question: Question,
    ) -> tuple[float, float, float]:
        """Return an option's coverage by the passage and by one sentence, and its support."""
        terms = content_terms(option)
        if not terms:
            # Signs and short numbers: anywhere in the passage, at the weight of the best sentence.
            inside = float(
                any(f" {normal(option)} " in folded_words(p.text) for p in question.passages)
            )
            return inside, inside, inside * max(weights, default=0.0)
        shares = [share(terms, sentence) for sentence in sentences]
        support = max((a * b for a, b in zip(shares, weights, strict=True)), default=0.0)
        everything: frozenset[str] = frozenset().union(*sentences)
        return share(terms, everything), max(shares, default=0.0), support

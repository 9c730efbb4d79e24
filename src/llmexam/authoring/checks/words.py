"""Comparison of texts by words: what checks share."""

from __future__ import annotations

from functools import lru_cache

from llmexam.evidence.sentences import split_sentences
from llmexam.exam.audit.flaws.reading import content_terms
from llmexam.exam.normal_forms import normal_form
from llmexam.exam.normalise import normalise
from llmexam.exam.question import Question
from llmexam.exam.wording import is_negated, means_all, means_none

_QUOTES = str.maketrans("‘’‚“”„‐‑‒–—−", "'''\"\"\"------")  # noqa: RUF001
_N_PASSAGES = 1024


def plain(text: str) -> str:
    """Return a text with NFKC, single spaces, and ASCII quotes and dashes; case is kept.

    >>> plain("the “ﬁrst”  law")
    'the "first" law'
    """
    return " ".join(normal_form(text).translate(_QUOTES).split())


@lru_cache(_N_PASSAGES)
def plain_passage(text: str) -> str:
    """Return `plain` of a passage, which several questions share."""
    return plain(text)


@lru_cache(_N_PASSAGES)
def sentence_terms(text: str) -> tuple[frozenset[str], ...]:
    """Return the content terms of each sentence of a passage."""
    return tuple(content_terms(text[start:end]) for start, end in split_sentences(text))


@lru_cache(_N_PASSAGES)
def folded_words(text: str) -> str:
    """Return the words of a passage, with a space on each side."""
    return f" {normalise(text)} "


def share(terms: frozenset[str], within: frozenset[str]) -> float:
    """Return the share of terms that are within others, 0 to 1; 0 without terms."""
    return len(terms & within) / len(terms) if terms else 0.0


def is_about_others(question: Question) -> bool:
    """Return whether the passage supports other options than the right one.

    That is so of negated prompts, and of right options such as "all of the above".
    """
    if is_negated(question.prompt):
        return True
    key = None if question.answer is None else question.options[question.answer]
    return key is not None and (means_all(key) or means_none(key))

"""Rules on what gives the right option away."""

from __future__ import annotations

import re
from collections import Counter

from llmexam.exam.audit.flaws.reading import Reading, content_terms, normal, word_set

LENGTH_RATIO = 1.3
MIN_LENGTH_EXCESS = 10
CONVERGENCE_RATIO = 1.5
_MIN_SHARED = 2
_MIN_OPTIONS = 3
_MIN_CLANG_LETTERS = 4

# Sets of words are several times faster to look up than one expression for all of them.
_ABSOLUTE = frozenset(
    {
        "always",
        "never",
        "only",
        "completely",
        "entirely",
        "solely",
        "exclusively",
        "absolutely",
        "totally",
        "impossible",
        "everyone",
        "everything",
        "everywhere",
        "nothing",
        "nobody",
    }
)
_DENIALS = frozenset(["not", "cannot"])
_NO_EFFECT = frozenset(
    ["effect", "significant", "impact", "role", "influence", "relation", "connection", "change"]
)
_CONTRACTION = re.compile(r"n['’]t\b")  # noqa: RUF001
_ARTICLE = re.compile(
    r"\b(an?)\s*(?:_{2,}|\[blank\])?\s*[.?:…]*\s*$|\b(an?)\s+_{2,}", re.IGNORECASE
)
_VERB = re.compile(
    r"\b(is|are|was|were|has|have)\s*(?:called|known as|termed)?\s*(?:_{2,}|\[blank\])?[.?:…]*\s*$",
    re.IGNORECASE,
)
_PLURAL_VERBS = frozenset({"are", "were", "have"})
_VOWEL_SOUND = re.compile(
    r"(?:[aeio]|u(?!n[ai]|se|su|sa|ti|ri|bi)|ho(?:ur|nest|nour|nor)|heir|"
    r"[fhlmnrsx](?:[-\d]|[A-Z]|$)|8|11|18)"
)
_CONSONANT_SOUND = re.compile(r"(?:eu|ew|one\b|once|uni(?!n)|u[A-Z])")
_SINGULAR_ENDS = ("ss", "us", "is", "as", "os")


def longest_key(reading: Reading) -> str | None:
    """Find a right option that is much longer than all others."""
    if reading.key is None:
        return None
    longest = max(map(len, reading.distractors))
    length = len(reading.key)
    if length < longest * LENGTH_RATIO or length < longest + MIN_LENGTH_EXCESS:
        return None
    return f"the right option has {length} characters, the longest other one {longest}"


def absolute_terms(reading: Reading) -> str | None:
    """Find absolute terms in wrong options where the right one has none."""
    if reading.key is None or word_set(reading.key) & _ABSOLUTE:
        return None
    for option in reading.distractors:
        if found := word_set(option) & _ABSOLUTE:
            return f"only wrong options have the absolute term '{min(found)}'"
    return None


def negative_options(reading: Reading) -> str | None:
    """Find negations in wrong options where the right one has none."""
    if reading.key is None or _denies(reading.key):
        return None
    found = next(filter(_denies, reading.distractors), None)
    return f"only wrong options are negated: '{found}'" if found else None


def clang(reading: Reading) -> str | None:
    """Find words of the prompt that only the right option repeats."""
    if reading.key is None:
        return None
    both = content_terms(reading.prompt) & content_terms(reading.key)
    shared = {term for term in both if len(term) >= _MIN_CLANG_LETTERS}
    if not shared:
        return None
    elsewhere = content_terms(" ".join(reading.distractors))
    # One distractor with another word of the prompt is enough to take the cue away.
    if content_terms(reading.prompt) & elsewhere:
        return None
    words = [word for word in normal(reading.key).split() if word[:6] in shared]
    return f"only the right option repeats words of the prompt: {', '.join(dict.fromkeys(words))}"


def convergence(reading: Reading) -> str | None:
    """Find a right option that combines the elements which the other options share.

    Each option's score is the number of other options that contain its words, summed over its
    words. The right option's score must be well above the second, and it must share different
    words with different options: one common word is a topic, not a convergence.
    """
    if reading.key is None or len(reading.options) <= _MIN_OPTIONS:
        return None
    terms = [content_terms(option) for option in reading.options]
    having = Counter(term for own in terms for term in own)
    at = reading.question.answer
    assert at is not None
    shared = [term for term in terms[at] if 1 < having[term] < len(terms)]
    if len(shared) < _MIN_SHARED:
        return None
    everywhere = {term for term, count in having.items() if count == len(terms)}
    scores = [sum(having[term] - 1 for term in own - everywhere) for own in terms]
    others = max(score for index, score in enumerate(scores) if index != at)
    if scores[at] < CONVERGENCE_RATIO * others:
        return None
    return f"the right option shares most words with the others: {', '.join(sorted(shared))}"


def grammatical_cue(reading: Reading) -> str | None:
    """Find options that do not fit the article or the verb at the end of the prompt."""
    if reading.key is None:
        return None
    article = _ARTICLE.search(reading.prompt)
    if article is not None:
        wanted = (article[1] or article[2]).lower()
        misfits = [text for text in reading.distractors if _article_of(text) != wanted]
        if _article_of(reading.key) == wanted and misfits:
            return f"'{wanted}' does not fit '{misfits[0]}'"
        return None
    verb = _VERB.search(reading.prompt)
    if verb is None or any(len(option.split()) > 3 for option in reading.options):
        return None
    wants_plural = verb[1].lower() in _PLURAL_VERBS
    if _is_plural(reading.key) == wants_plural and all(
        _is_plural(text) != wants_plural for text in reading.distractors
    ):
        return f"only the right option agrees with '{verb[1]}'"
    return None


def odd_form(reading: Reading) -> str | None:
    """Find a right option that alone differs in form: case, full stop, figures, first word."""
    if reading.key is None or len(reading.options) < _MIN_OPTIONS or not reading.key:
        return None
    for what, test in _FORMS:
        own = test(reading.key)
        if all(test(text) != own for text in reading.distractors if text):
            return f"the right option alone {'has' if own else 'lacks'} {what}"
    return None


def _denies(text: str) -> bool:
    words = word_set(text)
    if words & _DENIALS or ("no" in words and words & _NO_EFFECT):
        return True
    return "t" in words and _CONTRACTION.search(text) is not None


def _article_of(text: str) -> str:
    if _CONSONANT_SOUND.match(text) or _CONSONANT_SOUND.match(text.lower()):
        return "a"
    return (
        "an" if _VOWEL_SOUND.match(text) or _VOWEL_SOUND.match(text[:1].lower() + text[1:]) else "a"
    )


def _is_plural(text: str) -> bool:
    last = normal(text).split()[-1:] or [""]
    return last[0].endswith("s") and not last[0].endswith(_SINGULAR_ENDS)


_FORMS = (
    ("a capital letter at the start", lambda text: text[0].isupper()),
    ("a full stop", lambda text: text.endswith(".")),
    ("figures", lambda text: any(map(str.isdigit, text))),
    ("an article at the start", lambda text: text.lower().startswith(("a ", "an ", "the "))),
    ("'to' at the start", lambda text: text.lower().startswith("to ")),
    ("brackets", lambda text: "(" in text),
)

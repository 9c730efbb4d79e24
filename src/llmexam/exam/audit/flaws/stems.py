"""Rules on the prompt (in the literature, the stem)."""

from __future__ import annotations

import re

from llmexam.exam.audit.flaws.reading import Reading
from llmexam.exam.normalise import words_of

MAX_STEM_WORDS = 60
MIN_STEM_WORDS = 3

_NEGATIVE = re.compile(
    # Relative clauses ("children who don't get") are no negation of the question.
    r"(?:(?:^|[.:?!] )\W*(?:in |of |on |for |from |at |to )?which\b|, which (?:of|one)\b)"
    r"(?:(?!\b(?:who|that|which|there|while|when|because|if)\b)[^\"“”.]){0,80}?"
    r"\b(?:is|are|was|were|does|do|did|has|have|can|would|could|will)"
    r"(?:\snot\b|n[’']t\b)"  # noqa: RUF001
    r"|\bexcept\b(?! for\b)[^,]{0,20}\W*$|\bleast likely\b"
    r"|\bwhich\b.{0,80}?\b(?:is|are|was|were) (?:false|untrue|incorrect)\b",
    re.IGNORECASE,
)
_EMPHASISED = re.compile(
    r"\b(?:NOT|EXCEPT|LEAST|FALSE|UNTRUE|INCORRECT|N'T)\b"
    r"|[*_]{1,2}(?:not|except|least|false|incorrect)\b|<(?:b|u|i|em|strong)>",
)
_TRUE_OR_FALSE = re.compile(
    r"\bwhich (?:one )?(?:of (?:the|these) )?(?:\w+ )?"
    r"(?:statements?|options?|choices?|sentences?|following|these|propositions?)\b[^?]{0,60}?"
    r"\b(?:is|are|was|were) (?:not )?(?:always )?"
    r"(?:true|false|correct|incorrect|accurate|inaccurate|valid)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"\?|_{2,}|…|\.\.\.|\[(?:blank|mask|\.\.\.)\]"
    r"|^(?:what|which|who|whom|whose|when|where|why|how|is|are|was|were|does|do|did|can)\b",
    re.IGNORECASE,
)
_COMMAND = re.compile(
    r"\b(?:choose|select|identify|name|give|state|determine|calculate|compute|find|pick|complete|"
    r"solve|estimate|evaluate|consider|explain|describe|define|indicate|suppose|let)\b",
    re.IGNORECASE,
)
_FULL_STOP = re.compile(r"[\w)\]]\.\s*$")
_BLANK = re.compile(r"_{2,}|\[blank\]|\[mask\]", re.IGNORECASE)
_AFTER_BLANK_WORDS = 2


def negative_stem(reading: Reading) -> str | None:
    """Find a negated prompt whose negation is not in capitals or marked."""
    found = _NEGATIVE.search(reading.prompt)
    if found is None or _EMPHASISED.search(reading.prompt):
        return None
    return f"asks for the exception without emphasis: '{_short(found[0][-40:])}'"


def true_false_stem(reading: Reading) -> str | None:
    """Find a prompt that only asks which statement is true or false."""
    found = _TRUE_OR_FALSE.search(reading.prompt)
    return f"asks for true or false statements: '{_short(found[0])}'" if found else None


def unfocused_stem(reading: Reading) -> str | None:
    """Find a prompt without question, blank, instruction or unfinished sentence."""
    n_words = len(words_of(reading.prompt))
    if n_words < MIN_STEM_WORDS and not _BLANK.search(reading.prompt):
        return f"the prompt has {n_words} words"
    if not _FULL_STOP.search(reading.prompt) or _QUESTION.search(reading.lead):
        return None
    if "?" in reading.prompt or _BLANK.search(reading.prompt) or _COMMAND.search(reading.prompt):
        return None
    return "the prompt is a statement, without question, blank or instruction"


def window_dressing(reading: Reading) -> str | None:
    """Find a prompt longer than a question needs."""
    # Counting spaces first, because words are slower to find.
    if reading.prompt.count(" ") < MAX_STEM_WORDS:
        return None
    n_words = len(reading.prompt.split())
    return f"the prompt has {n_words} words" if n_words > MAX_STEM_WORDS else None


def inner_blank(reading: Reading) -> str | None:
    """Find a blank that is not at the end of the prompt."""
    found = _BLANK.search(reading.prompt)
    if found is None or len(words_of(reading.prompt[found.end() :])) <= _AFTER_BLANK_WORDS:
        return None
    return "the blank is not at the end of the prompt"


def _short(text: str) -> str:
    return " ".join(text.split())

"""The parts of a question that the rules look at, each computed once."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache

from llmexam.exam.normalise import normalise
from llmexam.exam.question import Question

# Enough for the options and prompts of a few thousand questions, which several rules read.
_N_CACHED = 1 << 15
_MIN_CONTENT_LETTERS = 3
# Words are cut to this length as a crude stemmer, so that "scatters" matches "scattering".
_STEM_CHARACTERS = 6
_STOP_WORDS_TEXT = (
    "about above after again all also although and another any are because been before being "
    "below between both but can cannot could did does doing done down during each either few for "
    "from had has have having her here his how into its itself just many may might more most "
    "much must nor not off once one only other our out over own per same several shall she should "
    "some such than that the their them then there these they this those through too toward two "
    "under until upon use used very was way were what when where which while who whom whose why "
    "will with within without would you your following called known statement statements true "
    "correct best term name type example examples"
)
_STOP_WORDS = frozenset(_STOP_WORDS_TEXT.split())
_NUMBER = re.compile(
    r"[~≈<>]?\s*[$€£]?[-−+]?\s?\d[\d,]*(?:\.\d+)?(?:\s?[×x]\s?10\s?\^?[-−]?\d+)?"  # noqa: RUF001
)
_NUMERIC = re.compile(
    rf"(?:about |approximately |around )?{_NUMBER.pattern}(?!(?:st|nd|rd|th)\b)\s*(\D*)",
    re.IGNORECASE,
)
_MAX_UNIT_WORDS = 3
_LONGEST_QUANTITY = 300


@lru_cache(_N_CACHED)
def content_terms(text: str) -> frozenset[str]:
    """Return the stemmed words of a text, without stop words and words of one or two letters.

    >>> sorted(content_terms("The galaxies are scattering the light"))
    ['galaxi', 'light', 'scatte']
    """
    return frozenset(
        word[:_STEM_CHARACTERS]
        for word in normal(text).split()
        if word not in _STOP_WORDS and (len(word) >= _MIN_CONTENT_LETTERS or word.isdigit())
    )


@lru_cache(_N_CACHED)
def normal(text: str) -> str:
    """Return the words of a text, joined by spaces."""
    return normalise(text)


@lru_cache(_N_CACHED)
def word_set(text: str) -> frozenset[str]:
    """Return the different words of a text."""
    return frozenset(normal(text).split())


@lru_cache(_N_CACHED)
def number_of(text: str) -> tuple[float, str] | None:
    """Return number and unit of a text that is a quantity, or None.

    >>> number_of("about 1,500 km"), number_of("5 of the planets of the system")
    ((1500.0, 'km'), None)
    """
    if len(text) > _LONGEST_QUANTITY:
        return None
    found = _NUMERIC.fullmatch(text.strip().rstrip("."))
    if found is None or len(found[1].split()) > _MAX_UNIT_WORDS:
        return None
    figures = _NUMBER.search(text)
    assert figures is not None
    digits = re.sub(r"[^\d.eE-]", "", _plain(figures[0]))
    try:
        return float(digits), " ".join(found[1].casefold().split())
    except ValueError:
        return None


def _plain(figures: str) -> str:
    """Return a number with `e` for the power of ten, and an ASCII minus."""
    bare = figures.replace("−", "-").replace(" ", "")  # noqa: RUF001
    return re.sub(r"[×x]10\^?", "e", bare)  # noqa: RUF001


class Reading:
    """A question with what the rules look at.

    Args:
        question: The question.
    """

    def __init__(self, question: Question) -> None:
        self.question = question
        self.prompt = question.prompt.strip()
        self.options = tuple(option.strip() for option in question.options)

    @cached_property
    def lead(self) -> str:
        """The last sentence of the prompt: the question proper."""
        parts = re.split(r"(?<=[.!?])\s+(?=[A-Z_(])", self.prompt)
        return parts[-1]

    @cached_property
    def key(self) -> str | None:
        """The right option, or None."""
        at = self.question.answer
        return None if at is None else self.options[at]

    @cached_property
    def distractors(self) -> tuple[str, ...]:
        """The wrong options; all options of a question without an answer."""
        at = self.question.answer
        return tuple(option for index, option in enumerate(self.options) if index != at)

    @cached_property
    def numbers(self) -> tuple[tuple[float, str] | None, ...]:
        """Number and unit of each option, or None."""
        return tuple(map(number_of, self.options))

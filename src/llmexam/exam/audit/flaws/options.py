"""Rules on the options, whichever is right."""

from __future__ import annotations

import re
from itertools import pairwise

from llmexam.exam.audit.flaws.reading import Reading, normal, word_set
from llmexam.exam.wording import means_all, means_none

_COMBINATION = re.compile(
    r"(?:[Bb]oth |[Oo]nly |[Ee]ither )?(?:\(?[A-E]\)?|[IVX]{1,4}|[ivx]{1,4}|[1-5])"
    r"(?:(?:, ?| and | & | or |, and )(?:\(?[A-E]\)?|[IVX]{1,4}|[ivx]{1,4}|[1-5]))+(?: only)?\.?"
)
_BOTH_LETTERS = re.compile(
    r"\bboth \(?[A-E]\)? and \(?[A-E]\)?\b|\b[A-E] and [A-E] (?:only|both)\b"
)
_VAGUE = frozenset(
    {
        "often",
        "usually",
        "frequently",
        "sometimes",
        "occasionally",
        "rarely",
        "seldom",
        "generally",
        "mostly",
        "commonly",
    }
)
_NUMBER_WORDS = frozenset(
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
)
_MIN_REPEATED_WORDS = 3
_MIN_NUMBERS = 3
_MIN_NESTED_LETTERS = 3


def all_of_the_above(reading: Reading) -> str | None:
    """Find an option that stands for all others."""
    found = next(filter(means_all, reading.options), None)
    return f"'{found}' stands for other options" if found else None


def none_of_the_above(reading: Reading) -> str | None:
    """Find an option that rejects all others."""
    found = next(filter(means_none, reading.options), None)
    return f"'{found}' rejects the other options" if found else None


def k_type(reading: Reading) -> str | None:
    """Find options that combine others by letter or number: "A and C", "I and II only"."""
    found = [
        option
        for option in reading.options
        if _COMBINATION.fullmatch(option) or _BOTH_LETTERS.search(option)
    ]
    # In "5 or 6" and "x and y" the figures and letters may be the answer.
    clear = [option for option in found if re.search(r"[A-EI]|\b[iv]{2,}", option)]
    if not clear:
        return None
    return f"'{clear[0]}' combines other options"


def vague_terms(reading: Reading) -> str | None:
    """Find words of vague frequency in options."""
    found = {word for option in reading.options for word in word_set(option) & _VAGUE}
    return f"an option has the vague term '{min(found)}'" if found else None


def nested_options(reading: Reading) -> str | None:
    """Find an option whose words are part of another option."""
    texts = [normal(option) for option in reading.options]
    for index, text in enumerate(texts):
        # Numbers and signs: "5" is no part of "5 m".
        if len(text) < _MIN_NESTED_LETTERS or reading.numbers[index] is not None:
            continue
        inside = f" {text} "
        for other, longer in enumerate(texts):
            if other != index and text != longer and inside in f" {longer} ":
                return f"'{reading.options[index]}' is part of '{reading.options[other]}'"
    return None


def equal_options(reading: Reading) -> str | None:
    """Find options with the same words."""
    seen: dict[str, str] = {}
    for option in reading.options:
        # Options may differ only in signs: "x + y" and "x - y".
        text = normal(option) if option.replace(" ", "").isalpha() else " ".join(option.split())
        if text and text in seen:
            return f"'{option}' repeats '{seen[text]}'"
        seen[text] = option
    return None


def lost_sequence(reading: Reading) -> str | None:
    """Find quantities of the same unit that are not in numerical order."""
    numbers = [number for number in reading.numbers if number is not None]
    if len(numbers) < max(_MIN_NUMBERS, len(reading.options)):
        return None
    if len({unit for _, unit in numbers}) > 1:
        return None
    values = [value for value, _ in numbers]
    rises = all(a <= b for a, b in pairwise(values))
    falls = all(a >= b for a, b in pairwise(values))
    return None if rises or falls else "quantities are not in numerical order"


def repeated_start(reading: Reading) -> str | None:
    """Find the same words at the start of all options."""
    words = [normal(option).split() for option in reading.options]
    n_same = 0
    for column in zip(*words, strict=False):
        if len(set(column)) > 1:
            break
        n_same += 1
    if n_same < _MIN_REPEATED_WORDS:
        return None
    return f"all options begin with '{' '.join(words[0][:n_same])}'"


def mixed_kinds(reading: Reading) -> str | None:
    """Find a single number among texts, or a single text among numbers."""
    has_figures = [any(map(str.isdigit, option)) for option in reading.options]
    if len(has_figures) < _MIN_NUMBERS:
        return None
    if has_figures.count(True) == 1 and reading.numbers[has_figures.index(True)] is not None:
        return f"'{reading.options[has_figures.index(True)]}' is the only number"
    if has_figures.count(False) == 1 and all(
        number is not None
        for number, figures in zip(reading.numbers, has_figures, strict=True)
        if figures
    ):
        odd = reading.options[has_figures.index(False)]
        is_word = normal(odd) in _NUMBER_WORDS
        if odd and not is_word and not means_all(odd) and not means_none(odd):
            return f"'{odd}' is the only option that is no number"
    return None

"""Parts of a prompt that raise a similarity score without saying anything, and refusals.

Sharpened cosine similarity rewards some tokens under some embedders whatever the true prompt is:
`lucrarea` raised sentence-t5 scores by several points. A score is therefore shown again without
such tokens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

# Tokens that competitors appended because an embedder likes them, and markup of tokenizers.
_STICKY = frozenset({"lucrarea", "lucrari", "articolul", "textul", "imparatul", "unchemat"})
_MARKUP = re.compile(
    r"</?s>|<\|?/?[a-z_]{1,20}\|?>|\[(?:SEP|CLS|PAD|MASK|UNK)\]|<0x[0-9A-F]{2}>", re.IGNORECASE
)
_SPLIT = re.compile(r"\s+")
_EDGES = ".,;:!?\"'()[]{}*_`~-\u2013\u2014\u2026\u201c\u201d\u2018\u2019"
_ABBREVIATION = re.compile(r"[A-Z]{2,}s?$|[A-Z&.]+$")
_JOINTS = re.compile(r"[-'\u2019/.&:,;()]")
# Hashtags, names of users and e-mail addresses.
_ADDRESS = re.compile(r"[#@]\w+|[\w.+-]+@\w[\w.-]*")
READ_AS_MISSING = frozenset(
    {"#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"}
    | {"<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
)
"""What `pandas.read_csv` takes for a missing value by default."""
# Numbers, with a unit or an ordinal ending, and names such as HTML5.
_NUMBERED = re.compile(r"\d+\w{0,3}|[^\W\d_]+\d{1,2}")
_MOST_REPEATED = 6
_REFUSES = (
    r"i(?:['\u2019]m| am) (?:sorry|unable|not able)|i (?:cannot|can['\u2019]t|can not)|"
    r"unable to (?:rewrite|provide|assist|fulfil)"
)
_REFUSAL = re.compile(rf"\b(?:{_REFUSES}|as an ai\b)", re.IGNORECASE)
# A prompt may ask for an apology; only the beginning of an answer tells that it is one.
_REFUSING = re.compile(
    rf"\W*(?:(?:sorry|unfortunately|apologies)\b\W*(?:but )?)?"
    rf"(?:{_REFUSES}|as an ai\b[^.!?\n]*\bi (?:do not|don['\u2019]t|cannot|can['\u2019]t|am)\b)",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(
    r"\s*(?:sure|certainly|of course|absolutely|okay|here(?:['\u2019]s| is| are)|"
    r"i(?:['\u2019]d| would) be happy)\b",
    re.IGNORECASE,
)
# "Sure, here is the poem:" ends with a colon, or is a paragraph of its own.
_COLON = re.compile(r"[^\n]{0,200}?:(?=\s|\Z)\s*")
_PARAGRAPH = re.compile(r"[^\n]{0,200}\n\s*\n\s*")
# Refusals say so at once; later in a text the same words are content.
_OPENING = 200


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A prompt without tokens that say nothing.

    Attributes:
        text: What remains; may be empty.
        removed: The tokens that were removed, in order.
        share: Characters removed, as a share of all characters that are not spaces.
    """

    text: str
    removed: tuple[str, ...]
    share: float


def clean_prompt(prompt: str, *, context: str = "") -> Cleaned:
    """Return a prompt without sticky tokens, markup, gibberish and repetitions.

    Gibberish is a word without vowels or with a letter four times in a row, or a mixture of
    letters, digits and symbols. Words that occur in the context are kept.

    Args:
        prompt: The prompt.
        context: The original and the rewritten text.

    >>> clean_prompt("Rewrite this as a poem lucrarea lucrarea </s>").text
    'Rewrite this as a poem'
    """
    words = [word for word in _SPLIT.split(_MARKUP.sub(" \\g<0> ", prompt)) if word]
    noise = {
        word
        for word in words
        if _MARKUP.fullmatch(word) or _core(word) in _STICKY or _is_gibberish(word.strip(_EDGES))
    }
    if noise and context:
        known = {_core(word) for word in _SPLIT.split(context)}
        noise = {word for word in noise if _core(word) not in known or _core(word) in _STICKY}
    removed = [word for word in words if word in noise]
    kept = [word for word in words if word not in noise]
    unique, repeats = _without_repeats(kept)
    removed += repeats
    n_all = sum(map(len, words))
    share = sum(map(len, removed)) / n_all if n_all else 0.0
    return Cleaned(" ".join(unique) if removed else prompt, tuple(removed), share)


def readable(prompt: str) -> str:
    """Return a prompt that graders do not take for a missing value.

    >>> readable("None"), readable("None of it.")
    ('None.', 'None of it.')
    """
    return f"{prompt}." if prompt.strip() in READ_AS_MISSING else prompt


def is_blank(text: str) -> bool:
    r"""Return whether a text has nothing to read: white space and invisible characters alone.

    >>> is_blank(" \n\u200b"), is_blank("\u2026")
    (True, False)
    """
    return not any(letter.isprintable() and not letter.isspace() for letter in text)


def is_refusal(text: str) -> bool:
    """Return whether a rewritten text begins by refusing the task.

    >>> is_refusal("I'm sorry, but I cannot help with that."), is_refusal("The sea is calm.")
    (True, False)
    """
    return _REFUSAL.search(text[:_OPENING]) is not None


def opens_with_refusal(answer: str) -> bool:
    """Return whether an answer to a question for a prompt refuses it.

    >>> opens_with_refusal("Sorry, I can't help."), opens_with_refusal("Say that you are sorry.")
    (True, False)
    """
    return _REFUSING.match(answer) is not None


def has_preamble(text: str) -> bool:
    """Return whether a rewritten text opens with an answer to the user, such as "Sure, here is".

    >>> has_preamble("Sure, here is the text as a poem:"), has_preamble("Surely not.")
    (True, False)
    """
    return _PREAMBLE.match(text) is not None


def without_preamble(text: str) -> str | None:
    """Return a text without its opening, or None where the opening has no clear end.

    >>> without_preamble("Sure! Here is the poem: The sea is calm.")
    'The sea is calm.'
    """
    for form in (_COLON, _PARAGRAPH):
        match = form.match(text)
        if match is not None:
            return text[match.end() :].strip()
    return None


def _core(word: str) -> str:
    return word.strip(_EDGES).casefold()


@lru_cache(maxsize=65_536)
def _is_gibberish(word: str) -> bool:
    if not word:
        return False
    letters = [c for c in word if c.isalpha()]
    if not letters:
        # Numbers and single signs are content; a run of mixed signs is not.
        return len(word) > 3 and not any(c.isdigit() for c in word)
    # Other scripts join and mark their letters in many ways.
    if not word.isascii() or _ADDRESS.fullmatch(word):
        return False
    parts = [part for part in _JOINTS.split(word) if part]
    if not all(part.isalpha() or _NUMBERED.fullmatch(part) for part in parts):
        return len(word) > 4
    if not word.isalpha() or _ABBREVIATION.fullmatch(word):
        return False
    folded = word.casefold()
    if re.search(r"(.)\1{3}", folded):
        return True
    return len(folded) > 4 and not re.search(r"[aeiouy]", folded)


def _without_repeats(words: list[str]) -> tuple[list[str], list[str]]:
    """Remove a sequence of up to six words that follows itself, and return what was removed."""
    kept: list[str] = []
    cores: list[str] = []
    removed: list[str] = []
    for word in words:
        kept.append(word)
        cores.append(_core(word))
        for n in range(1, min(_MOST_REPEATED, len(cores) // 2) + 1):
            # "very, very" is a style; a single word goes when it stands there three times.
            times = 3 if n == 1 else 2
            tail = cores[-n:]
            if cores[-2 * n : -n] == tail and cores[-times * n :] == tail * times and any(tail):
                removed += kept[-n * (times - 1) :]
                del kept[-n * (times - 1) :], cores[-n * (times - 1) :]
                break
    return kept, removed

"""Find the subject, the verb and the rest of a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from llmexam.authoring.generators.sentences.words import (
    FUNCTION_WORDS,
    GENERIC_NOUNS,
    MODALS,
    PLURAL_VERBS,
    SINGULAR_VERBS,
    is_plural,
    stem,
    word_set,
)

LONGEST_TERM = 4
"""Most words of a term."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A sentence as subject, verb and rest.

    Attributes:
        article: `a`, `an`, `the` or empty: the article of the subject.
        term: The subject without its article, as written in the middle of a sentence.
        plural: Whether the subject is plural.
        verb: The finite verb.
        rest: What follows the verb, with the full stop.
        modifier: Phrase between term and verb, such as `of a molecule`, or empty.
    """

    article: str
    term: str
    plural: bool
    verb: str
    rest: str
    modifier: str = ""

    @property
    def subject(self) -> str:
        """The subject with its article, as written in the middle of a sentence."""
        return " ".join(part for part in (self.article, self.term, self.modifier) if part)


def is_term(words: list[str]) -> bool:
    """Return whether words can be a term: nouns with their modifiers, and no generic noun."""
    if not 1 <= len(words) <= LONGEST_TERM:
        return False
    for word in words:
        lower = word.lower()
        plain = word.replace("-", "").replace("’", "").replace("'", "")  # noqa: RUF001
        if lower in FUNCTION_WORDS or not plain.isalnum() or lower.endswith("ly"):
            return False
        if word[0].isdigit():
            return False
    head = words[-1]
    if head.lower() in _BAD_LAST:
        return False
    if len(head) < 3 or stem(head) in GENERIC_NOUNS or head.lower() in GENERIC_NOUNS:
        return False
    if head.lower().endswith(("ing", "ed", "ous", "ful", "able", "ible", "ical", "ive")):
        return head.lower() in _NOUNS_LIKE_VERBS
    return stem(words[0]) not in _BAD_FIRST


_NOUNS_LIKE_VERBS = word_set(
    """
    wing ring spring lightning bearing string sling seed reed
    """
)
_BAD_LAST = word_set(
    """
    shorter longer larger smaller greater higher lower necessary deep parallel perpendicular
    bound apart alone similar equal present responsible far further late later believe free
    """
)
_BAD_FIRST = word_set(
    """
    drug element causing containing using producing including called known bacterium fungus
    same different new resulting first second third final main major important particular
    entire whole actual good better best large larger small smaller great greater higher
    lower modern early earlier later recent typical ordinary common possible likely unknown
    given remaining simple original own famous next last only additional average total usual
    general similar low high increased decreased increasing decreasing initial severe mild
    strong weak close direct top bottom upper left right human real true false slow fast
    long short heavy heavier lighter hot cold warm bright brighter dim certain numerous
    multiple old young big tiny huge full individual external internal acting applied live
    following additional overall outer inner appropriate available known relative
    corresponding approximate net fluid hypothetical top former latter single above term
    result early many most few
    """
)


def parse_clause(text: str, lower_case: frozenset[str] | None = None) -> Clause | None:
    """Return subject, verb and rest of a sentence whose subject is a term, or None.

    The subject has at most four words and stands directly before the verb, and the two agree
    in number.

    Args:
        text: A sentence.
        lower_case: Words that the corpus has in lower case. A first word that is not among them
            is taken for a name and keeps its capital. None takes every first word for a common
            word unless it has another capital or a digit.
    """
    words = text.split(" ")
    article = ""
    if words[0] in ("A", "An", "The"):
        article = words.pop(0).lower()
    for n_words in range(1, min(LONGEST_TERM, len(words) - 2) + 1):
        verb = words[n_words]
        modifier: list[str] = []
        if verb in _LINKS:
            modifier = _modifier(words[n_words:])
            if not modifier:
                return None
            verb = words[n_words + len(modifier)]
        elif verb not in _VERBS or (
            n_words < len(words) - 2 and _goes_on(verb, words[n_words + 1])
        ):
            continue
        subject = words[:n_words]
        if not is_term(subject):
            return None
        plural = is_plural(subject[-1])
        if not _agrees(verb, plural) or (plural and article in ("a", "an")):
            return None
        term = " ".join(subject)
        if not article:
            term = lowered(term, lower_case)
            if not plural and term[0].islower() and not _is_mass(subject[-1]):
                return None
        elif article == "the" and n_words == 1 and not modifier and term[0].islower():
            return None  # "The virus" is one that the text told of before.
        rest = " ".join(words[n_words + len(modifier) + 1 :])
        return Clause(article, term, plural, verb, rest, " ".join(modifier))
    return None


_LINKS = frozenset(["of", "in", "between", "from", "on"])
_LONGEST_MODIFIER = 9


def _modifier(words: list[str]) -> list[str]:
    """Return the words of a phrase such as `of a molecule or ion` before a verb, or none."""
    for n_words in range(2, min(_LONGEST_MODIFIER, len(words) - 2) + 1):
        word = words[n_words]
        if word in _CERTAIN_VERBS:
            return words[:n_words] if words[n_words - 1].lower() not in FUNCTION_WORDS else []
        if not word.replace("-", "").isalnum() or word in _CLAUSE_STARTS or word.endswith("ly"):
            return []
    return []


_CERTAIN_VERBS = SINGULAR_VERBS - {"forms", "works", "stores", "uses", "starts", "results"} | {
    "are",
    "have",
    "can",
    "may",
}
_CLAUSE_STARTS = word_set(
    """
    that which who whom whose when where if because it they we and
    """
)
_VERBS = SINGULAR_VERBS | PLURAL_VERBS | MODALS


def _goes_on(verb: str, following: str) -> bool:
    """Return whether a verb form is rather a noun inside the subject."""
    return following in _VERBS and verb not in ("is", "are", "was", "were", "has", "have")


def _agrees(verb: str, plural: bool) -> bool:
    if verb in MODALS:
        return True
    return verb in PLURAL_VERBS if plural else verb in SINGULAR_VERBS


_MASS_ENDINGS = [
    "tion",
    "sion",
    "ity",
    "ism",
    "ics",
    "ology",
    "ance",
    "ence",
    "ment",
    "ness",
    "ase",
    "ose",
    "itis",
    "osis",
    "emia",
    "gen",
    "ium",
    "ine",
    "ide",
    "ate",
    "ite",
    "ysis",
    "asis",
    "ship",
    "age",
    "ure",
    "ics",
    "graphy",
    "metry",
    "scopy",
    "sis",
    "ia",
    "us",
    "oxide",
    "um",
    "energy",
    "light",
    "water",
    "air",
    "heat",
    "gas",
    "matter",
    "power",
    "radiation",
    "current",
    "blood",
    "mass",
    "sound",
    "dust",
    "gold",
    "iron",
    "ice",
    "steel",
]


def _is_mass(word: str) -> bool:
    """Return whether a singular noun is used without an article, judged by its ending."""
    return word.lower().endswith(tuple(_MASS_ENDINGS))


def lowered(term: str, lower_case: frozenset[str] | None) -> str:
    """Return a phrase with its first word in lower case, unless it is a name or a symbol."""
    first = term.split(" ", 1)[0]
    if any(sign.isupper() or sign.isdigit() for sign in first[1:]):
        return term
    if (
        lower_case is not None
        and first.lower() not in lower_case
        and (first.lower() not in FUNCTION_WORDS)
    ):
        return term
    return term[0].lower() + term[1:]

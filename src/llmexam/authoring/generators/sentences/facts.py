"""Find definitions, reasons, causes and superlatives in sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass

from llmexam.authoring.generators.sentences.clauses import Clause, is_term, lowered, parse_clause
from llmexam.authoring.generators.sentences.words import (
    FUNCTION_WORDS,
    PRONOUNS,
    is_plural,
    stem,
    word_set,
)


@dataclass(frozen=True, slots=True)
class Definition:
    """A term and what it means.

    Attributes:
        term: The term without its article.
        plural: Whether the term is plural.
        meaning: A noun phrase, as written in the middle of a sentence.
        kind: Stem of the head noun of the meaning, such as `device`, or empty.
    """

    term: str
    plural: bool
    meaning: str
    kind: str


@dataclass(frozen=True, slots=True)
class Reason:
    """A fact and why it is so, both as clauses without a full stop."""

    fact: str
    reason: str


@dataclass(frozen=True, slots=True)
class Cause:
    """What has an effect, and the rest of the sentence.

    Attributes:
        term: The cause, without its article.
        article: Its article, or empty.
        plural: Whether it is plural.
        verb: The verb as it follows "Which of the following".
        effect: What is caused.
    """

    term: str
    article: str
    plural: bool
    verb: str
    effect: str


_CALLED = re.compile(
    r"(?P<meaning>[A-Z][^,]+?) (?P<verb>is|are) (?:commonly |often |usually |sometimes |also )?"
    r"(?:called|known as|termed|referred to as) (?:(?:a|an|the) )?(?P<term>[^,.]+?)"
    r"(?:, (?:and|which|because|so|while|whereas) .*)?\."
)
_MEANS = re.compile(
    r"(?:(?:A|An|The) )?(?P<term>[^,]+?) (?:refers to|(?P<verb>is|are) defined as) "
    r"(?P<meaning>(?:a|an|the) [^,]+)\."
)
_APPOSED = re.compile(
    r"(?P<meaning>[A-Z][^,]+?), (?:called|known as|termed) (?:(?:a|an|the) )?(?P<term>[^,.]+?), "
    r"(?P<verb>is|are|can|may|has|have|was|were|\w+s?)\b.*\."
)
_RESTRICTED = re.compile(
    r" (?:that|which|who|whose|where|of|in|for|from|between|used|by|with|to|made|formed|caused|"
    r"composed|consisting|containing|produced|having|at|on) "
)
_TAIL = re.compile(
    r",? (?:but|so|because|whereas|while|although|since) .*|, (?:and|which) .*|"
    r" and (?:is|are|can|has|have|was|were|may) .*"
)
_NOT_A_MEANING = re.compile(
    r"(?:the|a|an) (?:same|most|least|only|first|second|third|main|primary|major|result|reason|key|"
    r"example|case|one|way|good|great|very|few|little|lot|number of|function of|best|critical|"
    r"important|common|common|consequence|product of|topic|subject|problem|basis|fact|idea|"
    r"challenge|matter|more|less|\w+est|\w+er than|slightly|much|bit|focus|source|sum of|"
    r"promising|useful|familiar|popular|strong|simple|direct|excellent|relatively|next|answer|"
    r"reverse|opposite|magnitude|cause|ones?|member|distance|situation|quantity|"
    r"gas at|kind of|part|alternative|generally|commonly|cause of|emitter|"
    r"structure designed|similar)\b"
)
_LINKED = re.compile(
    r"\b(?:it|they|them|its|their|there|one|ones|itself|not|no|as well|also|either|neither|both)\b"
)


def find_definition(text: str, lower_case: frozenset[str]) -> Definition | None:
    """Return the definition that a sentence gives, or None."""
    called = _CALLED.fullmatch(text) or _APPOSED.fullmatch(text)
    if called is not None:
        return _from_called(called, lower_case)
    means = _MEANS.fullmatch(text)
    if means is not None:
        words = lowered(means["term"], lower_case).split(" ")
        if not is_term(words):
            return None
        plural = is_plural(words[-1])
        return _definition(" ".join(words), plural, means["meaning"])
    clause = parse_clause(text, lower_case)
    if clause is None or clause.modifier or clause.verb not in ("is", "are"):
        return None
    meaning = _TAIL.sub("", clause.rest.removesuffix("."), count=1)
    if "," in meaning or (not clause.plural and not meaning.startswith(("a ", "an ", "the "))):
        return None
    if clause.plural and not _plural_noun_first(meaning):
        return None
    return _definition(clause.term, clause.plural, meaning)


def _plural_noun_first(meaning: str) -> bool:
    """Return whether a meaning starts with a plural noun phrase such as `large cells that`."""
    for word in meaning.split(" ")[:3]:
        if word.lower() in FUNCTION_WORDS or word.endswith(("ed", "ly", "ing")):
            return False
        if is_plural(word):
            return True
    return False


def _from_called(match: re.Match[str], lower_case: frozenset[str]) -> Definition | None:
    words = match["term"].split(" ")
    plural = is_plural(words[-1])
    if not is_term(words) or match["verb"] == ("is" if plural else "are"):
        return None
    meaning = lowered(match["meaning"], lower_case)
    if re.search(r"\b(?:is|are|was|were|has|have)\b", meaning.split(" that ")[0].split(" who ")[0]):
        return None
    return _definition(" ".join(words), plural, meaning)


def _definition(term: str, plural: bool, meaning: str) -> Definition | None:
    if meaning.split(" ")[-1].lower() in FUNCTION_WORDS or meaning.endswith("-"):
        return None
    n_words = meaning.count(" ") + 1
    if not 5 <= n_words <= 25 or not _RESTRICTED.search(meaning):
        return None
    if _NOT_A_MEANING.match(meaning) or _LINKED.search(meaning):
        return None
    if meaning.split(" ", 1)[0].lower() in PRONOUNS:
        return None
    return Definition(term, plural, meaning, _kind(meaning))


_PARTICIPLES = word_set(
    """
    made left capable found known able built left sent seen given
    """
)
_KINDS = word_set(
    """
    type kind form class group measure member set family
    """
)


def _kind(meaning: str) -> str:
    """Return the stem of the head noun: `device` of `a small device that measures pressure`."""
    head = ""
    for word in meaning.replace(",", " ,").split(" "):
        lower = word.lower()
        if lower in ("a", "an", "the") and not head:
            continue
        if lower in _PARTICIPLES or (head and lower in FUNCTION_WORDS):
            if head in _KINDS:
                head = ""
                continue
            break
        if lower in FUNCTION_WORDS or lower.endswith(("ing", "ed")) or lower == ",":
            if not head:
                continue
            if head in _KINDS:
                head = ""
                continue
            break
        head = stem(word)
    return head


_WEAK_REASON = re.compile(
    r"\b(?:only|simply|just|mainly|probably|primarily|partly|largely|precisely|perhaps|mostly|"
    r"because|not|likely|part|be|especially|particularly|is|are|was|were|and|but|or|also|when|if)$"
)


def find_reason(text: str, lower_case: frozenset[str]) -> Reason | None:
    """Return the fact and the reason of a sentence with `because`, or None."""
    if text.count("because") + text.count("Because") != 1 or "ecause of" in text:
        return None
    if text.startswith("Because "):
        reason, _, fact = text[len("Because ") : -1].partition(", ")
        if "," in fact:
            return None
    else:
        fact, _, reason = text[:-1].partition(" because ")
        fact = lowered(fact.removesuffix(","), lower_case)
    if _WEAK_REASON.search(fact) or fact.count(",") or reason.count(",") > 0:
        return None
    if _LINKED.search(fact) or _LINKED.search(reason.replace("their", "").replace("its", "")):
        return None
    first = reason.split(" ", 1)[0].lower()
    if first in PRONOUNS or first in ("that", "in", "when", "if", "at", "some", "by", "without"):
        return None
    if "reason" in fact or "purpose" in fact:
        return None
    n_words = (fact.count(" ") + 1, reason.count(" ") + 1)
    if not (5 <= n_words[0] <= 25 and 5 <= n_words[1] <= 22):
        return None
    if re.match(r"(?:when|if|although|while|in|at|for|on|since|after|as|during|by|to)\b", fact):
        return None
    return Reason(fact, reason)


_EFFECT_VERBS = word_set(
    """
    causes cause leads lead results result produces produce prevents prevent
    """
)
_CAUSED = re.compile(
    r"(?P<effect>[A-Z][^,]+?) (?P<verb>is|are) caused by (?:(?P<article>a|an|the) )?"
    r"(?P<term>[^,]+?)\."
)


def find_cause(text: str, lower_case: frozenset[str]) -> Cause | None:
    """Return the cause that a sentence names, or None."""
    passive = _CAUSED.fullmatch(text)
    if passive is not None:
        words = passive["term"].split(" ")
        effect = lowered(passive["effect"], lower_case)
        if not is_term(words) or _LINKED.search(effect):
            return None
        if re.search(r"\b(?:is|are|that|which)\b", effect):
            return None
        plural = is_plural(words[-1])
        verb = "cause" if plural else "causes"
        return Cause(passive["term"], passive["article"] or "", plural, verb, effect)
    clause = parse_clause(text, lower_case)
    if clause is None or clause.modifier:
        return None
    verb, effect = clause.verb, clause.rest.removesuffix(".")
    if verb in ("can", "may"):
        following, _, effect = effect.partition(" ")
        if following not in _EFFECT_VERBS:
            return None
        verb = f"{verb} {following}"
    elif verb not in _EFFECT_VERBS:
        return None
    if ("lead" in verb and not effect.startswith("to ")) or (
        "result" in verb and not effect.startswith("in ")
    ):
        return None
    effect = _TAIL.sub("", effect, count=1)
    if "," in effect or effect.count(" ") < 3 or _LINKED.search(effect):
        return None
    return Cause(clause.term, clause.article, clause.plural, verb, effect)


_SUPERLATIVE = re.compile(
    r"the (?:single )?(?:(?:second|third|fourth) )?(?:most|least|\w{3,}est)\b(?! of the| part)"
)


def find_superlative(clause: Clause) -> str | None:
    """Return the rest of a sentence such as `X is the largest planet of ...`, or None."""
    if (
        clause.modifier
        or clause.verb not in ("is", "are")
        or _SUPERLATIVE.match(clause.rest) is None
    ):
        return None
    rest = _TAIL.sub("", clause.rest.removesuffix("."), count=1)
    if "," in rest or rest.count(" ") < 3 or _LINKED.search(rest):
        return None
    return rest if _RESTRICTED.search(rest) else None

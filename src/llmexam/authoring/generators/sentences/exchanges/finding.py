"""Find what can be exchanged in a sentence so that it becomes false for certain."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmexam.authoring.generators.sentences.exchanges.exchange import Exchange
from llmexam.authoring.generators.sentences.exchanges.opposites import (
    AMOUNTS,
    COMPARATIVES,
    DIRECTIONS,
    FIRST_AMOUNTS,
    PROPERTIES,
    RELATIONS,
    SUPERLATIVES,
)
from llmexam.authoring.generators.sentences.words import (
    PLURAL_VERBS,
    SINGULAR_VERBS,
    is_plural,
)


def _any_of(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


# A possibility and its opposite can both be true, and so can a choice.
_HEDGED = re.compile(
    r"\b(?:may|might|could|would|should|sometimes|occasionally|perhaps|possibly|probably|either|"
    r"neither|nor|unless|until|suggests?|suggested|thought|think|believed?|hypothes\w+|appears?|"
    r"seems?|seemed|if|whether|depending|except|even|hardly|barely|rather|instead|"
    r"claimed|proposed|in (?:theory|principle)|try|tried|attempt\w*|expected|"
    r"more or less|no longer|not only)\b"
)
_DENIED = re.compile(
    r"\b(?:not|no|never|cannot|without|[Nn]one|[Nn]othing|few|[Nn]o|[Aa]ll but)\b|n['’]t\b"  # noqa: RUF001
)
# A clause that restricts what is spoken about: its opposite may be true of other things.
_RESTRICTED = re.compile(
    r"\b(?:that|which|who|whose|whom|where|when|while|whereas|because|since|as|how|why|than|although|"
    r"though|so|such|with|for|by|after|before|once|whenever|what|some|several|certain|other|"
    r"others|many|various|can|only)\b",
    re.IGNORECASE,
)
_ADVERB = (
    r"(?:(?:\w+ly|much|far|even|always|very|so|quite|also|often|almost|still|usually|a lot|"
    r"somewhat|about|now|both|all|more|most|too|extremely) ){0,2}"
)
_BE = r"(?:is|are|was|were|remains?|becomes?|became)"
_COMPARISON = re.compile(
    rf"\b(?:{_BE}|has|have|had|occurs?|moves?|travels?|lives?|acts?|grows?) "
    rf"(?:an? )?(?:\w+ly |about |at least |"
    rf"\d[\d,.]* times |many times |"
    rf"several times |much |far |a little |slightly |somewhat |even ){{0,2}}"
    rf"(?P<word>{_any_of(COMPARATIVES)})\b(?P<rest>(?: [\w-]+){{0,3}}) than\b"
)
_DIRECTION_WORD = re.compile(
    rf"\b(?:{_any_of(DIRECTIONS)}|{_any_of(COMPARATIVES)}|reduces?d?|reduction|decline\w*|"
    r"drops?|dropped|grew|fell|rose|lost|growth|smaller)\b"
)
_DIRECTION = re.compile(rf"\b(?P<word>{_any_of(DIRECTIONS)})\b")
_PROPERTY = re.compile(
    rf"\b{_BE} {_ADVERB}(?:an? (?!few|little))?(?P<word>{_any_of(PROPERTIES)})\b(?!-)"
)
_HAVING = re.compile(
    r"\b(?:has|have) (?:an? )(?:(?:very|relatively|extremely|net|fairly) )?"
    r"(?P<word>positive|negative|high|low|large|small|long|short|strong|weak|thick|thin)\b(?!-)"
)
_AMOUNT = re.compile(rf"(?<!most )(?<!more )(?<!very )(?<!too )\b(?P<word>{_any_of(AMOUNTS)})\b")
_FIRST_AMOUNT = re.compile(rf"(?P<word>{_any_of(FIRST_AMOUNTS)})\b(?! (?:important|likely|often))")
_SUPERLATIVE = re.compile(
    rf"\b[Tt]he (?:single |second |third |very )?(?P<word>{_any_of(SUPERLATIVES)})\b"
    r"(?! (?:of the time|part))"
)
_RELATION = re.compile(rf"\b(?P<word>{_any_of(RELATIONS)})\b(?!-)")
_NOT = re.compile(
    r"\b(?:(?P<be>is|are|was|were|has|have|had|can|will|do|does|did)(?: not|n['’]t)|cannot|can not)"  # noqa: RUF001
    r" (?P<verb>\w+)"
)
_AFTER_NOT = frozenset(
    "only just any yet all always every necessarily so as even until be too much either because "
    "the to merely simply completely entirely quite very usually".split()
)
_NEGATIVE_SCOPE = re.compile(
    r"\b(?:any|but|because|yet|unless|until|either|nor|neither|without|although|instead|rather|"
    r"every|all|both|only|ever|anymore|no|never|so|even|much|many|at all|whether|if|as)\b"
)
_VERBS = SINGULAR_VERBS | PLURAL_VERBS
_WORDS = re.compile(r"[\w-]+")


def find_exchanges(text: str) -> list[Exchange]:
    """Return the exchanges that make a sentence false, the most certain kinds first.

    A sentence with a hedge ("may", "sometimes", "either") gives none, since its opposite can be
    true as well. Parts of clauses that restrict what the sentence is about are left alone.
    """
    if _HEDGED.search(text):
        return []
    if _DENIED.search(text):
        return list(_denials(text))
    return [
        *_comparisons(text),
        *_first_amounts(text),
        *_superlatives(text),
        *_directions(text),
        *_relations(text),
        *_properties(text),
        *_amounts(text),
    ]


def _exchange(match: re.Match[str], opposites: dict[str, str], kind: str) -> Exchange:
    return Exchange(match.start("word"), match.end("word"), opposites[match["word"]], kind)


def _is_stated(text: str, start: int) -> bool:
    """Return whether a place is in the main clause, after its subject, and not in a restriction."""
    segment = text[:start]
    comma = segment.rfind(", ")
    if comma >= 0 and (
        segment[comma + 2 :].startswith(("which ", "who ", "and ", "or ", "where "))
        or segment.count(",") > 1
    ):
        return False
    segment = segment[comma + 1 :].strip()
    return bool(segment) and _RESTRICTED.search(segment) is None


def _comparisons(text: str) -> Iterator[Exchange]:
    if len(re.findall(r"\bthan\b", text)) != 1 or re.search(r"\b(?:rather|other) than\b", text):
        return
    match = _COMPARISON.search(text)
    if match is None or not _is_stated(text, match.start("word")):
        return
    others = [one for one in _DIRECTION_WORD.finditer(text) if one.start() != match.start("word")]
    if others or re.search(r"\band\b", text[match.end() :]):
        return
    new = COMPARATIVES[match["word"]]
    if match["word"] == "more" and match["rest"].strip().endswith("s"):
        new = "fewer"
    yield Exchange(match.start("word"), match.end("word"), new, "comparison")


def _first_amounts(text: str) -> Iterator[Exchange]:
    match = _FIRST_AMOUNT.match(text)
    if match is not None and _NO_AMOUNT.match(text) is None:
        following = text[match.end() :].split(" ")[1:4]
        # "Few" needs a plural: "Most of the salt" and "Most matter" stay.
        if not any(is_plural(word) for word in following):
            return
        yield _exchange(match, FIRST_AMOUNTS, "amount")


_NO_AMOUNT = re.compile(
    r"(?:Most|All|Few) (?:of|in|if|at|\w+ly|other|two|three|four|five|the)\b|"
    r"(?:Nearly|Almost) all the\b"
)


def _superlatives(text: str) -> Iterator[Exchange]:
    found = list(_SUPERLATIVE.finditer(text))
    if len(found) != 1:
        return
    match = found[0]
    before = text[: match.start()]
    is_subject = not before and re.search(r" (?:is|are|was|were) ", text) is not None
    if not is_subject and not (_AFTER_BE.search(before) and _is_stated(text, match.start("word"))):
        return
    if match["word"] != "most" or _SCALE.match(text[match.end() :]):
        yield _exchange(match, SUPERLATIVES, "superlative")


_AFTER_BE = re.compile(r"\b(?:is|are|was|were)(?: one of| among| by far)? $")
_SCALE = re.compile(
    r" (?:common|abundant|important|massive|luminous|stable|distant|frequent|reactive|powerful|"
    r"effective|severe|widespread|widely|commonly|frequently|numerous|prevalent|popular)\b"
)


def _directions(text: str) -> Iterator[Exchange]:
    if len(_DIRECTION_WORD.findall(text)) != 1:
        return
    match = _DIRECTION.search(text)
    if match is None or not _is_stated(text, match.start("word")):
        return
    before = text[: match.start("word")].split(" ")
    previous = before[-2].lower() if len(before) > 1 else ""
    word = match["word"]
    following = text[match.end("word") :]
    is_verb = word.endswith("s") or word.endswith("ed") or word in PLURAL_VERBS
    if previous in ("an", "a", "the", "this", "of", "in") and not following.startswith(" in "):
        return
    if word.endswith("ed") and previous not in ("is", "are", "has", "have", "was", "were"):
        return
    if word.endswith("ing") and previous not in ("is", "are", "was", "were"):
        return
    if is_verb or previous in ("an", "a", "to"):
        yield _exchange(match, DIRECTIONS, "direction")


def _relations(text: str) -> Iterator[Exchange]:
    found = list(_RELATION.finditer(text))
    if len(found) != 1 or re.match(r" (?:more|less|\w+ly more|both)\b", text[found[0].end() :]):
        return
    if ", but" not in text and _is_stated(text, found[0].start("word")):
        yield _exchange(found[0], RELATIONS, "relation")


def _properties(text: str) -> Iterator[Exchange]:
    for pattern in (_PROPERTY, _HAVING):
        match = pattern.search(text)
        if match is None or not _is_stated(text, match.start()):
            continue
        new = PROPERTIES[match["word"]]
        if re.search(rf"\b{re.escape(new)}\b", text) or len(_DIRECTION_WORD.findall(text)) > 0:
            continue
        if _UNFIT_SUBJECT.search(text[: match.start()]) or ", but" in text or "however" in text:
            continue
        if new.startswith("different") and "ly " in text[match.start() : match.start("word")]:
            continue
        if re.match(
            r" (?:enough|in that|as|compared|only|when|at|during|until)\b", text[match.end() :]
        ):
            continue
        if text[match.end() :].startswith(" phosphatase"):
            continue
        yield _exchange(match, PROPERTIES, "property")


_UNFIT_SUBJECT = re.compile(r"\b(?:tests?|results?|signs?|values?|answers?|[Ii]t|effects?)\b")


def _amounts(text: str) -> Iterator[Exchange]:
    match = _AMOUNT.search(text)
    if match is None or re.match(r" (?:because|when|if|only|of|as)\b", text[match.end() :]):
        return
    if _is_stated(text, match.start("word")) and ", but" not in text:
        yield _exchange(match, AMOUNTS, "amount")


_CONTRAST = re.compile(
    r"\b(?:but|[Aa]lthough|[Ww]hile|because|[Ww]hen|however|[Uu]nlike|[Dd]espite|understood|known|"
    r"studied|available|[Bb]ecause|[Ss]ince|[Mm]ost|[Mm]any|than|also|considered)\b"
)


def _denials(text: str) -> Iterator[Exchange]:
    """Yield the sentence without its only negation."""
    if len(_DENIED.findall(text)) != 1:
        return
    match = _NOT.search(text)
    if (
        match is None
        or match["verb"] in _AFTER_NOT
        or _CONTRAST.search(text)
        or not _is_stated(text, match.start())
    ):
        return
    if _NEGATIVE_SCOPE.search(text[match.end() :]):
        return
    verb, be = match["verb"], match["be"] or "can"
    if be == "did":
        return
    if be == "do":
        new = verb
    elif be == "does":
        new = next(
            (one for one in (f"{verb}s", f"{verb}es", f"{verb[:-1]}ies") if one in _VERBS), ""
        )
        new = "has" if verb == "have" else new
        if not new:
            return
    else:
        new = f"{be} {verb}"
    yield Exchange(match.start(), match.end(), new, "denial")

"""How strongly an answer prefers or rejects the options that it mentions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import IntEnum

from llmexam.exam.normal_forms import normal_form
from llmexam.solvers.served import cue_words as words

# A line on one option, as in a list of options.
_LABEL_LINE = re.compile(r"(?:[-*\u2022] *)?(?:[(\[]?[A-Z][).:\]]|[A-Z] ?[-\u2013\u2014:=])")
# Characters around a mention that are read to judge it.
_BEFORE = 100
_AFTER = 80
_MOST_WORDS_BEFORE = 10
_MOST_WORDS_AFTER = 8
_QUOTES = "\"'“”«»„\u2018\u2019"
_DASHES = "-\u2013\u2014→=⇒>"
_OPENING = f" \t\n([{{<「『【《{_QUOTES}{_DASHES}"
_CAPITALS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_OPENING_HERE = _OPENING.replace("\n", "")
_PUNCTUATION = f".,:;!?()[]{{}}「」『』【】。、|/\\¿¡،؟।{_QUOTES}{_DASHES}"
_SENTENCE_ENDS = (".", "!", "?", ";", "。", "؟", "।")


class Strength(IntEnum):
    """How a mention is preferred; of mentions of the same strength, the last one counts."""

    REJECTED = -1
    BARE = 0
    LABELLED = 1
    CONCLUDED = 2
    STATED = 3


def _folded(text: str) -> str:
    return normal_form(text).casefold()


def _fold(found: Iterable[str]) -> frozenset[str]:
    return frozenset(map(_folded, found))


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(normal_form(pattern))


_CUES, _LABELS, _CONCLUDING = _fold(words.CUES), _fold(words.LABELS), _fold(words.CONCLUDING)
_FILLERS, _REJECTING = _fold(words.FILLERS), _fold(words.REJECTING)
_VERBS = _fold(words.VERBS)
_APPROVING, _DISAPPROVING = _fold(words.APPROVING), _fold(words.DISAPPROVING)
_BREAKS = _fold(words.BREAKS)
_COPULAS, _ARTICLES = _fold(words.COPULAS), frozenset(("a", "an", "the"))
_BEGINNINGS = tuple(map(_folded, words.CUE_BEGINNINGS))
_SPACELESS_CUE = _compiled(words.SPACELESS_CUE)
_SPACELESS_LABEL = _compiled(words.SPACELESS_LABEL)
_SPACELESS_REJECTING = _compiled(words.SPACELESS_REJECTING)
_SPACELESS_DISAPPROVING = _compiled(words.SPACELESS_DISAPPROVING)
_SPACELESS_APPROVING = _compiled(words.SPACELESS_APPROVING)


_WEAKER = dict.fromkeys(_LABELS, Strength.LABELLED) | dict.fromkeys(_CONCLUDING, Strength.CONCLUDED)


def lead_strength(text: str, start: int) -> Strength:
    """Return how what stands before a mention prefers it.

    >>> lead_strength("I think the right answer is B", 28)
    <Strength.STATED: 3>
    >>> lead_strength("It is not B", 10)
    <Strength.REJECTED: -1>

    Args:
        text: The answer, as `mentions.plain` returns it.
        start: Start of the mention.
    """
    lead = _same_part(text[max(0, start - _BEFORE) : start]).rstrip(_OPENING)
    if not lead.isascii():
        if _SPACELESS_REJECTING.search(lead):
            return Strength.REJECTED
        if _SPACELESS_CUE.search(lead):
            return Strength.STATED
    strength = _strength_of_words(_words_of(lead))
    if strength is Strength.BARE and not lead.isascii() and _SPACELESS_LABEL.search(lead):
        return Strength.LABELLED
    return strength


def _words_of(lead: str) -> list[str]:
    """Return the words of a text; the last of each line but the last one ends with a line break."""
    lines = [line.split() for line in lead.split("\n")]
    lines = [line for line in lines if line]
    for line in lines[:-1]:
        line[-1] += "\n"
    return [word for line in lines for word in line]


def _strength_of_words(found: Sequence[str]) -> Strength:
    """Return how the words before a mention prefer it, the nearest ones first."""
    strength = Strength.BARE
    following = ""
    rejects = True  # "No, it is B" does not reject B
    for step, ended in enumerate(reversed(found[-_MOST_WORDS_BEFORE:])):
        raw = ended.rstrip("\n")
        word = _word(raw)
        rejects = rejects and not raw.endswith(",")
        if raw.endswith(_SENTENCE_ENDS):
            break
        if len(word) == 1 and raw.strip(_PUNCTUATION) in _CAPITALS:
            # Another option: "B is a salt" does not name the option "salt".
            return Strength.BARE if following in _COPULAS else strength
        if word in _REJECTING or word.endswith("n't"):
            return Strength.REJECTED if rejects else strength
        if word in _CUES or word.startswith(_BEGINNINGS):
            return _strength_of_cue(raw, found[: len(found) - step - 1], strength)
        if word and word not in _LABELS | _CONCLUDING | _FILLERS:
            break
        strength = max(strength, _WEAKER.get(word, Strength.BARE))
        following = word if word not in _ARTICLES else following
    return strength


def _strength_of_cue(raw: str, earlier: Sequence[str], strength: Strength) -> Strength:
    """Return how a cue prefers an option: "incorrect answers: B" rejects it."""
    for before in reversed(earlier[-2:]):
        if before.endswith((",", "\n", *_SENTENCE_ENDS)):
            break
        if _word(before) in _DISAPPROVING:
            return strength if raw.endswith(",") else Strength.REJECTED
    return Strength.STATED


def judgement(text: str, end: int) -> Strength:
    """Return how what follows a mention judges it: STATED, REJECTED, or BARE for not at all.

    >>> judgement("B is the correct choice", 1), judgement("B: no, it rusts", 1)
    (<Strength.STATED: 3>, <Strength.REJECTED: -1>)

    Args:
        text: The answer, as `mentions.plain` returns it.
        end: End of the mention.
    """
    rest = text[end : end + _AFTER].casefold()
    if not rest.isascii():
        if _SPACELESS_DISAPPROVING.search(rest):
            return Strength.REJECTED
        if _SPACELESS_APPROVING.search(rest):
            return Strength.STATED
    match = re.match(r"[)\]\"'”».]*[ ,]{0,2}([:?\-\u2013\u2014(=,]*)", rest)
    assert match is not None
    is_judged = bool(match[1].strip(",")) or rest[match.end() :].lstrip().startswith(
        tuple("✓✔✅✗✘❌")
    )
    rest = rest[match.end() :].split("\n")[0]
    for step, raw in enumerate(rest.split()[:_MOST_WORDS_AFTER]):
        word = _word(raw) or raw
        if not step and not is_judged and word not in _VERBS:
            # "B correct" has no verb, but "B correctly" and "B no longer" are other sentences.
            ends = raw.endswith(_SENTENCE_ENDS) or len(rest.split()) == 1
            if not ends or word not in _APPROVING | _DISAPPROVING:
                return Strength.BARE
        if word in _DISAPPROVING or word.endswith(("n't", "cannot")):
            return Strength.REJECTED
        if word in _APPROVING:
            return Strength.STATED
        if word in _BREAKS or raw.endswith((*_SENTENCE_ENDS, ",")) or word in ("would", "could"):
            return Strength.BARE
    return Strength.BARE


def follows_cue(text: str, start: int) -> bool:
    """Return whether the word directly before a mention is a cue: "answer A" of "answer A is"."""
    lead = text[max(0, start - _BEFORE) : start].casefold().rstrip(" (\"',")
    return bool(lead) and (lead.split() or [""])[-1] in _CUES


def stands_alone(text: str, start: int, end: int) -> bool:
    """Return whether a mention is the first or the last line of an answer that explains it.

    Args:
        text: The answer, as `mentions.plain` returns it.
        start: Start of the mention.
        end: End of the mention.
    """
    before, after = text[max(0, start - _BEFORE) : start].rstrip(_OPENING_HERE), text[end:]
    rest = after[:_AFTER].lstrip(_PUNCTUATION + " ")
    if not before:
        return rest.startswith("\n") and not _LABEL_LINE.match(rest[1:])
    return before.endswith("\n\n") and not rest.strip()


def _same_part(lead: str) -> str:
    """Return what stands before a mention without lines on other options: "A: correct"."""
    line = lead.rstrip(_OPENING)
    begin = line.rfind("\n") + 1
    crosses = "\n" in lead[len(line) :]
    return lead[len(line) :] if crosses and _LABEL_LINE.match(line, begin) else lead


def _word(raw: str) -> str:
    """Return a word without punctuation and without a shortened article before it: "l'option"."""
    word = raw.strip(_PUNCTUATION).replace("\u2019", "'").casefold()
    head, mark, tail = word.rpartition("'")
    return tail if mark and len(head) <= 2 and head in ("l", "d", "qu", "un", "n", "s") else word

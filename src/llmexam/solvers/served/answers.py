"""Parsing of text answers into an order of the options, strictly and then leniently."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llmexam.exam.letters import letter_of
from llmexam.solvers.served.conclusions import (
    Strength,
    follows_cue,
    judgement,
    lead_strength,
    stands_alone,
)
from llmexam.solvers.served.mentions import Mention, find_letters, find_quoted, find_runs, plain
from llmexam.solvers.served.structured import marked_parts
from llmexam.solvers.served.thoughts import without_thoughts

_STRICT = re.compile(r"\(?([A-Z])[).]?(?:\s*[,;>\s]\s*\(?[A-Z][).]?)*\.?")
_SMALL = re.compile(r"\(?([a-z])[).:]?|[a-z](?: ?[,;>\n] ?[a-z])+")
# Letters alone are never longer, and the conclusion of an answer is at its end.
_LONGEST_STRICT = 200
_LONGEST = 20_000


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """A parsed answer.

    Attributes:
        order: Indices of the options it names, best first; empty if none was found.
        how: strict: letters and nothing else; lenient: letters or options among other words.
    """

    order: tuple[int, ...]
    how: Literal["strict", "lenient", "none"]


@dataclass(frozen=True, slots=True)
class _Judged:
    """A list of options in an answer, how it is preferred, and on which side that is said."""

    strength: Strength
    run: list[Mention]
    by: Literal["before", "after"]

    @property
    def places(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(one.place for one in self.run))


def parse_answer(
    text: str, options: Sequence[str], *, negated: bool = False, is_cut: bool = False
) -> ParsedAnswer:
    r"""Return the options that an answer names, best first.

    What a model thought aloud is left out. Lenient parsing uses the last place that is marked as
    the answer (`\boxed{B}`, JSON), else the last option that the words around it prefer ("the
    answer is B", "B is correct"), else the last that is not rejected. Options quoted in full
    count like letters, and letters inside of them do not.

    >>> parse_answer("B, A", ["iron", "salt"])
    ParsedAnswer(order=(1, 0), how='strict')
    >>> parse_answer("A is wrong. The answer is **B**.", ["iron", "salt"])
    ParsedAnswer(order=(1,), how='lenient')
    >>> parse_answer("It must be salt", ["iron", "salt"])
    ParsedAnswer(order=(1,), how='lenient')
    >>> parse_answer("I do not know", ["iron", "salt"])
    ParsedAnswer(order=(), how='none')

    Args:
        text: The answer.
        options: The options, in the order of the request.
        negated: Whether the question asks for what is false: then "B is false" names B.
        is_cut: Whether the answer was cut at the longest length: then, of several options, only
            those count that the words around them prefer.
    """
    said = plain(without_thoughts(text)[-_LONGEST:])
    strict = _strictly(said, options)
    if strict:
        return ParsedAnswer(strict, "strict")
    for part in marked_parts(without_thoughts(text)[-_LONGEST:]):
        inner = plain(part)
        order = _strictly(inner, options) or _leniently(inner, options, negated, is_cut=False)
        if order:
            return ParsedAnswer(order, "lenient")
    order = _leniently(said, options, negated, is_cut=is_cut)
    return ParsedAnswer(order, "lenient" if order else "none")


def _strictly(said: str, options: Sequence[str]) -> tuple[int, ...]:
    """Return the options of an answer of letters and nothing else."""
    if len(said) > _LONGEST_STRICT:
        return ()
    places = {letter_of(place): place for place in range(len(options))}
    bare = re.sub(r"[\"'“”「」【】\[\]{}。、]", " ", said).strip()
    if len(bare) > 2 and sorted(bare) == list(places):
        return tuple(places[letter] for letter in bare)
    bare = re.sub(r"\AA ?: ?(?=\(?[A-Z][).]?\Z)", "", bare)
    if _SMALL.fullmatch(bare):
        bare = bare.upper().replace(":", "")
    if bare in places and any(option.strip() == said for option in options) and said not in places:
        return ()
    if _STRICT.fullmatch(bare):
        letters = re.findall(r"[A-Z]", bare)
        if len(set(letters)) == len(letters) and all(letter in places for letter in letters):
            return tuple(places[letter] for letter in letters)
    return ()


def _leniently(
    said: str, options: Sequence[str], negated: bool, *, is_cut: bool
) -> tuple[int, ...]:
    quoted = find_quoted(said, options)
    letters = find_letters(said, len(options), quoted)
    # An option that stands there and nothing else.
    if len(quoted) == 1 and not re.search(r"\w", said[: quoted[0].start] + said[quoted[0].end :]):
        return (quoted[0].place,)
    judged = [*_judged(said, letters), *_judged(said, quoted)]
    judged.sort(key=lambda one: one.run[0].start)
    stated = [one for one in judged if one.strength is Strength.STATED]
    called_false = [one for one in judged if one.strength < 0 and one.by == "after"]
    false = {place for one in called_false for place in one.places}
    if negated and len(false) == 1 and not any(one.by == "before" for one in stated):
        return tuple(false)
    concluded = [one for one in judged if one.strength is Strength.CONCLUDED]
    if stated or concluded:
        return (stated or concluded)[-1].places
    named = {place for one in judged if one.strength >= 0 for place in one.places}
    return () if is_cut and len(named) > 1 else _unstated(said, judged, len(options))


def _judged(said: str, mentions: Sequence[Mention]) -> list[_Judged]:
    """Return the lists of options with how they are preferred, and by which words."""
    found: list[_Judged] = []
    for run in find_runs(said, mentions):
        lead = lead_strength(said, run[0].start)
        after = judgement(said, run[-1].end)
        if after is Strength.REJECTED and follows_cue(said, run[0].start):
            found.append(_Judged(after, run, "after"))  # "answer A is wrong"
        elif lead is Strength.REJECTED or lead is Strength.STATED:
            found.append(_Judged(lead, run, "before"))
        elif after is not Strength.BARE:
            found.append(_Judged(after, run, "after"))
        elif stands_alone(said, run[0].start, run[-1].end):
            found.append(_Judged(Strength.CONCLUDED, run, "before"))
        else:
            is_label = run[0].is_marked and run[0].is_letter
            found.append(_Judged(max(lead, Strength(int(is_label))), run, "before"))
    return found


def _unstated(said: str, judged: Sequence[_Judged], n_options: int) -> tuple[int, ...]:
    """Return the options of an answer without a conclusion."""
    left = [one for one in judged if one.strength is not Strength.REJECTED]
    rejected = {place for one in judged if one.strength < 0 for place in one.places}
    if not left:
        others = set(range(n_options)) - rejected
        by_words = {place for one in judged if one.by == "after" for place in one.places}
        # All others are rejected; or one option is, in a question that asks for what is false.
        chosen = others if len(others) == 1 else by_words if len(rejected) == 1 else ()
        return tuple(chosen)
    letters = [mention for one in left for mention in one.run if mention.is_letter]
    is_in_order = [mention.place for mention in letters] == list(range(n_options))
    if is_in_order and n_options > 2 and any(one.end - one.start > 1 for one in letters):
        return ()  # the options of the question, repeated
    left = [one for one in left if set(one.places) - rejected] or left
    left = [one for one in left if one.run[0].is_letter] or left
    strongest = max(one.strength for one in left)
    return [one.places for one in left if one.strength is strongest][-1]

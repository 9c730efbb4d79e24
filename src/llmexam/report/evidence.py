"""Evidence snippets of a question: the best sentences, highlighted, with context."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llmexam.exam.letters import letter_of
from llmexam.exam.question import Question
from llmexam.report.formats import clip
from llmexam.solvers.protocol import Explanation, Support

MOST_SNIPPETS = 6
_STRONGEST = 3
_AROUND = 140
_SENTENCE = 600
_TITLE = 120
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a snippet.

    Attributes:
        text: The piece.
        kind: "around" (context), "sentence" (the supporting sentence) or "term" (a word of an
            option inside it).
    """

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class Snippet:
    """A supporting sentence inside its passage.

    Attributes:
        letters: The options it speaks for, as letters, strongest first.
        for_answer: Whether it speaks for the right option most.
        source: Title of the passage, or which passage it is.
        segments: The text in pieces.
    """

    letters: tuple[str, ...]
    for_answer: bool
    source: str
    segments: tuple[Segment, ...]


def snippets(question: Question, explanation: Explanation) -> tuple[Snippet, ...]:
    """Return the best evidence snippets of a question, strongest first.

    The best sentence of every option comes in before second sentences do; one that speaks for
    several options is shown once. Spans that do not lie in a passage of the question are left
    out.
    """
    wanted: dict[tuple[int, int, int], list[tuple[int, Support]]] = {}
    for option, support in _by_strength(question, explanation):
        key = (support.passage, support.start, support.end)
        if key in wanted or len(wanted) < MOST_SNIPPETS:
            wanted.setdefault(key, []).append((option, support))
    ordered = sorted(wanted.values(), key=lambda found: -max(s.weight for _, s in found))
    return tuple(_snippet(question, found) for found in ordered)


def _by_strength(question: Question, explanation: Explanation) -> list[tuple[int, Support]]:
    """Pairs of option and support: the best of each option first, then the best of the rest."""
    firsts: list[tuple[int, Support]] = []
    others: list[tuple[int, Support]] = []
    for option, reason in enumerate(explanation.options[: len(question.options)]):
        usable = [s for s in reason.supports if _lies_inside(question, s)]
        usable.sort(key=lambda s: -s.weight)
        firsts.extend((option, s) for s in usable[:1])
        others.extend((option, s) for s in usable[1:_STRONGEST])
    firsts.sort(key=lambda pair: -pair[1].weight)
    others.sort(key=lambda pair: -pair[1].weight)
    return firsts + others[:_STRONGEST]


def _lies_inside(question: Question, support: Support) -> bool:
    if not 0 <= support.passage < len(question.passages):
        return False
    return 0 <= support.start < support.end <= len(question.passages[support.passage].text)


def _snippet(question: Question, found: Sequence[tuple[int, Support]]) -> Snippet:
    first = found[0][1]
    passage = question.passages[first.passage]
    terms = {term for _, support in found for term in support.terms}
    options = list(dict.fromkeys(option for option, _ in found))
    before = passage.text[max(0, first.start - _AROUND) : first.start]
    after = passage.text[first.end : first.end + _AROUND]
    if first.start > _AROUND:
        before = "…" + before[before.find(" ") + 1 :]
    if first.end + _AROUND < len(passage.text):
        after = after[: max(after.rfind(" "), 0)] + "…"
    sentence = clip(passage.text[first.start : first.end], _SENTENCE)
    pieces = [Segment(before, "around"), *marked(sentence, terms), Segment(after, "around")]
    return Snippet(
        letters=tuple(letter_of(option) for option in options),
        for_answer=options[0] in question.right_options,
        source=clip(passage.title, _TITLE) or f"Passage {first.passage + 1}",
        segments=tuple(piece for piece in pieces if piece.text),
    )


def marked(sentence: str, terms: Iterable[str]) -> list[Segment]:
    """Split a sentence at whole words that are among the terms, ignoring case.

    >>> [(s.text, s.kind) for s in marked("Red light bends.", ["light"])]
    [('Red ', 'sentence'), ('light', 'term'), (' bends.', 'sentence')]
    """
    words = {term for term in terms if term.strip()}
    if not words:
        return [Segment(sentence, "sentence")]
    if all(map(_WORD.fullmatch, words)):
        spans = _word_spans(sentence, {word.lower() for word in words})
    else:
        longest = sorted(words, key=lambda t: (-len(t), t))
        pattern = rf"(?<!\w)({'|'.join(map(re.escape, longest))})(?!\w)"
        spans = [match.span() for match in re.finditer(pattern, sentence, re.IGNORECASE)]
    found: list[Segment] = []
    done = 0
    for start, end in [*spans, (len(sentence), len(sentence))]:
        found += [Segment(sentence[done:start], "sentence"), Segment(sentence[start:end], "term")]
        done = end
    return [piece for piece in found if piece.text]


def _word_spans(sentence: str, words: set[str]) -> list[tuple[int, int]]:
    # Compiling a pattern of the words takes longer than looking at all words of a sentence.
    return [match.span() for match in _WORD.finditer(sentence) if match[0].lower() in words]

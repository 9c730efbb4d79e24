"""Overlap of an exam with other files: training sets, and texts that quote prompts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from llmexam.errors import plural
from llmexam.exam.audit.finding import Finding, Overlap, Rows
from llmexam.exam.audit.near import MIN_WORDS, PromptIndex
from llmexam.exam.audit.repeats import options_key
from llmexam.exam.normalise import words_of
from llmexam.exam.question import Question

# In YAML and JSON texts a line break may be an escape sequence.
_ESCAPES = re.compile(r"\\[nrt]")

_SEVERITY = {
    "same question": "error",
    "quoted": "error",
    "same prompt": "warning",
    "near duplicate": "warning",
    "similar prompt": "note",
}
_WORDS = {
    "same question": "question|questions with the same text and options in",
    "quoted": "question|questions quoted in a text, which leaks them to prompted solvers:",
    "same prompt": "question|questions with the same text, but other options, in",
    "near duplicate": "question|questions with nearly the same text and a shared option in",
    "similar prompt": "question|questions with nearly the same text, but other options, in",
}


def find_in_exam(
    rows: Rows, others: Rows, *, file: str, threshold: float, seed: int
) -> list[Overlap]:
    """Return the questions that another exam contains, exactly or as near duplicates.

    Args:
        rows: The questions.
        others: Those of the other exam.
        file: The other exam's name.
        threshold: Jaccard similarity from which prompts are near duplicates.
        seed: Of the MinHash permutations.
    """
    index = PromptIndex(others, threshold=threshold, seed=seed)
    overlaps = []
    for row, question in rows:
        same = index.same_prompt(question)
        if same:
            other_row, kind = _exact_kind(question, same)
            overlaps.append(Overlap(row, question.id, file, other_row, kind, 1.0))
            continue
        near = index.nearest(question)
        if near is not None:
            overlaps.append(Overlap(row, question.id, file, *near))
    return overlaps


def find_in_text(rows: Rows, text: str, *, file: str) -> list[Overlap]:
    """Return the prompts of 5 or more words that a plain text quotes word by word.

    Args:
        rows: The questions.
        text: The text, such as a file of few-shot prompts.
        file: Its name.
    """
    by_start: defaultdict[tuple[str, ...], list[tuple[list[str], int, str]]] = defaultdict(list)
    for row, question in rows:
        words = words_of(question.prompt)
        if len(words) >= MIN_WORDS:
            by_start[tuple(words[:MIN_WORDS])].append((words, row, question.id))
    words, lines = _words_and_lines(text)
    found: dict[int, Overlap] = {}
    for i in range(len(words) - MIN_WORDS + 1):
        for prompt, row, question_id in by_start.get(tuple(words[i : i + MIN_WORDS]), ()):
            if row not in found and words[i : i + len(prompt)] == prompt:
                found[row] = Overlap(row, question_id, file, lines[i], "quoted", 1.0)
    return [found[row] for row in sorted(found)]


def summarise(overlaps: list[Overlap], *, file: str, n_shown: int = 5) -> Iterator[Finding]:
    """Yield one finding for each kind of overlap with one file."""
    for kind, severity in _SEVERITY.items():
        found = [overlap for overlap in overlaps if overlap.kind == kind]
        if not found:
            continue
        place = "line" if kind == "quoted" else "row"
        pairs = "; ".join(f"row {o.row} at {place} {o.other_row}" for o in found[:n_shown])
        more = f", and {len(found) - n_shown:,} more" if len(found) > n_shown else ""
        singular, rest = _WORDS[kind].split("|")
        words, tail = rest.split(" ", 1)
        yield Finding(
            f"overlap: {kind}",
            severity,
            f"{plural(len(found), singular, words)} {tail} {file} ({pairs}{more})",
            tuple(overlap.row for overlap in found),
        )


def _exact_kind(question: Question, same: list[tuple[int, Question]]) -> tuple[int, str]:
    key = options_key(question)
    for row, other in same:
        if options_key(other) == key:
            return row, "same question"
    return same[0][0], "same prompt"


def _words_and_lines(text: str) -> tuple[list[str], list[int]]:
    words: list[str] = []
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        found = words_of(_ESCAPES.sub(" ", line))
        words += found
        lines += [number] * len(found)
    return words, lines

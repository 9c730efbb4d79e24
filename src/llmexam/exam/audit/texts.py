"""Checks of the texts of each question."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from llmexam.errors import plural
from llmexam.exam.audit.finding import Finding, Rows
from llmexam.exam.normalise import normalise
from llmexam.exam.question import Question

NULL_WORDS = frozenset({"none", "na", "n/a", "nan", "null", "nil", "<na>", "#n/a"})
MAX_PROMPT_CHARACTERS = 4_000
MAX_OPTION_CHARACTERS = 2_000
MAX_CONTEXT_CHARACTERS = 20_000
_MIN_LEAK_CHARACTERS = 4


def check_texts(rows: Rows) -> Iterator[Finding]:
    """Yield findings of blank, repeated or overlong texts, and of answers in prompts."""
    yield from _blanks(rows)
    yield from _repeated_options(rows)
    yield from _null_words(rows)
    yield from _missing(rows)
    yield from _too_long(rows)
    yield from _answers_in_prompts(rows)


def _blanks(rows: Rows) -> Iterator[Finding]:
    prompts = [row for row, question in rows if not question.prompt.strip()]
    if prompts:
        yield Finding(
            "blank prompts",
            "error",
            f"{plural(len(prompts), 'question')} with a blank text",
            tuple(prompts),
        )
    blank = [(row, q, [i for i, o in enumerate(q.options) if not o.strip()]) for row, q in rows]
    answers = [row for row, question, places in blank if {*question.right_options} & {*places}]
    others = [row for row, _, places in blank if places and row not in set(answers)]
    if answers:
        yield Finding(
            "blank options",
            "error",
            f"{plural(len(answers), 'question')} with a blank right answer",
            tuple(answers),
        )
    if others:
        yield Finding(
            "blank options",
            "warning",
            f"{plural(len(others), 'question')} with a blank wrong option, which is "
            "easy to rule out",
            tuple(others),
        )


def _repeated_options(rows: Rows) -> Iterator[Finding]:
    right, wrong = [], []
    for row, question in rows:
        texts = [_face(option) for option in question.options]
        repeated = {text for text in texts if text and texts.count(text) > 1}
        if any(texts[i] in repeated for i in question.right_options):
            right.append(row)
        elif repeated:
            wrong.append(row)
    if right:
        yield Finding(
            "repeated options",
            "error",
            f"{plural(len(right), 'question')} whose right answer appears twice, and "
            "only one counts",
            tuple(right),
        )
    if wrong:
        yield Finding(
            "repeated options",
            "warning",
            f"{plural(len(wrong), 'question')} with the same option twice",
            tuple(wrong),
        )


def _null_words(rows: Rows) -> Iterator[Finding]:
    found = {
        row: option.strip()
        for row, question in rows
        for option in question.options
        if option.strip().casefold() in NULL_WORDS
    }
    if found:
        words = ", ".join(f"'{word}'" for word in sorted(set(found.values()))[:5])
        yield Finding(
            "null-looking options",
            "note",
            f"{plural(len(found), 'question')} with an option such as {words}: "
            "intended, or a lost value?",
            tuple(found),
        )


def _missing(rows: Rows) -> Iterator[Finding]:
    unanswered = tuple(row for row, question in rows if question.answer is None)
    if len(unanswered) == len(rows):
        yield _no_answers(rows)
    elif unanswered:
        yield Finding(
            "missing answers",
            "warning",
            f"{len(unanswered):,} of {len(rows):,} questions have no answer",
            unanswered,
        )
    bare = tuple(row for row, question in rows if not question.passages)
    if bare and len(bare) < len(rows):
        yield Finding(
            "missing context",
            "note",
            f"{len(bare):,} of {len(rows):,} questions have no context, but others do",
            bare,
        )


def _no_answers(rows: Rows) -> Finding:
    """Return the finding that there are no answers, with a column that may be meant as such."""
    message = "no question has an answer, so nothing can be graded"
    columns = {name for _, question in rows for name in question.metadata}
    faces = {name.strip().casefold(): name for name in sorted(columns)}
    close = get_close_matches("answer", faces, n=1, cutoff=0.75)
    if not close:
        return Finding("missing answers", "note", message)
    name = faces[close[0]]
    return Finding(
        "missing answers",
        "warning",
        f"{message}; if column '{name}' contains them, rename it to 'answer'",
    )


def _too_long(rows: Rows) -> Iterator[Finding]:
    limits = (
        ("prompt", MAX_PROMPT_CHARACTERS, "warning"),
        ("option", MAX_OPTION_CHARACTERS, "warning"),
        ("context", MAX_CONTEXT_CHARACTERS, "note"),
    )
    for part, limit, severity in limits:
        lengths = {row: _longest(question, part) for row, question in rows}
        too_long = tuple(row for row, length in lengths.items() if length > limit)
        if too_long:
            yield Finding(
                f"long {part}s",
                severity,
                f"{plural(len(too_long), 'question')} with a {part} of more than "
                f"{limit:,} characters (maximum {max(lengths.values()):,}), which "
                "models may truncate",
                too_long,
            )


def _longest(question: Question, part: str) -> int:
    if part == "prompt":
        return len(question.prompt)
    if part == "option":
        return max(map(len, question.options))
    return sum(len(passage.text) for passage in question.passages)


def _answers_in_prompts(rows: Rows) -> Iterator[Finding]:
    """Return the prompts that contain the right option word by word and no other option."""
    found = []
    for row, question in rows:
        if question.answer is None:
            continue
        prompt = f" {normalise(question.prompt)} "
        inside = [i for i, o in enumerate(question.options) if f" {normalise(o)} " in prompt]
        answers = [question.options[i].strip() for i in question.right_options]
        if tuple(inside) == question.right_options and (
            min(map(len, answers)) >= _MIN_LEAK_CHARACTERS
        ):
            found.append((row, question.right_letters))
    if found:
        row, letter = found[0]
        yield Finding(
            "answer in prompt",
            "note",
            f"{plural(len(found), 'question')} whose text contains the right answer "
            f"and no other option word by word (row {row}: {letter})",
            tuple(row for row, _ in found),
        )


def _face(text: str) -> str:
    # Options may differ only in signs or case ("10 m" and "10 M", "-1" and "1"), so only spacing
    # is normalised.
    return " ".join(text.split())

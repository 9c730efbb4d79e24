"""From the fields of a reply to a question draft, or the reason why there is none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llmexam.authoring.generators.language_model.quotes import find_quote
from llmexam.authoring.generators.language_model.replies import Option, Reply, without_letters
from llmexam.exam.normalise import normalise, words_of
from llmexam.solvers.lexical.analysis import stop_terms, terms_of

Reason = Literal[
    "refused",
    "cut off",
    "no question",
    "no answer",
    "no quote",
    "quote not in passage",
    "key is not an option",
    "too few options",
    "repeated option",
    "names the passage",
    "copies the example",
    "gives the answer away",
    "unrelated question",
    "question has another answer",
    "repeated question",
]
"""Why a reply gives no question."""

_LETTER = re.compile(r"(?:option\s+)?\(?([A-Z]|\d{1,2})\)?[.):]?(?:\s+(\S.*))?", re.IGNORECASE)
_PASSAGE = re.compile(
    r"\b(?:(?:the|this|that|given|above)\s+(?:passage|text|paragraph|excerpt)|"
    r"the (?:author|quote)|(?:passage|text) above)\b",
    re.IGNORECASE,
)
_MAX_CHARACTERS = 400
_MIN_WORDS = 3


@dataclass(frozen=True, slots=True)
class Draft:
    """A question as a model wrote it, with its quote found in the passage.

    Attributes:
        prompt: The question text.
        answer: The right option.
        distractors: The wrong options, each with the reason why it is wrong, or an empty text.
        quote: Text of the passage, word for word.
        is_exact: Whether the model copied the quote without a difference.
    """

    prompt: str
    answer: str
    distractors: tuple[tuple[str, str], ...]
    quote: str
    is_exact: bool


def draft_of(
    reply: Reply, passage: str, n_options: int, *, examples: Sequence[str] = ()
) -> Draft | Reason:
    """Return the draft of a reply, or the reason why there is none.

    Args:
        reply: The fields of the reply.
        passage: The passage that the question is from.
        n_options: Options that a question has; surplus wrong options are left out.
        examples: Questions and answers of the prompt's examples, which small models repeat.
    """
    if problem := question_problem(reply.question, passage, examples):
        return problem
    if not reply.answer:
        return "no answer"
    resolved = _resolve(reply)
    if resolved is None:
        return "key is not an option"
    answer, wrong = resolved
    if gives_away(reply.question, answer):
        return "gives the answer away"
    chosen = choose_distractors(answer, wrong, n_options)
    if isinstance(chosen, str):
        return chosen
    if not reply.quote:
        return "no quote"
    found = find_quote(reply.quote, passage)
    if found is None:
        return "quote not in passage"
    quote, is_exact = found
    return Draft(reply.question, answer, chosen, quote, is_exact)


def question_problem(question: str, passage: str, examples: Sequence[str] = ()) -> Reason | None:
    """Return why a text is no question for an exam, or None.

    Args:
        question: The text.
        passage: The passage, or the quote that the question is about.
        examples: Texts of the prompt's examples.
    """
    words = words_of(question)
    is_text = question.isprintable() and "\ufffd" not in question
    if len(words) < _MIN_WORDS or len(question) > _MAX_CHARACTERS or not is_text:
        return "no question"
    if _PASSAGE.search(question):
        return "names the passage"
    if normalise(question) in {normalise(one) for one in examples}:
        return "copies the example"
    telling = set(terms_of(question)) - stop_terms()
    return None if telling & set(terms_of(passage)) else "unrelated question"


def gives_away(question: str, answer: str) -> bool:
    """Return whether a question contains all terms of its answer, whatever their endings.

    >>> gives_away("How long is a 5 kilometer road?", "5 kilometers")
    True
    """
    key = set(terms_of(answer)) - stop_terms()
    return bool(key) and key <= set(terms_of(question))


def choose_distractors(
    answer: str, wrong: Sequence[Option], n_options: int
) -> tuple[tuple[str, str], ...] | Reason:
    """Return as many different wrong options as a question needs, with their notes.

    Args:
        answer: The right option.
        wrong: What the model wrote.
        n_options: Options of a question, the answer included.

    Returns:
        The texts and notes, or `too few options` or `repeated option` if there are too few.
    """
    options = [one for one in wrong if one.text and len(one.text) <= _MAX_CHARACTERS]
    by_text: dict[str, Option] = {}
    for one in options:
        by_text.setdefault(normalise(one.text), one)
    by_text.pop(normalise(answer), None)
    chosen = list(by_text.values())[: n_options - 1]
    if len(chosen) < n_options - 1:
        return "repeated option" if len(options) >= n_options - 1 else "too few options"
    return tuple((one.text, one.note) for one in chosen)


def _resolve(reply: Reply) -> tuple[str, Sequence[Option]] | None:
    """Return the answer as a text and the wrong options, or None if the key fits no option."""
    wrong = without_letters(reply.wrong)
    if not reply.options:
        match = _LETTER.fullmatch(reply.answer)
        # `A. the text`, where wrong options were lettered too.
        if match and match[2] and len(wrong) and all(one.letter for one in wrong):
            return match[2], wrong
        return None if _is_letter(reply.answer) else (reply.answer, wrong)
    options = without_letters(reply.options)
    place = _place(reply.answer, options)
    if place is None:
        return None
    notes = {normalise(one.text): one.note for one in wrong}
    others = [
        Option(one.text, one.note or notes.get(normalise(one.text), ""))
        for index, one in enumerate(options)
        if index != place
    ]
    return options[place].text, [*others, *wrong]


def _is_letter(text: str) -> bool:
    return len(text) == 1 and text.isalpha()


def _place(key: str, options: Sequence[Option]) -> int | None:
    """Return the index of the option that a key names by its text, letter or number."""
    texts = [normalise(one.text) for one in options]
    if normalise(key) in texts:
        return texts.index(normalise(key))
    match = _LETTER.fullmatch(key)
    if match is None:
        return None
    if match[2] and normalise(match[2]) in texts:
        return texts.index(normalise(match[2]))
    letters = [one.letter or chr(ord("A") + index) for index, one in enumerate(options)]
    wanted = match[1].upper()
    if wanted in letters:
        return letters.index(wanted)
    return int(wanted) - 1 if wanted.isdigit() and 0 < int(wanted) <= len(options) else None

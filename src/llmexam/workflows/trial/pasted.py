"""Read one question from pasted text, in the forms in which people write them.

Formats that llmexam reads from files (JSON, CSV, Aiken, GIFT, ...) are read by their parsers.
Otherwise options are labelled (`A) text`, `A. text`, `(a) text`, `1. text`), also several in one
line, or bulleted, or are the lines below the question. A line `Answer: B` is optional.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from string import ascii_uppercase
from tempfile import TemporaryDirectory

from llmexam.errors import ExamError, LlmExamError
from llmexam.exam.letters import MAX_OPTIONS, MIN_OPTIONS
from llmexam.exam.parsers import detect_format, read_exam
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.question import Question

MOST_CHARACTERS = 100_000
_ID = "question"
_ANSWER = re.compile(r"(?:correct\s+|right\s+)?answer(?:\s+is)?\s*[:=]\s*(.+)", re.IGNORECASE)
_PROMPT = re.compile(r"(?:(?:question|q)\s*(?:\d+\s*)?[:.)]|\d{1,4}[.)])\s+(?=\S)", re.IGNORECASE)
_LABEL = re.compile(r"\(?([A-Za-z]|\d{1,2})[.):]\)?(?:[ \t]+|$)")
_INLINE = re.compile(r"(?:(?<=\s)|^)\(?([A-Za-z]|\d{1,2})[.)](?=\s)")
_BULLET = re.compile(r"[-*•\u2013]\s+(?=\S)")
_HINT = (
    "Write the question, and below it one option in each line, such as 'A) text', or use the "
    "separate fields"
)


def parse_question(text: str) -> Question:
    """Return the question in a pasted text.

    Args:
        text: One question with at least two options.

    Raises:
        ExamError: The text is too long, or has no question with options.

    >>> parse_question("Which gas do plants take in? A) oxygen B) carbon dioxide").options
    ('oxygen', 'carbon dioxide')
    """
    if len(text) > MOST_CHARACTERS:
        raise ExamError(
            f"expected at most {MOST_CHARACTERS:,} characters, got {len(text):,}",
            hint="Paste a single question",
        )
    if not text.strip():
        raise ExamError("there is no question", hint=_HINT)
    found = _by_format(text)
    return found if found is not None else _by_lines(text)


def make_question(
    prompt: str, options: Sequence[str], answer: str | None = None, *, id: str = _ID
) -> Question:
    """Return a question from its parts.

    Args:
        prompt: The question text.
        options: The options; blank ones at the end are left out.
        answer: Letter, number from 1, or text of the right option; None or blank if not known.
        id: Id of the question.

    Raises:
        ExamError: There are too few or too many options, one is blank, or the answer is none of
            them.
    """
    texts = [option.strip() for option in options]
    while texts and not texts[-1]:
        texts.pop()
    if not prompt.strip():
        raise ExamError("there is no question text", field="prompt", hint=_HINT)
    if not MIN_OPTIONS <= len(texts) <= MAX_OPTIONS:
        raise ExamError(
            f"expected {MIN_OPTIONS} to {MAX_OPTIONS} options, got {len(texts)}",
            field="options",
            hint=_HINT,
        )
    if "" in texts:
        raise ExamError(
            f"option {ascii_uppercase[texts.index('')]} is blank", field="options", hint=_HINT
        )
    right = None
    if answer is not None and answer.strip():
        right = _index(answer, list(ascii_uppercase[: len(texts)]), texts)
    return Question(id, prompt.strip(), tuple(texts), right)


def _by_format(text: str) -> Question | None:
    """Return the first question if the text is in the format of a file, else None."""
    source = SourceFile(Path("pasted text"), text.encode("utf-8", "replace"))
    try:
        format = detect_format(source)
        if format is None:
            if re.match(r"\s*(\[\s*)?\{", text):
                raise ExamError("expected a question, got JSON that is not one", hint=_HINT)
            return None
        with TemporaryDirectory(prefix="llmexam-") as folder:
            path = Path(folder) / "pasted"
            path.write_bytes(source.data)
            questions = read_exam(path, limit=1).questions
    except LlmExamError as error:
        if text.lstrip()[:1] not in ("{", "["):
            return None
        raise ExamError(error.message, hint=error.hint) from None
    if not questions:
        return None
    found = questions[0]
    # In plain text a question has often the number that it has in a list.
    prompt = _without_number(found.prompt) if format == "aiken" else found.prompt
    made = make_question(prompt, found.options, found.answer_letter)
    return made.with_passages(found.passages)


def _by_lines(text: str) -> Question:
    lines = [line.strip() for line in text.replace("\r\n", "\n").split("\n")]
    answer = None
    kept: list[str] = []
    for line in lines:
        match = _ANSWER.fullmatch(line)
        if match and any(kept):
            answer = match[1].strip()
        else:
            kept.append(line)
    prompt, labels, options = _labelled(_one_label_a_line(kept)) or _unlabelled(kept)
    found = make_question(_without_number(prompt), options)
    if answer is None:
        return found
    right = _index(answer, labels, options)
    return Question(found.id, found.prompt, found.options, right)


def _without_number(prompt: str) -> str:
    """Return a question without what comes before it, such as `Question 7:`."""
    match = _PROMPT.match(prompt)
    return prompt[match.end() :] if match else prompt


def _one_label_a_line(lines: Sequence[str]) -> list[str]:
    """Return the lines with a line break before each of several labels in a row."""
    found: list[str] = []
    for line in lines:
        starts = _in_order(list(_INLINE.finditer(line)))
        if len(starts) < 2:
            found.append(line)
            continue
        ends = [*starts[1:], len(line)]
        found += [line[: starts[0]].strip()] if line[: starts[0]].strip() else []
        found += [line[a:b].strip() for a, b in zip(starts, ends, strict=True)]
    return found


def _in_order(matches: Sequence[re.Match[str]]) -> list[int]:
    """Return where labels begin that follow each other from some label on: A B C, or C D."""
    if not matches:
        return []
    runs = _LabelRuns([match[1] for match in matches])
    # The first of the longest.
    longest = max(range(len(matches)), key=lambda place: runs.lengths[place])
    return [matches[place].start() for place in runs.places(longest)]


class _LabelRuns:
    """Runs of labels that follow each other, from every label on; what stands between is left out.

    Each label is looked at once, because a pasted text may have tens of thousands of them.

    Args:
        labels: The labels in the order of the text.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._following: list[int | None] = [None] * len(labels)
        self.lengths = [1] * len(labels)
        nearest: dict[str, int] = {}
        for place in reversed(range(len(labels))):
            following = nearest.get(_after(labels[place]))
            if following is not None:
                self._following[place] = following
                self.lengths[place] += self.lengths[following]
            nearest[labels[place]] = place

    def places(self, first: int) -> list[int]:
        """Return the places of the labels of the run that begins at a place."""
        found: list[int] = []
        place: int | None = first
        while place is not None:
            found.append(place)
            place = self._following[place]
        return found


def _labelled(lines: Sequence[str]) -> tuple[str, list[str], list[str]] | None:
    """Return the question, the labels and the options; None without labelled options.

    A question may have a number, or begin like an option: the last run of labels that begins
    with the first label counts.
    """
    labelled = [(place, match) for place, line in enumerate(lines) if (match := _LABEL.match(line))]
    runs = _LabelRuns([match[1] for _, match in labelled])
    prompt_at = next((place for place, line in enumerate(lines) if line), len(lines))
    starts = [
        start
        for start, (place, match) in enumerate(labelled)
        if match[1] in ("A", "a", "1") and runs.lengths[start] >= MIN_OPTIONS and prompt_at < place
    ]
    if not starts:
        return None
    chosen = [labelled[place] for place in runs.places(starts[-1])]
    ends = [*(place for place, _ in chosen[1:]), len(lines)]
    options = [
        _joined(lines[place][match.end() :], lines[place + 1 : end])
        for (place, match), end in zip(chosen, ends, strict=True)
    ]
    prompt = "\n".join(lines[: chosen[0][0]]).strip()
    return prompt, [match[1] for _, match in chosen], options


def _joined(text: str, more: Sequence[str]) -> str:
    return " ".join(part for part in (text, *more) if part).strip()


def _unlabelled(lines: Sequence[str]) -> tuple[str, list[str], list[str]]:
    """Return the question, letters and the options, which are bulleted or have a line each."""
    bulleted = [place for place, line in enumerate(lines) if _BULLET.match(line)]
    if len(bulleted) >= MIN_OPTIONS and any(lines[: bulleted[0]]):
        ends = [*bulleted[1:], len(lines)]
        prompt = "\n".join(lines[: bulleted[0]]).strip()
        options = [
            _joined(_BULLET.sub("", lines[a], count=1), lines[a + 1 : b])
            for a, b in zip(bulleted, ends, strict=True)
        ]
    else:
        end = _end_of_prompt(lines)
        prompt = "\n".join(lines[:end]).strip()
        options = [line for line in lines[end:] if line]
    return prompt, list(ascii_uppercase[: len(options)]), options


def _end_of_prompt(lines: Sequence[str]) -> int:
    """Return how many lines belong to the question: those to the last with ? or : at its end.

    Without such a line it is all before the first blank line, or else the first line.
    """
    first = next((place for place, line in enumerate(lines) if line), 0)
    asking = [place for place, line in enumerate(lines) if line.endswith(("?", ":"))]
    # Options may be questions, too: the first that leaves enough lines for options counts.
    for place in asking:
        if sum(map(bool, lines[place + 1 :])) >= MIN_OPTIONS:
            return place + 1
    blank = next((p for p in range(first, len(lines)) if not lines[p]), None)
    if blank is not None and sum(map(bool, lines[blank:])) >= MIN_OPTIONS:
        return blank
    return first + 1


def _after(label: str) -> str:
    return str(int(label) + 1) if label.isdecimal() else chr(ord(label) + 1)


def _index(answer: str, labels: Sequence[str], options: Sequence[str]) -> int:
    """Return the index of the option that an answer names by label, letter, number or text."""
    plain = answer.strip().strip("().*").strip()
    label = _LABEL.match(answer.strip())
    texts = [" ".join(option.split()).casefold() for option in options]
    names = [name.casefold() for name in labels]
    for given in (plain, label[1] if label else plain):
        if given.casefold() in names:
            return names.index(given.casefold())
    if " ".join(plain.split()).casefold() in texts:
        return texts.index(" ".join(plain.split()).casefold())
    if plain.isdecimal() and 1 <= int(plain) <= len(options):
        return int(plain) - 1
    raise ExamError(
        f"expected an answer from {labels[0]} to {labels[len(options) - 1]}, or the text of an "
        f"option, got '{answer[:100]}'",
        field="answer",
    )

"""GIFT, the text format of Moodle: multiple-choice and true/false questions.

Questions of other types (short answers, numbers, matching, essays, descriptions) are left out and
counted. Weights in percent tell which options are right: with a `=` in the answer, those of the
highest credit, else all that earn credit. Feedback to single options is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llmexam.errors import ExamError
from llmexam.exam.parsers.gift_blocks import GiftBlock, find_unescaped, gift_blocks, unescape
from llmexam.exam.parsers.markup import formatted_text
from llmexam.exam.parsers.moodle_xml import left_out_note, right_by_credit
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.question import Question, split_right

_BLANK = "_____"
_READ = ("multichoice", "truefalse")
_FORMAT = re.compile(r"\s*\[(html|moodle|plain|markdown)\]", re.IGNORECASE)
_WEIGHT = re.compile(r"\s*%(-?\d+(?:[.,]\d+)?)%")
_TRUE_FALSE = {"T": 0, "TRUE": 0, "F": 1, "FALSE": 1}
_CLOZE = re.compile(r"\d*:[A-Z_]+:")
# How a choice or a true/false answer opens; not behind a letter, as in the formula "x^{T}".
_ANSWER = re.compile(r"(?<![\\^_A-Za-z}])\{\s*(?:[~=]|(?:T|F|TRUE|FALSE)\s*[#}])")
_OTHER_FILES = frozenset({".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx"})
_COLUMNS = frozenset({"prompt", "question", "answer", "options", "choices", "a", "b"})


@dataclass(frozen=True)
class GiftRecord:
    """The parts of a question.

    Attributes:
        block: The block it is from.
        kind: Type of the question, such as "multichoice".
        name: Its name, or empty.
        before: The text before the answer.
        answer: What is in the braces.
        after: The text behind them.
        id: Its id if all questions have different ones, else empty.
    """

    block: GiftBlock
    kind: str
    name: str
    before: str
    answer: str
    after: str
    id: str = ""


def looks_like(source: SourceFile) -> bool:
    """Return whether there is a block with a choice or a true/false answer in braces."""
    suffix = Path(source.path).suffix.lower()
    text = source.text
    if suffix in _OTHER_FILES or text.lstrip()[:1] in ("{", "[", "<") or "{" not in text:
        return False
    first = text.lstrip().split("\n", 1)[0]
    if "{" not in first and len(_COLUMNS & {*re.split(r'[,;\t"\s]+', first.casefold())}) > 1:
        return False
    if suffix == ".gift":
        return True
    return _ANSWER.search(text) is not None and any(one.kind in _READ for one in _all_records(text))


def records(source: SourceFile) -> Iterator[GiftRecord]:
    """Return the questions to choose from, in order."""
    return (one for one in _all_records(source.text) if one.kind in _READ)


def notes(source: SourceFile) -> tuple[str, ...]:
    """Return what was left out: questions of other types, with their numbers."""
    kinds = (one.kind for one in _all_records(source.text))
    return left_out_note(Counter(kind for kind in kinds if kind not in _READ))


def to_question(record: GiftRecord, row: int) -> Question:
    """Return one question.

    Raises:
        ExamError: Its answer is not well-formed.
    """
    text, format = _split_format(record.before, "moodle")
    after = record.after.strip()
    if after:
        gap = "" if after[0] in ".,;:!?)" else " "
        text = f"{text.rstrip()} {_BLANK}{gap}{after}".strip()
    content, _, general = _cut(record.answer, "####")
    if record.kind == "truefalse":
        options: tuple[str, ...] = ("True", "False")
        right = [_TRUE_FALSE[_cut(content, "#")[0].strip().upper()]]
    else:
        options, right = _choices(record.block.line, content, format)
    answer, several = split_right(right)
    metadata = {
        "category": _category(record.block.category),
        "name": unescape(record.name.strip()),
        "generalfeedback": _text(general, format),
        "tags": ", ".join(record.block.tags),
    }
    return Question(
        id=record.id or str(row - 1),
        prompt=_text(text, format),
        options=options,
        answer=answer,
        metadata={key: value for key, value in metadata.items() if value},
        right=several,
    )


def _all_records(text: str) -> list[GiftRecord]:
    found = [_record(block) for block in gift_blocks(text)]
    ids = [one.block.id for one in found if one.kind in _READ]
    if not all(ids) or len(set(ids)) < len(ids):
        return found
    return [
        GiftRecord(one.block, one.kind, one.name, one.before, one.answer, one.after, one.block.id)
        for one in found
    ]


def _record(block: GiftBlock) -> GiftRecord:
    text, name = block.text.strip(), ""
    if text.startswith("::"):
        end = 2
        while (end := find_unescaped(text, ":", end)) >= 0 and text[end : end + 2] != "::":
            end += 1
        if end >= 0:
            name, text = text[2:end], text[end + 2 :]
    start = find_unescaped(text, "{")
    if start < 0:
        return GiftRecord(block, "description", name, text, "", "")
    end = find_unescaped(text, "}", start + 1)
    answer = text[start + 1 : end] if end >= 0 else text[start + 1 :]
    after = text[end + 1 :] if end >= 0 else ""
    kind = _kind(answer) if end >= 0 else "multichoice"
    # An answer without its end is a fault of a question that was meant to be read.
    return GiftRecord(block, kind, name, text[:start], answer if end >= 0 else "\0", after)


def _kind(answer: str) -> str:
    content = _cut(answer, "####")[0].strip()
    if not content:
        return "essay"
    if content.startswith("#"):
        return "numerical"
    if _cut(content, "#")[0].strip().upper() in _TRUE_FALSE:
        return "truefalse"
    if _CLOZE.match(content):
        return "cloze"
    if find_unescaped(content, "~") >= 0:
        return "multichoice"
    return "matching" if "->" in content else "shortanswer"


def _choices(line: int, content: str, format: str) -> tuple[tuple[str, ...], list[int]]:
    """Return the options of a choice, and the right ones."""
    if content == "\0":
        raise _fault(line, "expected a } that ends the answer")
    place = find_unescaped(content, "~=")
    if place < 0 or content[:place].strip():
        raise _fault(line, "expected options that begin with ~ or =")
    options: list[str] = []
    credit: list[float] = []
    is_single = False
    while place >= 0:
        end = find_unescaped(content, "~=", place + 1)
        raw = content[place + 1 : end] if end >= 0 else content[place + 1 :]
        is_right = content[place] == "="
        is_single |= is_right
        # "~=text" is an old way to write "=text".
        if raw.strip() or is_right or end < 0 or content[end] != "=":
            weight = _WEIGHT.match(raw)
            credit.append(
                float(weight[1].replace(",", ".")) if weight else 100.0 if is_right else 0.0
            )
            option, own = _split_format(raw[weight.end() :] if weight else raw, format)
            options.append(_text(_cut(option, "#")[0], own))
        place = end
    return tuple(options), right_by_credit(credit, is_single=is_single)


def _split_format(text: str, default: str) -> tuple[str, str]:
    match = _FORMAT.match(text)
    return (text[match.end() :], match[1].lower()) if match else (text, default)


def _cut(text: str, sign: str) -> tuple[str, str, str]:
    """Split a text at the first unescaped sign, such as "#"; the last part is what follows."""
    place = find_unescaped(text, sign[0])
    while place >= 0 and not text.startswith(sign, place):
        place = find_unescaped(text, sign[0], place + 1)
    return (text, "", "") if place < 0 else (text[:place], sign, text[place + len(sign) :])


def _text(text: str, format: str) -> str:
    return formatted_text(unescape(text.strip()), format)


def _category(path: str) -> str:
    # As in Moodle XML, names of where the path begins are no part of it.
    parts = [part.strip() for part in path.split("/")]
    while parts and (parts[0].startswith("$") or parts[0] in ("top", "")):
        parts.pop(0)
    return "/".join(parts)


def _fault(line: int, message: str) -> ExamError:
    return ExamError(
        f"line {line}: {message}",
        hint="Write an answer as {=right ~wrong ~wrong}, and \\= \\~ \\# \\{ \\} for these signs",
    )

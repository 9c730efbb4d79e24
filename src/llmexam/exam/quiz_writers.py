"""Writers of quizzes for Moodle and others: Moodle XML and GIFT.

Texts are written as plain text, so that "a < b" stays what it is. Several right options share the
credit, and a wrong one costs all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.writing_checks import is_true_false, require_answers_to_write, require_text

STORED = frozenset({"category", "name", "generalfeedback", "tags"})
"""Metadata that both formats store."""

_MAX_NAME = 200
_GIFT_SIGNS = re.compile(r"[\\~=#{}:]")


def moodle_xml_text(exam: Exam) -> str:
    """Return an exam as Moodle XML.

    Raises:
        ExamError: A question has no answer, or a text cannot be stored.
    """
    require_answers_to_write(exam, "moodle-xml")
    require_text(exam)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<quiz>"]
    category = ""
    for question in exam:
        own = question.metadata.get("category", "")
        if own != category:
            category = own
            path = "/".join(part for part in ("$course$/top", own) if part)
            lines += [
                '  <question type="category">',
                f"    <category><text>{_xml(path)}</text></category>",
                "  </question>",
            ]
        lines += _moodle_question(question)
    return "\n".join([*lines, "</quiz>", ""])


def _moodle_question(question: Question) -> Iterator[str]:
    kind = "truefalse" if is_true_false(question) else "multichoice"
    name = question.metadata.get("name") or " ".join(question.prompt.split())
    yield f"  <question type={quoteattr(kind)}>"
    yield f"    <name><text>{_xml(name[:_MAX_NAME])}</text></name>"
    yield '    <questiontext format="plain_text">'
    yield f"      <text>{_xml(question.prompt)}</text>"
    yield "    </questiontext>"
    feedback = question.metadata.get("generalfeedback", "")
    yield '    <generalfeedback format="plain_text">'
    yield f"      <text>{_xml(feedback)}</text>"
    yield "    </generalfeedback>"
    yield "    <defaultgrade>1</defaultgrade>"
    yield f"    <idnumber>{_xml(question.id)}</idnumber>"
    if kind == "multichoice":
        yield f"    <single>{'false' if question.right else 'true'}</single>"
        yield "    <shuffleanswers>false</shuffleanswers>"
        yield "    <answernumbering>ABCD</answernumbering>"
    for option, credit in zip(question.options, _credits(question), strict=True):
        text = option.lower() if kind == "truefalse" else option
        yield f'    <answer fraction="{credit}" format="plain_text">'
        yield f"      <text>{_xml(text)}</text>"
        yield "    </answer>"
    tags = [tag for tag in question.metadata.get("tags", "").split(", ") if tag]
    if tags:
        listed = "".join(f"<tag><text>{_xml(tag)}</text></tag>" for tag in tags)
        yield f"    <tags>{listed}</tags>"
    yield "  </question>"


def gift_text(exam: Exam) -> str:
    """Return an exam in GIFT.

    Raises:
        ExamError: A question has no answer or a blank option, or a text cannot be stored.
    """
    require_answers_to_write(exam, "gift")
    require_text(exam, blank_options=False)
    blocks = []
    category = ""
    for question in exam:
        own = question.metadata.get("category", "")
        if own != category:
            category = own
            path = "/".join(part for part in ("$course$/top", " ".join(own.split())) if part)
            blocks.append(f"$CATEGORY: {path}")
        blocks.append("\n".join(_gift_question(question)))
    return "\n\n".join(blocks) + "\n"


def _gift_question(question: Question) -> Iterator[str]:
    notes = [f"[id:{question.id}]"] if not set(question.id) & set("]\r\n") else []
    notes += [
        f"[tag:{tag}]" for tag in question.metadata.get("tags", "").split(", ") if tag.strip("]\n")
    ]
    if notes:
        yield f"// {' '.join(notes)}"
    name = question.metadata.get("name", "")
    title = f"::{_gift(name)}::" if name else ""
    prompt = f"{title}[plain]{_gift(question.prompt)}"
    feedback = question.metadata.get("generalfeedback", "")
    ending = f"####{_gift(feedback)}" if feedback else ""
    if is_true_false(question):
        yield f"{prompt}{{{'TRUE' if question.answer == 0 else 'FALSE'}{ending}}}"
        return
    yield f"{prompt}{{"
    for place, (option, credit) in enumerate(
        zip(question.options, _credits(question), strict=True)
    ):
        is_right = place in question.right_options
        if question.right:
            sign = f"~%{credit}%"
        else:
            # A weight of its own keeps a text that begins with "%" from being read as one.
            weight = f"%{credit}%" if option.lstrip().startswith("%") else ""
            sign = f"={weight}" if is_right else f"~{weight}"
        yield f"{sign}[plain]{_gift(option)}"
    yield f"{ending}}}"


def _credits(question: Question) -> list[str]:
    """Return the credit of each option in percent, as Moodle rounds it."""
    n_right = len(question.right_options)
    share = f"{100 / n_right:.5f}".rstrip("0").rstrip(".")
    wrong = "-100" if question.right else "0"
    return [
        share if place in question.right_options else wrong
        for place in range(len(question.options))
    ]


def _gift(text: str) -> str:
    # A question is one block of lines, so its own line breaks are escaped.
    escaped = _GIFT_SIGNS.sub(lambda match: f"\\{match[0]}", text)
    return escaped.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\\n")


def _xml(text: str) -> str:
    return escape(text, {"\r": "&#13;"})

"""Questions of a file, once the answers of all its rows are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from llmexam.errors import ExamError
from llmexam.exam.parsers.answer_columns import infer
from llmexam.exam.parsers.answer_readings import Item, is_unknown
from llmexam.exam.parsers.answer_values import right_options
from llmexam.exam.parsers.drafting import Draft
from llmexam.exam.parsers.lettered import without_labels
from llmexam.exam.parsers.naming import folded
from llmexam.exam.parsers.shape import Layout
from llmexam.exam.question import Question, split_right

_PLACES = {letter: i for i, letter in enumerate(ascii_uppercase)}
_MOST_ROWS = 10
_NO_PLACE = len(ascii_uppercase)
Wrong = list[tuple[int, ExamError]]


def settle(
    drafts: list[Draft], layout: Layout, container: str, style: str | None
) -> tuple[tuple[tuple[int, Question], ...], Wrong, list[str]]:
    """Return the questions with their rows, the errors of answers, and notes.

    Args:
        drafts: The questions with their answers as in the file; emptied, to save memory.
        layout: How the file is read.
        container: Kind of the file.
        style: What the user says that answers are: `0`, `1` or `text`.

    Raises:
        ExamError: The answers can be read in several ways.
    """
    shape = layout.shape
    base = shape.base
    if container in ("json", "jsonl") and shape.json_base is not None:
        base = shape.json_base
    _take_off_labels(drafts)
    plain = [_is_plain_letter(one) for one in drafts]
    items = [
        Item(one.raw, one.options, one.labels)
        for one, is_plain in zip(drafts, plain, strict=True)
        if not is_plain and one.right is None and not is_unknown(one.raw)
    ]
    n_letters = sum(plain)
    column = infer(items, n_letters=n_letters, base=base, style=style)
    notes = [*column.notes, *_label_notes(drafts), *_distractor_notes(layout)]
    notes += _separator_notes(drafts, layout)
    ids = None
    if layout.id is not None and folded(layout.id) != "id":
        ids, id_notes = _distinct_ids(drafts, layout.id)
        notes += id_notes
    found: list[tuple[int, Question]] = []
    wrong: Wrong = []
    name = layout.answer or "answer"
    add = found.append
    blank: list[int] = []
    for i, one in enumerate(drafts):
        right: tuple[int, ...]
        answer: int | None
        try:
            if one.right is not None:
                answer, right = split_right(one.right)
            elif plain[i] and not column.prefers_text:
                answer, right = _PLACES[one.raw], ()
            elif one.raw is None:
                answer, right = None, ()
            else:
                places = right_options(Item(one.raw, one.options, one.labels), column, name)
                answer, right = split_right(places)
        except ExamError as error:
            wrong.append((one.row, error))
            continue
        if answer is not None and not one.options[answer].strip():
            blank.append(one.row)
        add(
            (
                one.row,
                Question(
                    one.id if ids is None else ids[i],
                    one.prompt,
                    one.options,
                    answer,
                    one.passages,
                    one.metadata,
                    right,
                ),
            )
        )
    drafts.clear()
    if blank:
        notes.append(f"the right option is blank in {len(blank):,} rows: {_listed(blank)}")
    return tuple(found), wrong, notes


def _take_off_labels(drafts: list[Draft]) -> None:
    """Take labels off options with equal texts, too, if most questions of the file had labels."""
    if 2 * sum(one.had_labels for one in drafts) <= len(drafts):
        return
    for i, one in enumerate(drafts):
        bare = None if one.had_labels else without_labels(one.options, may_repeat=True)
        if bare is not None:
            drafts[i] = one._replace(options=bare, had_labels=True)


def _is_plain_letter(one: Draft) -> bool:
    raw: Any = one.raw
    return (
        type(raw) is str
        and _PLACES.get(raw, _NO_PLACE) < len(one.options)
        and not one.labels
        and raw not in one.options
    )


def _label_notes(drafts: Sequence[Draft]) -> list[str]:
    n = sum(one.had_labels for one in drafts)
    if not n:
        return []
    what = "question" if n == 1 else "questions"
    return [f"labels such as 'A)' were removed from the options of {n:,} {what}"]


def _distractor_notes(layout: Layout) -> list[str]:
    if not layout.source.hides_right:
        return []
    return [
        "the file stores the right answer and the wrong ones separately; the position of the right "
        "answer among the options is derived from the question text"
    ]


def _separator_notes(drafts: Sequence[Draft], layout: Layout) -> list[str]:
    """Return a note if some rows have more or fewer options in one cell than most have."""
    separator = layout.source.separator
    counts = Counter(len(one.options) for one in drafts)
    if separator is None or len(counts) < 2:
        return []
    usual = counts.most_common(1)[0][0]
    rows = [one.row for one in drafts if len(one.options) != usual]
    return [
        f"options in one field are separated by {separator.name}; most questions have {usual} of "
        f"them, but those of {len(rows):,} rows have more or fewer, so check that no option "
        f"contains {separator.name}: {_listed(rows)}"
    ]


def _listed(rows: Sequence[int]) -> str:
    return ", ".join(map(str, rows[:_MOST_ROWS])) + (", ..." if rows[_MOST_ROWS:] else "")


def _distinct_ids(drafts: Sequence[Draft], name: str) -> tuple[list[str] | None, list[str]]:
    """Return distinct ids for a file in which a field that seems an id repeats."""
    counts = Counter(one.id for one in drafts)
    if len(counts) == len(drafts):
        return None, []
    seen: Counter[str] = Counter()
    ids = []
    for one in drafts:
        seen[one.id] += 1
        ids.append(one.id if counts[one.id] == 1 else f"{one.id}#{seen[one.id]}")
    return ids, [f"values of '{name}' repeat, so ids have a number added, such as '{ids[0]}'"]

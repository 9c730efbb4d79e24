"""Files with one row per option, whose rows are joined to questions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from llmexam.errors import ExamError
from llmexam.exam.letters import letter_of
from llmexam.exam.parsers import naming
from llmexam.exam.parsers.naming import Names, folded
from llmexam.exam.parsers.rows import Record, Row

_RIGHT = frozenset({"1", "1.0", "true", "yes"})
_WRONG = frozenset({"0", "0.0", "false", "no", "", "none", "nan"})
_IS_RIGHT = ("iscorrect", "isright", "correct", "right")
# With fewer, several right options are likelier two questions with the same text.
_MIN_QUESTIONS = 3


class _Columns(NamedTuple):
    """The columns of a file: of options and labels, and those that only some files have."""

    prompt: str
    option: str
    label: str
    id: str | None
    is_right: str | None


class _Group(NamedTuple):
    """The rows of one question, the first of which has a number."""

    first: int
    columns: _Columns
    records: list[Record]


def join_rows(rows: Iterable[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    """Yield one record per question of a file with one row per option.

    Rows of one question follow each other; they agree in their id, or without ids in their prompt.
    Without ids, an option that appears again begins another question.
    """
    joined: list[tuple[int, Row]] = []
    is_apart = False
    for one in _groups(rows):
        if not isinstance(one, _Group):
            joined.append(one)
            continue
        is_apart |= one.columns.id is not None
        try:
            joined.append((one.first, _joined(one)))
        except ExamError as error:
            joined.append((one.first, error))
    yield from joined if is_apart else _without_doubtful(joined)


def _groups(rows: Iterable[tuple[int, Row]]) -> Iterator[_Group | tuple[int, ExamError]]:
    """Yield the rows of each question, and the errors of faulty rows and their questions."""
    group: _Group | None = None
    columns: _Columns | None = None
    key: Any = None
    seen: set[str] = set()
    # A question beside a faulty row may lack an option.
    is_damaged = is_beside = False
    names: Sequence[str] = ()
    for row, record in rows:
        if isinstance(record, ExamError):
            yield row, record
            is_beside = True
            continue
        if columns is None or names != tuple(record):
            names = tuple(record)
            columns = _columns(names)
        own = record.get(columns.id or columns.prompt)
        text = str(record.get(columns.option))
        if group is not None and (own != key or (columns.id is None and text in seen)):
            yield _damaged(group) if is_damaged or is_beside else group
            group, is_damaged = None, False
        is_damaged, is_beside = is_damaged or is_beside, False
        if group is None:
            group, key, seen = _Group(row, columns, []), own, set()
        group.records.append(record)
        seen.add(text)
    if group is not None:
        yield _damaged(group) if is_damaged or is_beside else group


def _damaged(group: _Group) -> tuple[int, ExamError]:
    return group.first, ExamError(
        "a row of this question, or beside it, is faulty, so that an option may be missing",
        hint="Correct the faulty row",
    )


def _columns(names: Sequence[str]) -> _Columns:
    known = Names(names)
    option, label = known.find("option") or "option", known.find("label") or "label"
    return _Columns(
        known.find("prompt") or "prompt",
        option,
        label,
        known.first(naming.IDS),
        known.first(_IS_RIGHT, without=(option, label)),
    )


def _joined(group: _Group) -> Record:
    """Return the question in some rows.

    Raises:
        ExamError: The rows have different prompts, or do not tell which option is right.
    """
    columns, records = group.columns, group.records
    if len({str(one.get(columns.prompt)) for one in records}) > 1:
        raise ExamError(
            f"rows with the id '{records[0].get(columns.id or '')}' have different questions",
            field=columns.prompt,
            hint="Give each question an id of its own",
        )
    options = [one.get(columns.option) for one in records]
    labels = [_plain(one.get(columns.label)) for one in records]
    names = [str(one.get(columns.label)).strip() for one in records]
    are_names = not {*labels} <= _RIGHT | _WRONG
    truths = [_plain(one.get(columns.is_right or "")) for one in records]
    is_told = columns.is_right is not None and {*truths} <= _RIGHT | _WRONG
    beside = (columns.option, columns.label, columns.is_right if is_told else None)
    head = {name: value for name, value in records[0].items() if name not in beside}
    given = Names(head).first(naming.ANSWERS)
    if are_names and not is_told and given is not None and len({*names}) == len(names):
        by_label = dict(zip(names, options, strict=True))
        return {**_others(head), "options": by_label, "answer": head[given]}
    if not is_told:
        truths = labels
        _check_truths(labels, columns.label)
    right = [letter_of(i) for i, truth in enumerate(truths) if truth in _RIGHT]
    return {**_others(head), "options": options, "answer": right or None}


def _others(head: Record) -> Record:
    return {name: one for name, one in head.items() if folded(name) not in ("answer", "options")}


def _check_truths(truths: Sequence[str], name: str) -> None:
    odd = next((one for one in truths if one not in _RIGHT | _WRONG), None)
    if odd is not None:
        raise ExamError(
            f"expected 1 for a right and 0 for a wrong option, got '{odd}'",
            field=name,
            hint="Add a column 'is_correct' with 1 or 0, or a column 'answer'",
        )


def _plain(value: Any) -> str:
    return "" if value is None else str(value).strip().casefold()


def _without_doubtful(joined: Sequence[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    """Yield questions without ids; those with several right options only if most have several."""
    whole = [one for _, one in joined if not isinstance(one, ExamError)]
    n_several = sum(_has_several(one) for one in whole)
    is_usual = len(whole) >= _MIN_QUESTIONS and 2 * n_several > len(whole)
    for row, one in joined:
        if not isinstance(one, ExamError) and _has_several(one) and not is_usual:
            yield (
                row,
                ExamError(
                    "several options are right, and there are no ids: these may be two "
                    "questions with the same text",
                    field="id",
                    hint="Add a column 'id' with one value per question",
                ),
            )
        else:
            yield row, one


def _has_several(record: Record) -> bool:
    answer = record.get("answer")
    return isinstance(answer, list) and len(answer) > 1

"""MMLU: CSV with `question,choice0,...,choiceN,answer`, or the original without a header.

With a header the answer is an index from 0 or a letter. The original files have no header and six
cells: question, four options, and the letter of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from llmexam.errors import ExamError
from llmexam.exam.letters import MIN_OPTIONS
from llmexam.exam.parsers.fields import answer_index, id_of
from llmexam.exam.parsers.source import CsvRecord, SourceFile
from llmexam.exam.question import Question

_HEADERLESS = ("question", "choice0", "choice1", "choice2", "choice3", "answer")
_CHOICE = re.compile(r"choice(\d{1,2})")
_N_ROWS_LOOKED_AT = 20


def looks_like(source: SourceFile) -> bool:
    """Return whether the header has a question and choices, or there is none but answer letters."""
    header = source.csv_header
    return ("question" in header and "choice0" in header) or _is_headerless(source)


def records(source: SourceFile) -> Iterator[CsvRecord]:
    """Return the records after checking the header, if there is one.

    Raises:
        ExamError: A column is missing.
    """
    if _is_headerless(source):
        return (CsvRecord(_HEADERLESS, cells) for cells in source.csv_rows())
    header = source.csv_header
    places = [int(match[1]) for match in map(_CHOICE.fullmatch, header) if match]
    n_options = max([MIN_OPTIONS - 1, *places]) + 1
    for name in ("question", *(f"choice{place}" for place in range(n_options))):
        if name not in header:
            raise ExamError(
                f"column '{name}' is missing; the header has: {', '.join(header)}",
                file=source.path,
                field=name,
                hint="The format is question,choice0,choice1,...,answer",
            )
    return source.csv_records()


def to_question(record: CsvRecord, row: int) -> Question:
    """Return the question in one record.

    Raises:
        ExamError: The record is not a valid question.
    """
    cells = record.as_dict()
    n_options = sum(_CHOICE.fullmatch(name) is not None for name in cells)
    choices = [f"choice{place}" for place in range(n_options)]
    answer = None
    if "answer" in cells:
        text = cells["answer"].strip()
        answer = answer_index(int(text) if text.isdecimal() else text, n_options)
    used = {"id", "question", "answer", *choices}
    return Question(
        id=id_of(cells, row),
        prompt=cells["question"],
        options=tuple(cells[name] for name in choices),
        answer=answer,
        metadata={name: cell for name, cell in cells.items() if name not in used},
    )


def _is_headerless(source: SourceFile) -> bool:
    # A last cell "D" is also how the header "id,prompt,A,B,C,D" ends, hence the other cells.
    rows = list(islice(source.csv_rows(), _N_ROWS_LOOKED_AT))
    return bool(rows) and all(
        len(cells) == len(_HEADERLESS)
        and cells[-1].strip() in {"A", "B", "C", "D"}
        and [cell.strip() for cell in cells[2:5]] != ["A", "B", "C"]
        for cells in rows
    )

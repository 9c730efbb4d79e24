"""The ScienceQA format: Parquet with `question`, a list column `choices`, an index `answer`.

The `hint` is the text that a question refers to, so it becomes a passage. `lecture` and `solution`
reveal the answer, so they become metadata, like other columns of texts or numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from llmexam.errors import ExamError
from llmexam.exam.parsers.fields import answer_index, checked_text, id_of, metadata_of, text_of
from llmexam.exam.parsers.fields import texts_of as read_texts
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.question import Passage, Question

_REQUIRED = ("question", "choices")
_KNOWN = frozenset({"id", "question", "choices", "answer", "hint"})


def records(source: SourceFile) -> Iterator[dict[str, Any]]:
    """Return the rows as dictionaries.

    Raises:
        ExamError: The file is damaged or a column is missing.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(source.data))
        names = _readable_columns(file.schema_arrow)
        for name in _REQUIRED:
            if name not in names:
                raise ExamError(
                    f"column '{name}' is missing; found: "
                    f"{', '.join(file.schema_arrow.names) or 'nothing'}",
                    file=source.path,
                    field=name,
                    hint="The format is question, choices (list of texts), answer (index from 0)",
                )
        rows: list[dict[str, Any]] = file.read(columns=names).to_pylist()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise source.error(
            f"is a damaged Parquet file: {str(error).splitlines()[0]}", hint="Download it again"
        ) from None
    return iter(rows)


def to_question(record: dict[str, Any], row: int) -> Question:
    """Return the question in one row.

    Raises:
        ExamError: The row is not a valid question.
    """
    options = read_texts(record, "choices")
    hint = record.get("hint")
    passages = (Passage(checked_text(hint, "hint")),) if hint else ()
    metadata = metadata_of(record, _KNOWN)
    return Question(
        id=id_of(record, row),
        prompt=text_of(record, "question"),
        options=options,
        answer=answer_index(record.get("answer"), len(options)),
        passages=passages,
        metadata={name: text for name, text in metadata.items() if text},
    )


def _readable_columns(schema: pa.Schema) -> list[str]:
    """Return the columns of texts, numbers and lists of texts; images are not read into memory."""
    return [
        field.name
        for field in schema
        if pa.types.is_string(field.type)
        or pa.types.is_large_string(field.type)
        or pa.types.is_integer(field.type)
        or pa.types.is_floating(field.type)
        or pa.types.is_boolean(field.type)
        or (
            (pa.types.is_list(field.type) or pa.types.is_large_list(field.type))
            and pa.types.is_string(field.type.value_type)
        )
    ]

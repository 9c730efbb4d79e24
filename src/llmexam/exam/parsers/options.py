"""How an exam is read, where it differs from what is found out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from llmexam.errors import ExamError, nearest

TARGETS = ("prompt", "options", "answer", "distractors", "passages", "context", "id", "records")
"""What `--field` maps to columns; `records` is the list inside a JSON file, or a sheet."""

ANSWER_BASES = ("0", "1", "text")
ON_FAULTY = ("fail", "skip")


@dataclass(frozen=True)
class ReadOptions:
    """How an exam is read.

    Attributes:
        format: Name of the format; None detects it.
        fields: Columns by field: prompt, options, answer, distractors, passages, context, id,
            records. Several columns are a list, or separated by commas.
        answer_base: What an answer is: `0` or `1` for an index that counts from it, `text` for
            the text of an option; None infers it from the whole file.
        on_faulty: What happens if rows are faulty: `fail`, or `skip` to leave them out.
        limit: Number of questions to read, from the first; None for all.
        sample: Number of questions to draw at random, kept in order; None for all.
        seed: Random seed of the sample.
        encoding: Encoding of text files; None recognises it.
        keep_labels: Whether labels such as "A)" stay in the options.
    """

    format: str | None = None
    fields: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    answer_base: str | None = None
    on_faulty: str = "fail"
    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    encoding: str | None = None
    keep_labels: bool = False

    @classmethod
    def checked(cls, *, answer_base: str | int | None = None, **values: Any) -> ReadOptions:
        """Return the options after checking their values.

        Raises:
            ExamError: A value is not one of those allowed.
        """
        base = None if answer_base is None else str(answer_base)
        options = cls(answer_base=base, **values)
        if base is not None and base not in ANSWER_BASES:
            raise ExamError(f"expected 0, 1 or text, got '{base}'", field="answer_base")
        if options.on_faulty not in ON_FAULTY:
            raise ExamError(f"expected fail or skip, got '{options.on_faulty}'", field="on_faulty")
        for name in ("limit", "sample"):
            n = getattr(options, name)
            if n is not None and n < 1:
                raise ExamError(f"expected at least 1 question, got {n}", field=name)
        return options

    def check_fields(self) -> None:
        """Check the names of the mapped fields.

        Raises:
            ExamError: A field is unknown.
        """
        for target in self.fields:
            if target not in TARGETS:
                raise ExamError(
                    f"unknown field '{target}'", field="--field", hint=nearest(target, TARGETS)
                )

    def check_without_columns(self, format: str) -> None:
        """Check that no column is mapped, for a format that has none, such as GIFT.

        Raises:
            ExamError: A field or the way to write answers was given.
        """
        option = "field" if self.fields else "answer-base" if self.answer_base else None
        if option is not None:
            raise ExamError(
                f"--{option} does not apply to the format {format}, which has no columns",
                field=f"--{option}",
                hint=f"Leave --{option} out, or read this file apart from the others",
            )

    @property
    def beyond_fields(self) -> list[str]:
        """Names of the options that are set, but format, fields and seed."""
        plain = ReadOptions()
        return [
            one.name
            for one in fields(self)
            if one.name not in ("format", "fields", "seed")
            and getattr(self, one.name) != getattr(plain, one.name)
        ]


@dataclass(frozen=True)
class ExamSource:
    """The files of an exam, and how they are read.

    Attributes:
        path: The files, as `read_exam` takes them.
        options: How they are read.
    """

    path: str | Path
    options: ReadOptions

    def __str__(self) -> str:
        return str(self.path)

"""How an exam is read, where it differs from what is found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

OnFaulty = Literal["fail", "skip"]


@dataclass(frozen=True)
class ReadOptions:
    """How an exam is read.

    Attributes:
        format: Name of the format; None detects it.
        fields: Columns by field: prompt, options, answer, distractors, passages, context, id,
            records. Several columns are separated by commas.
        answer_base: What an answer is: `0` or `1` for an index that counts from it, `text` for
            the text of an option; None infers it from the whole file.
        on_faulty: What happens if rows are faulty: `fail`, or `skip` to leave them out.
        limit: Number of questions to read, from the first; None for all.
        sample: Number of questions to draw at random, kept in order; None for all.
        seed: Random seed of the sample.
        encoding: Encoding of text files; None recognises it.
    """

    format: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    answer_base: str | None = None
    on_faulty: OnFaulty = "fail"
    limit: int | None = None
    sample: int | None = None
    seed: int = 0
    encoding: str | None = None

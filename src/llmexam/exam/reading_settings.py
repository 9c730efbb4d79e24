"""Settings of plans and recipes that say how an exam file is read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llmexam.exam.parsers.options import ReadOptions
from llmexam.settings.base import Settings


class ReadingSettings(Settings):
    """How an exam file is read, where the defaults do not fit."""

    fields: dict[str, str | tuple[str, ...]] = Field(
        {},
        description="columns whose names are not recognised, by field: `prompt: Question`, "
        "`options: [A, B, C, D]`; also answer, distractors, passages, context, id and records. For "
        "rewritten texts: `original_text: text`",
    )
    answer_base: Literal[0, 1, "text"] | None = Field(
        None,
        description="how answers are written: `0` for indices that count from 0, `1` for indices "
        "that count from 1, or `text` for texts of options; inferred from the whole file by "
        "default",
    )
    on_faulty: Literal["fail", "skip"] = Field(
        "fail",
        description="what to do with faulty rows: `fail` stops with an error that lists them, "
        "`skip` leaves them out",
    )
    encoding: str | None = Field(
        None, description="encoding of text files, such as `gb18030`; auto-detected by default"
    )
    keep_labels: bool = Field(
        False,
        description="keep labels in the options, such as the A) of `A) Paris`; removed by default",
    )

    def read_options(self, format: str | None) -> ReadOptions:
        """Return the options of reading a file.

        Args:
            format: Its format; None detects it.
        """
        return ReadOptions(
            format=format,
            fields=self.fields,
            answer_base=None if self.answer_base is None else str(self.answer_base),
            on_faulty=self.on_faulty,
            encoding=self.encoding,
            keep_labels=self.keep_labels,
        )

"""Banks of rewrite prompts: CSV files with a column `rewrite_prompt`, and labels of facets."""

from __future__ import annotations

from pathlib import Path

from llmexam.errors import ExamError
from llmexam.exam.parsers.source import SourceFile
from llmexam.sample import BUNDLED, PROMPT_BANK_PATH

COLUMN = "rewrite_prompt"


def read_bank(path: str | Path) -> list[str]:
    """Return the distinct prompts of a bank, in the order of the file.

    Args:
        path: A CSV file with a column `rewrite_prompt`, or `bundled`. Blank prompts are left out.

    Raises:
        ExamError: The file cannot be read, or has no such column or no prompt.
    """
    source = SourceFile.load(PROMPT_BANK_PATH if str(path) == BUNDLED else path)
    if COLUMN not in source.csv_header:
        raise source.error(
            f"column '{COLUMN}' is missing; found: {', '.join(source.csv_header)}",
            hint="Name the column of the prompts rewrite_prompt",
        )
    prompts: dict[str, None] = {}
    for row, record in enumerate(source.csv_records(), 1):
        try:
            prompt = record.as_dict()[COLUMN].strip()
        except ExamError as error:
            raise ExamError(error.message, file=path, row=row, hint=error.hint) from None
        if prompt:
            prompts[prompt] = None
    if not prompts:
        raise source.error("the bank has no prompts", hint="Add rows below the header")
    return list(prompts)

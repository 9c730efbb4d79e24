"""Banks of rewrite prompts: CSV files with a column `rewrite_prompt`, and labels of facets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from llmexam.errors import ExamError
from llmexam.exam.parsers.source import SourceFile
from llmexam.sample import BUNDLED, PROMPT_BANK_PATH

COLUMN = "rewrite_prompt"
# Columns that say nothing about what a prompt asks for.
_NO_FACETS = frozenset({"id", COLUMN, "source"})


def read_bank(path: str | Path) -> list[str]:
    """Return the distinct prompts of a bank, in the order of the file.

    Args:
        path: A CSV file with a column `rewrite_prompt`, or `bundled`. Blank prompts are left out.

    Raises:
        ExamError: The file cannot be read, or has no such column or no prompt.
    """
    source = _open(path)
    prompts = dict.fromkeys(prompt for prompt, _ in _records(source, path))
    if not prompts:
        raise source.error("the bank has no prompts", hint="Add rows below the header")
    return list(prompts)


def read_facets(path: str | Path) -> dict[str, dict[str, str]]:
    """Return the labels of a bank's prompts: by prompt, then by facet; blank where unlabelled.

    Every column beside `id`, `rewrite_prompt` and `source` is a facet, such as `tone`. Of a prompt
    that occurs twice, the first label of each facet counts.

    Args:
        path: A CSV file with a column `rewrite_prompt`, or `bundled`.

    Raises:
        ExamError: The file cannot be read, or has no such column, no facet or no label.
    """
    source = _open(path)
    facets = [name for name in source.csv_header if name not in _NO_FACETS]
    if not facets:
        raise source.error(
            "the bank has no column of labels",
            hint="Add a column for each facet, such as tone, or leave facet_bank out",
        )
    found: dict[str, dict[str, str]] = {}
    for prompt, record in _records(source, path):
        labels = found.setdefault(prompt, dict.fromkeys(facets, ""))
        for facet in facets:
            labels[facet] = labels[facet] or record[facet].strip()
    if not any(label for labels in found.values() for label in labels.values()):
        raise source.error(
            f"no prompt of the bank has a label; columns: {', '.join(facets)}",
            hint="Fill in labels, or leave facet_bank out",
        )
    return found


def _open(path: str | Path) -> SourceFile:
    source = SourceFile.load(PROMPT_BANK_PATH if str(path) == BUNDLED else path)
    if COLUMN not in source.csv_header:
        raise source.error(
            f"column '{COLUMN}' is missing; found: {', '.join(source.csv_header)}",
            hint="Name the column of the prompts rewrite_prompt",
        )
    return source


def _records(source: SourceFile, path: str | Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield each prompt that is not blank, with its row."""
    for row, record in enumerate(source.csv_records(), 1):
        try:
            values = record.as_dict()
        except ExamError as error:
            raise ExamError(error.message, file=path, row=row, hint=error.hint) from None
        prompt = values[COLUMN].strip()
        if prompt:
            yield prompt, values

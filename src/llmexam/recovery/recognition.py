"""Tell files of prompt recovery from other exams and answers, by their columns."""

from __future__ import annotations

from collections.abc import Sequence
from re import split

from llmexam.exam.parsers.source import SourceFile

_TEXTS = {"original_text", "rewritten_text"}


def is_rewrites(source: SourceFile) -> bool:
    """Return whether a file has a column of original or rewritten texts.

    Raises:
        ExamError: The file is not text.
    """
    return bool(_TEXTS & _columns(source))


def is_prompts(source: SourceFile) -> bool:
    """Return whether a file is a submission of prompt recovery, or the answers of a run.

    Raises:
        ExamError: The file is not text.
    """
    return "rewrite_prompt" in _columns(source) or is_run_answers(source)


def is_run_answers(source: SourceFile) -> bool:
    """Return whether a file is a JSON file of answers in the folder of a run.

    Raises:
        ExamError: The file is not text.
    """
    return not source.is_parquet and source.text.lstrip()[:1] == "{" and '"answers"' in source.text


def is_separated_otherwise(header: Sequence[str]) -> bool:
    """Return whether a header seems to have semicolons, tabs or bars instead of commas.

    >>> is_separated_otherwise(["id;rewrite_prompt"]), is_separated_otherwise(["id", "text"])
    (True, False)
    """
    return len(header) == 1 and len(split(r"[;\t|]", header[0])) > 1


def _columns(source: SourceFile) -> set[str]:
    if source.is_parquet:
        return set()
    if source.text.lstrip()[:1] in ("{", "["):
        return set(source.first_json)
    header = source.csv_header
    # A file with other separators is told what is wrong by the parser of its task.
    return set(split(r"[;\t|]", header[0])) if is_separated_otherwise(header) else set(header)

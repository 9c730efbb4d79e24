"""Files of answers in the folder of a run: recovered prompts with candidates and confidence."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from llmexam.errors import SubmissionError
from llmexam.exam.parsers.source import parse_json
from llmexam.recovery.recoverer import Candidate, Recovery
from llmexam.storage.atomic import write_json

_LARGEST = 1e9


def write_answers(
    path: Path,
    ids: Sequence[str],
    recoveries: Sequence[Recovery],
    *,
    usage: str = "",
    folds: Sequence[int] | None = None,
) -> None:
    """Write the answers of a recoverer to a JSON file, whole or not at all.

    Args:
        path: The file.
        ids: The ids of the rows.
        recoveries: A recovery for each.
        usage: What they took beside time.
        folds: The fold of each row that its recoverer was not fitted on; None without folds.
    """
    answers = [
        {
            "id": one,
            "answer": recovery.text,
            "confidence": None if math.isnan(recovery.confidence) else recovery.confidence,
            "candidates": [[known.text, known.score] for known in recovery.candidates],
            "fold": None if folds is None else int(folds[row]),
        }
        for row, (one, recovery) in enumerate(zip(ids, recoveries, strict=True))
    ]
    write_json(path, {"usage": usage, "answers": answers})


def read_written(path: Path) -> tuple[tuple[Recovery, ...], str]:
    """Return the recoveries and the usage of a file that `write_answers` wrote."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return tuple(_recovery(one) for one in found["answers"]), found["usage"]


def parse_answers(text: str, path: Path) -> Iterator[tuple[str, Recovery]]:
    """Yield ids and recoveries of a file of answers, which another program may have changed.

    Args:
        text: Its content.
        path: The file, for error messages.

    Raises:
        SubmissionError: It is not of this format.
    """
    found = parse_json(text, "the file")
    answers = found.get("answers") if isinstance(found, dict) else None
    if not isinstance(answers, list):
        raise SubmissionError("expected a list 'answers', as in the folder of a run", file=path)
    for row, one in enumerate(answers, 1):
        pair = (one.get("id"), one.get("answer")) if isinstance(one, dict) else (None, None)
        if not all(isinstance(value, str) for value in pair):
            raise SubmissionError("expected the texts 'id' and 'answer'", file=path, row=row)
        if not _is_number(one.get("confidence", None), or_none=True):
            raise SubmissionError(
                "expected a number or null", file=path, row=row, field="confidence"
            )
        candidates = one.get("candidates", [])
        if not isinstance(candidates, list) or not all(map(_is_candidate, candidates)):
            raise SubmissionError(
                "expected a list of [text, score]", file=path, row=row, field="candidates"
            )
        _require_text([*pair, *(text for text, _ in candidates)], path, row)
        yield str(pair[0]), _recovery(one)


def _require_text(texts: Sequence[Any], path: Path, row: int) -> None:
    for text in texts:
        try:
            str(text).encode()
        except UnicodeEncodeError:
            raise SubmissionError(
                "a text has half of a surrogate pair, which is no character", file=path, row=row
            ) from None


def _recovery(saved: dict[str, Any]) -> Recovery:
    confidence = saved.get("confidence")
    return Recovery(
        saved["answer"],
        tuple(Candidate(text, score) for text, score in saved.get("candidates", [])),
        float("nan") if confidence is None else confidence,
    )


def _is_candidate(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and _is_number(value[1])
    )


def _is_number(value: object, *, or_none: bool = False) -> bool:
    if value is None:
        return or_none
    # Neither NaN nor a number beyond all scores, which arithmetic in 32 bits cannot hold.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and -_LARGEST <= value <= _LARGEST  # type: ignore[operator]

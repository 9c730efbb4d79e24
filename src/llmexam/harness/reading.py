"""Recognise and read logs of other harnesses."""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from llmexam.errors import ExamError
from llmexam.harness import batch, helm, inspect_ai, lm_eval
from llmexam.harness.log import HarnessLog

# Commands show what it says of exams, and of logs, once.
_LOG = logging.getLogger("llmexam.exam.reading")
# Names of keys near the start tell the formats apart, so most files are told by a short look.
_HEAD = 1_000_000
_LINES = (lm_eval, batch)
_OBJECTS = (helm, inspect_ai)
_WORDS = (b'"request_states"', b'"eval"', b'"doc_id"', b'"custom_id"')


def is_log(path: object) -> bool:
    """Return whether a path is a log of another harness, by its content."""
    if not isinstance(path, str | Path):
        return False
    path = Path(path)
    try:
        if not path.is_file():
            return False
        with path.open("rb") as stream:
            head = stream.read(_HEAD)
    except (OSError, ValueError):
        return False
    if head[:2] == b"PK":
        return _is_archive(path)
    if head.lstrip()[:1] != b"{" or not any(word in head for word in _WORDS):
        return False
    try:
        return bool(_kind(path))
    except ExamError:
        return False


def read_log(path: str | Path) -> HarnessLog:
    """Return a log of lm-evaluation-harness, inspect_ai, HELM or an OpenAI batch.

    Raises:
        ExamError: The file is none of them, is damaged, or has no questions.
    """
    path = Path(path)
    found = inspect_ai.read_archive(path) if _is_archive(path) else _read_json(path)
    if not found.answers:
        raise ExamError("the log has no answers", file=path, hint="Check how it was written")
    for note in found.notes:
        _LOG.warning("%s: %s", path, note)
    return found


def _read_json(path: Path) -> HarnessLog:
    kind = _kind(path)
    if kind == lm_eval.NAME:
        return lm_eval.read(path, _lines(path))
    if kind == batch.NAME:
        return batch.read(path, _lines(path))
    if kind == helm.NAME:
        return helm.read(path, _whole(path))
    if kind == inspect_ai.NAME:
        return inspect_ai.read_json(path, _whole(path))
    raise ExamError(
        "expected a log of another harness",
        file=path,
        hint="Known: samples of lm-evaluation-harness (--log_samples), inspect_ai (.eval, .json), "
        "scenario_state.json of HELM, output of an OpenAI batch",
    )


def _kind(path: Path) -> str:
    """Return the name of the harness, or empty."""
    kinds: tuple[ModuleType, ...] = (*_LINES, *_OBJECTS)
    found = next((record for _, record in _lines(path, quiet=True)), None)
    if found is None:
        # Not one object per line: the object of the file takes several.
        kinds = _OBJECTS
        try:
            found = _whole(path)
        except ExamError:
            return ""
    return next((one.NAME for one in kinds if one.looks_like(found)), "")


def _is_archive(path: Path) -> bool:
    if path.suffix != ".eval" or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.startswith(("_journal/", "samples/")) for name in archive.namelist())


def _lines(path: Path, *, quiet: bool = False) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield number and object of each line; with `quiet`, stop at the first that is none."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if not isinstance(record, dict):
                if quiet:
                    return
                raise ExamError(
                    "expected one JSON object per line",
                    file=path,
                    row=number,
                    hint="Check that the file was not cut off",
                )
            yield number, record


def _whole(path: Path) -> Mapping[str, Any]:
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise ExamError(f"cannot read the file: {error.strerror}", file=path) from None
    except (ValueError, RecursionError):
        raise ExamError("the file is not JSON", file=path, hint="Copy it again") from None
    if not isinstance(record, dict):
        raise ExamError("expected a JSON object", file=path)
    return record

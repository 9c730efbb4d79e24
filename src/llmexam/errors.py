"""All exceptions that llmexam raises deliberately, in one hierarchy.

LlmExamError
├── ExamError               an exam file or its content is invalid
│   └── SubmissionError     a submission file cannot be graded
├── CorpusError             a corpus file or folder cannot be used
├── EvidenceIndexError      an index on disk cannot be used
│   ├── CorruptIndexError   its files are damaged or missing
│   └── IndexMismatchError  it was built with other settings or another model
├── SettingsError           a setting is unknown or has an invalid value
│   └── UntrainedModelError a model was not trained for this solver
├── ScoreError              scores break the ScoreMatrix contract
├── RunError                a run folder cannot be used
│   └── NotFoundError       a folder of runs has nothing of this name
├── CacheError              cached answers on disk cannot be used
├── ModelError              model weights cannot be used
├── BusyError               a server has too many questions to answer, or stops
├── TimeLimitError          an answer took longer than a server allows
├── EndpointError           a request to a served model or a web API failed
└── MissingDependencyError  an optional package is not installed

The command line prints any of these as one line and exits with code 2. Other exceptions
are bugs and keep their traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class LlmExamError(Exception):
    """Base class of all errors: a message with its location and a hint.

    Args:
        message: What is wrong.
        file: The file it is in.
        row: The row in that file, counted as a person would: the first record is row 1.
        field: The column, key or setting.
        hint: What to do about it.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | Path | None = None,
        row: int | None = None,
        field: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.file = str(file) if file is not None else None
        self.row = row
        self.field = field
        self.hint = hint
        where = " ".join(
            part
            for part in (
                self.file,
                f"row {row}" if row is not None else None,
                f"field '{field}'" if field is not None else None,
            )
            if part
        )
        text = f"{where}: {message}" if where else message
        super().__init__(f"{text}. {hint}" if hint else text)


class ExamError(LlmExamError):
    """An exam file or its content is invalid."""


class SubmissionError(ExamError):
    """A submission file cannot be graded."""


class CorpusError(LlmExamError):
    """A corpus file or folder cannot be used."""


class EvidenceIndexError(LlmExamError):
    """An index on disk cannot be used."""


class CorruptIndexError(EvidenceIndexError):
    """The files of an index are damaged or missing."""


class IndexMismatchError(EvidenceIndexError):
    """An index was built with other settings or another model."""


class SettingsError(LlmExamError):
    """A setting is unknown or has an invalid value."""


class UntrainedModelError(SettingsError):
    """A model was not trained for this solver."""


class ScoreError(LlmExamError):
    """Scores break the ScoreMatrix contract."""


class RunError(LlmExamError):
    """A run folder cannot be used."""


class NotFoundError(RunError):
    """A folder of runs has no run, file or question of this name."""


class CacheError(LlmExamError):
    """Cached answers on disk cannot be used."""


class ModelError(LlmExamError):
    """Model weights cannot be used."""


class BusyError(LlmExamError):
    """A server has too many questions to answer, or stops."""


class TimeLimitError(LlmExamError):
    """An answer took longer than a server allows."""


class EndpointError(LlmExamError):
    """A request to a served model or a web API failed."""


class MissingDependencyError(LlmExamError):
    """An optional package is not installed.

    Args:
        feature: The feature that needs the package.
        package: The package.
        extra: The extra of llmexam that installs it.
        install: The requirement to install, for packages that are in no extra.
    """

    def __init__(self, feature: str, package: str, extra: str, *, install: str = "") -> None:
        command = f"pip install {install}" if install else f"pip install 'llmexam[{extra}]'"
        super().__init__(
            f"{feature} needs '{package}', which is not installed",
            hint=f"Install it with: {command}",
        )


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return a hint with the choice most similar to a misspelt word, and all choices.

    >>> nearest("lexial", ["lexical", "random"])
    "Did you mean 'lexical'? Available: lexical, random"
    """
    known = sorted(choices)
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    start = f"Did you mean '{close[0]}'? " if close else ""
    return f"{start}Available: {', '.join(known)}"


def plural(number: int, noun: str, many: str = "") -> str:
    """Return a count and its noun, for messages.

    >>> plural(1, "question"), plural(2000, "question"), plural(2, "query", "queries")
    ('1 question', '2,000 questions', '2 queries')
    """
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"

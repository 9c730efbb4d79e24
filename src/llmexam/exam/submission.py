"""Submission files: `id,prediction`, up to three letters per question, best first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from llmexam.errors import ExamError, SubmissionError
from llmexam.exam.exam import Exam
from llmexam.exam.letters import MAX_OPTIONS, index_of, letter_of
from llmexam.exam.parsers.source import SourceFile
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.writers import csv_text
from llmexam.storage.atomic import write_text

_COLUMNS = ("id", "prediction")


def submission_text(scores: ScoreMatrix, k: int = 3) -> str:
    """Return a submission: the k best letters of every question, separated by spaces.

    Args:
        scores: One score per option.
        k: Maximum number of letters, at least 1; a question with fewer options gets fewer.

    Raises:
        SubmissionError: `k` is less than 1, or there are no questions.
    """
    if k < 1:
        raise SubmissionError(f"expected k of at least 1, got {k}", field="k", hint="Use 1 or more")
    if not len(scores):
        raise SubmissionError("the submission has no questions")
    best = scores.ranking[:, :k].tolist()
    predictions = [" ".join(letter_of(i) for i in row if i >= 0) for row in best]
    return csv_text(_COLUMNS, zip(scores.question_ids, predictions, strict=True))


def write_submission(path: str | Path, scores: ScoreMatrix, k: int = 3) -> None:
    """Write a submission to a file, atomically; an existing file is replaced.

    Raises:
        SubmissionError: `k` is less than 1, or there are no questions.
    """
    write_text(path, submission_text(scores, k))


def read_submission(path: str | Path, exam: Exam | None = None) -> dict[str, tuple[int, ...]]:
    """Read a submission; repeated letters are not removed.

    Args:
        path: The file.
        exam: If given, the submission must answer its questions, all of them and no others, with
            letters of their options.

    Returns:
        Option indices by question id, best first, in the order of the file.

    Raises:
        SubmissionError: The file cannot be read, a column, id or prediction is missing, an id is
            there twice, or a letter is unknown.
    """
    try:
        source = SourceFile.load(path)
        records = list(_records(source))
    except SubmissionError:
        raise
    except ExamError as error:
        raise SubmissionError(
            error.message, file=error.file, row=error.row, field=error.field, hint=error.hint
        ) from None
    n_options = {question.id: len(question.options) for question in exam} if exam else {}
    answers: dict[str, tuple[int, ...]] = {}
    first_row: dict[str, int] = {}
    for row, (question_id, prediction) in enumerate(records, 1):
        if question_id in first_row:
            raise SubmissionError(
                f"duplicate id '{question_id}', first used in row {first_row[question_id]}",
                file=path,
                row=row,
                field="id",
                hint="Answer every question once",
            )
        first_row[question_id] = row
        if exam is not None and question_id not in n_options:
            raise SubmissionError(
                f"unknown id '{question_id}': no such question in {exam.source or 'the exam'}",
                file=path,
                row=row,
                field="id",
                hint="Check that the submission belongs to this exam. If a part of an exam is read "
                "(limit, sample, where), give the rows of this part only",
            )
        answers[question_id] = _indices(
            prediction, n_options.get(question_id, MAX_OPTIONS), Path(path), row
        )
    if not answers:
        raise SubmissionError("the file has no predictions", file=path)
    if exam is not None:
        _check_complete(answers, exam, path)
    return answers


def validate_submission(
    path: str | Path, exam: Exam, *, k: int = 3, strict: bool = True
) -> dict[str, tuple[int, ...]]:
    """Validate a submission strictly, and return it as `read_submission` does.

    Args:
        path: The file.
        exam: The exam it answers.
        k: Maximum number of letters of a prediction.
        strict: Reject repeated letters too, because graders differ: "A A A" scores 1 under the
            competition's metric and 3 in a widely copied implementation.

    Raises:
        SubmissionError: The submission is invalid; names file, row and field of the first error.
    """
    answers = read_submission(path, exam)
    for row, (question_id, prediction) in enumerate(answers.items(), 1):
        letters = " ".join(letter_of(i) for i in prediction)
        if len(prediction) > k:
            raise SubmissionError(
                f"question '{question_id}': expected at most {k} letters, got "
                f"{len(prediction)} in '{letters}'",
                file=path,
                row=row,
                field="prediction",
                hint="Remove the last ones",
            )
        if strict and len(set(prediction)) < len(prediction):
            raise SubmissionError(
                f"question '{question_id}': expected distinct letters, got '{letters}'",
                file=path,
                row=row,
                field="prediction",
                hint="Give each letter once; graders treat repeated letters differently",
            )
    return answers


def _records(source: SourceFile) -> Iterator[tuple[str, str]]:
    header = source.csv_header
    for name in _COLUMNS:
        if name not in header:
            raise SubmissionError(
                f"column '{name}' is missing; the header has: {', '.join(header)}",
                file=source.path,
                field=name,
                hint="The format is id,prediction",
            )
    if len(header) > len(_COLUMNS):
        extra = ", ".join(name for name in header if name not in _COLUMNS)
        raise SubmissionError(
            f"expected the columns id and prediction, got others as well: {extra}",
            file=source.path,
            hint="Remove them",
        )
    for cells in submission_cells(source):
        yield cells["id"], cells["prediction"]


def submission_cells(source: SourceFile) -> Iterator[dict[str, str]]:
    """Yield the cells of each row of a submission by column, whatever the task.

    Raises:
        SubmissionError: A row has another number of cells than the header.
    """
    for row, record in enumerate(source.csv_records(), 1):
        try:
            yield record.as_dict()
        except ExamError as error:
            raise SubmissionError(
                error.message, file=source.path, row=row, hint=error.hint
            ) from None


def _indices(prediction: str, n_options: int, path: Path, row: int) -> tuple[int, ...]:
    letters = prediction.split()
    if not letters:
        raise SubmissionError(
            "the prediction is blank",
            file=path,
            row=row,
            field="prediction",
            hint="Write letters, such as 'B A D'",
        )
    for letter in letters:
        if not ("A" <= letter <= letter_of(n_options - 1) and len(letter) == 1):
            raise SubmissionError(
                f"expected letters of A-{letter_of(n_options - 1)}, got '{letter}'",
                file=path,
                row=row,
                field="prediction",
                hint="Write capital letters separated by spaces, such as 'B A D'",
            )
    return tuple(index_of(letter) for letter in letters)


def _check_complete(answers: dict[str, tuple[int, ...]], exam: Exam, path: str | Path) -> None:
    missing = [question_id for question_id in exam.ids if question_id not in answers]
    if missing:
        shown = ", ".join(f"'{question_id}'" for question_id in missing[:5])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise SubmissionError(
            f"{len(missing)} of {len(exam)} questions have no prediction: {shown}{more}",
            file=path,
            field="id",
            hint="Add a row for each of them",
        )

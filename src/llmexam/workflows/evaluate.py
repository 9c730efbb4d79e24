"""Grade a prediction: scores or a submission, in memory or on disk."""

from __future__ import annotations

from pathlib import Path

from llmexam.evaluation.compare import Prediction
from llmexam.evaluation.evaluate import evaluate_rankings, evaluate_scores
from llmexam.evaluation.results import Evaluation
from llmexam.exam.exam import Exam
from llmexam.exam.parsers import read_exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.sample import exam_path

_PARQUET = b"PAR1"


def evaluate(
    exam: Exam | str | Path,
    prediction: Prediction | str | Path,
    *,
    name: str | None = None,
    format: str | None = None,
    k: int = 3,
    n_resamples: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Evaluation:
    """Return all metrics with intervals, baselines, slices and diagnostics.

    Args:
        exam: The questions, with answers, their file, or `bundled` for the sample.
        prediction: A score matrix, rankings by question id, a score file or a submission.
        name: What to call the prediction; by default its file's name.
        format: Format of the exam's file, found out where it is not given.
        k: How many of the first options count, such as the k of MAP@k.
        n_resamples: Bootstrap resamples behind each interval.
        seed: Seed of the resampling and of the folds of the calibration.
        level: Level of the intervals.

    Raises:
        ExamError: The exam cannot be read or lacks answers.
        ScoreError: The scores cannot be read or are not those of the exam's questions.
        SubmissionError: The same of a submission.
    """
    questions = load_exam(exam, format)
    predicted = load_prediction(prediction, questions)
    called = name or name_prediction(prediction)
    if isinstance(predicted, ScoreMatrix):
        return evaluate_scores(
            questions,
            predicted,
            name=called,
            k=k,
            n_resamples=n_resamples,
            seed=seed,
            level=level,
        )
    return evaluate_rankings(
        questions, predicted, name=called, k=k, n_resamples=n_resamples, seed=seed, level=level
    )


def check_submission(
    exam: Exam | str | Path, submission: str | Path, *, format: str | None = None, k: int = 3
) -> int:
    """Check that any grader would take a submission, and return how many predictions it has.

    Args:
        exam: The exam, with or without answers, its file, or `bundled`.
        submission: The submission's file.
        format: Format of the exam's file, found out where it is not given.
        k: How many letters a prediction may have.

    Raises:
        ExamError: The exam cannot be read.
        SubmissionError: Something is wrong; names file, row and field.
    """
    from llmexam.exam.submission import validate_submission

    return len(validate_submission(submission, load_exam(exam, format), k=k))


def load_exam(exam: Exam | str | Path, format: str | None = None) -> Exam:
    """Return an exam as it is, or read it from its file; `bundled` is the sample.

    Raises:
        ExamError: The file cannot be read.
    """
    if isinstance(exam, Exam):
        return exam
    return read_exam(exam_path(exam), format=format)


def load_prediction(prediction: Prediction | str | Path, exam: Exam) -> Prediction:
    """Return a prediction as it is, or read it from a score file or a submission.

    Raises:
        ScoreError: The score file cannot be read.
        SubmissionError: The submission cannot be read or does not answer the exam.
    """
    if not isinstance(prediction, str | Path):
        return prediction
    path = Path(prediction)
    if path.suffix == ".parquet" or _is_parquet(path):
        # pyarrow takes a while to import, and a submission does not need it.
        from llmexam.exam.score_files import read_scores

        return read_scores(path)[0]
    from llmexam.exam.submission import read_submission

    return read_submission(path, exam)


def name_prediction(prediction: Prediction | str | Path, otherwise: str = "prediction") -> str:
    """Return the name of a prediction's file without its ending, or another name."""
    return Path(prediction).stem if isinstance(prediction, str | Path) else otherwise


def _is_parquet(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(_PARQUET)) == _PARQUET

"""Load a prediction from scores, rankings, a score file or a submission."""

from __future__ import annotations

from pathlib import Path

from llmexam.evaluation.compare import Prediction
from llmexam.exam.exam import Exam
from llmexam.exam.submission import read_submission

_PARQUET = b"PAR1"


def load_prediction(prediction: Prediction | str | Path, exam: Exam) -> Prediction:
    """Return a prediction unchanged, or read it from a score file or a submission.

    Raises:
        ScoreError: The score file is invalid.
        SubmissionError: The submission is invalid or does not match the exam.
    """
    if not isinstance(prediction, str | Path):
        return prediction
    path = Path(prediction)
    if path.suffix == ".parquet" or _is_parquet(path):
        # Imported here because pyarrow is slow to import and a submission does not need it.
        from llmexam.exam.score_files import read_scores

        return read_scores(path)[0]
    return read_submission(path, exam)


def name_prediction(prediction: object, otherwise: str = "prediction") -> str:
    """Return the stem of a prediction's file, or `otherwise`."""
    return Path(prediction).stem if isinstance(prediction, str | Path) else otherwise


def _is_parquet(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(_PARQUET)) == _PARQUET

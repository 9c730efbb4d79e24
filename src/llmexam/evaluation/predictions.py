"""Get a prediction from what a user gives: scores, rankings, or a file of either."""

from __future__ import annotations

from pathlib import Path

from llmexam.evaluation.compare import Prediction
from llmexam.exam.exam import Exam
from llmexam.exam.submission import read_submission

_PARQUET = b"PAR1"


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
    return read_submission(path, exam)


def name_prediction(prediction: Prediction | str | Path, otherwise: str = "prediction") -> str:
    """Return the name of a prediction's file without its ending, or another name."""
    return Path(prediction).stem if isinstance(prediction, str | Path) else otherwise


def _is_parquet(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(len(_PARQUET)) == _PARQUET

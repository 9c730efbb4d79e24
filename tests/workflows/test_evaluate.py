import numpy as np
import pytest

from llmexam.errors import ExamError, RunError, ScoreError, SubmissionError
from llmexam.evaluation.predictions import load_prediction
from llmexam.exam.exam import Exam
from llmexam.exam.loading import load_exam
from llmexam.exam.question import Question
from llmexam.exam.score_files import write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.submission import write_submission
from llmexam.workflows.evaluate import evaluate

EXAM = Exam(tuple(Question(str(i), f"Which {i}?", tuple("vwxyz"), i % 5) for i in range(10)))
SCORES = ScoreMatrix.from_rows(
    EXAM.ids, np.random.default_rng(0).normal(size=(10, 5)), [True] * 3 + [False] * 7
)


@pytest.fixture
def exam_file(tmp_path):
    path = tmp_path / "exam.csv"
    lines = ["id,prompt,A,B,C,D,E,answer"]
    lines += [f"{q.id},{q.prompt},v,w,x,y,z,{q.answer_letter}" for q in EXAM]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_files_and_objects_get_the_same_grades(tmp_path, exam_file):
    write_scores(tmp_path / "mine.parquet", SCORES, {})
    from_files = evaluate(exam_file, tmp_path / "mine.parquet", n_resamples=300)
    in_memory = evaluate(load_exam(exam_file), SCORES, name="mine", n_resamples=300)
    assert from_files == in_memory
    assert from_files.name == "mine"
    assert from_files.n_truncated == 3
    assert from_files.choice.calibration is not None


def test_a_submission_gets_the_grades_of_its_scores_without_calibration(tmp_path, exam_file):
    write_submission(tmp_path / "sub.csv", SCORES)
    found = evaluate(exam_file, tmp_path / "sub.csv", n_resamples=300)
    scored = evaluate(EXAM, SCORES, n_resamples=300)
    assert found.primary.estimate == scored.primary.estimate
    assert found.choice.calibration is None
    assert (found.name, scored.name) == ("sub", "prediction")


def test_a_score_file_is_known_by_its_content(tmp_path, exam_file):
    write_scores(tmp_path / "odd.name", SCORES, {})
    assert isinstance(load_prediction(tmp_path / "odd.name", EXAM), ScoreMatrix)
    assert (
        evaluate(exam_file, tmp_path / "odd.name", n_resamples=300).choice.calibration is not None
    )


def test_options_reach_the_evaluation(exam_file):
    found = evaluate(exam_file, SCORES, name="x", k=1, n_resamples=300, seed=4, level=0.8)
    assert (found.choice.k, found.n_resamples, found.seed, found.level) == (1, 300, 4, 0.8)
    assert found.primary.estimate.value == found.metric("accuracy").estimate.value


def test_bad_files_are_errors_that_name_them(tmp_path, exam_file):
    (tmp_path / "fake.parquet").write_text("id,prediction\n")
    with pytest.raises(ScoreError, match=r"fake\.parquet"):
        evaluate(exam_file, tmp_path / "fake.parquet")
    with pytest.raises(ScoreError, match=r"none\.parquet.*not found"):
        evaluate(exam_file, tmp_path / "none.parquet")
    with pytest.raises(SubmissionError, match=r"none\.csv"):
        evaluate(exam_file, tmp_path / "none.csv")
    with pytest.raises(RunError, match=r"folder of a run, which has a submission\.csv"):
        evaluate(exam_file, tmp_path)
    with pytest.raises(ExamError, match=r"none\.csv"):
        evaluate(tmp_path / "none.csv", SCORES)
    (tmp_path / "cut.csv").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(ScoreError, match=r"cut\.csv"):
        evaluate(exam_file, tmp_path / "cut.csv")


def test_scores_of_another_exam_are_refused(tmp_path, exam_file):
    write_scores(tmp_path / "part.parquet", SCORES.subset([0, 1]), {})
    with pytest.raises(ScoreError, match="8 missing"):
        evaluate(exam_file, tmp_path / "part.parquet")

"""Answers of a file as a solver in a run."""

import json

import pytest

from llmexam.errors import ScoreError, SubmissionError
from llmexam.exam.parsers import read_exam
from llmexam.exam.score_files import write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.submission import write_submission
from llmexam.exam.writers import write_exam
from llmexam.harness.answers.solver import AnswersSolver
from llmexam.workflows.run.pipeline import run_plan

EXAM = read_exam("bundled").subset(range(6))
SCORES = ScoreMatrix.from_rows(
    EXAM.ids, [[float((row + place) % 5) for place in range(5)] for row in range(6)]
)


@pytest.fixture
def inspect_log(tmp_path):
    path = tmp_path / "log.json"
    samples = [
        {
            "id": f"other {one.id}",
            "input": one.prompt,
            "choices": list(one.options),
            "target": one.answer_letter,
            "output": {"completion": "Surely C."},
            "scores": {"choice": {"value": "I", "answer": "C"}},
        }
        for one in EXAM
    ]
    path.write_text(json.dumps({"status": "success", "eval": {}, "samples": samples}))
    return path


def test_scores_of_a_file_are_those_of_any_of_its_questions(tmp_path):
    write_scores(tmp_path / "s.parquet", SCORES)
    solver = AnswersSolver(file=tmp_path / "s.parquet")
    assert solver.score(EXAM.questions[2:4]).values.tolist() == SCORES.values[2:4].tolist()
    with pytest.raises(ScoreError, match="has no scores"):
        AnswersSolver(file=tmp_path / "s.parquet").score(read_exam("bundled").questions)


def test_ranks_become_scores(tmp_path):
    write_submission(tmp_path / "s.csv", SCORES)
    found = AnswersSolver(file=tmp_path / "s.csv").score(EXAM.questions)
    assert found.values[0].tolist() == pytest.approx([0, 0, 1 / 3, 1 / 2, 1])
    with pytest.raises(SubmissionError, match="have no prediction"):
        AnswersSolver(file=tmp_path / "s.csv").score(read_exam("bundled").questions)


def test_replies_of_a_log_explain_the_chosen_option(inspect_log):
    found = AnswersSolver(file=inspect_log).explain(EXAM.questions[:1])
    notes = [one.note for one in found[0].options]
    assert notes == ["", "", "replied: Surely C.", "", ""]


def test_a_run_reports_a_log_beside_other_solvers(inspect_log, tmp_path):
    exam = tmp_path / "exam.jsonl"
    write_exam(exam, EXAM, format="jsonl")
    plan = {
        "exam": str(exam),
        "solvers": [
            {"name": "theirs", "solver": "answers", "settings": {"file": str(inspect_log)}},
            "first",
        ],
        "final": "theirs",
        "evaluation": {"n_resamples": 200},
    }
    run_plan(plan, tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    right = sum(one.answer_letter == "C" for one in EXAM) / len(EXAM)
    accuracy = metrics["final"]["metrics"][1]["estimate"]["value"]
    assert accuracy == pytest.approx(right)
    assert "replied: Surely C." in (tmp_path / "run" / "report.html").read_text()

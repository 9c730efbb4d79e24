import numpy as np
import pytest

from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.score_files import write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.submission import write_submission
from llmexam.workflows.compare import compare
from llmexam.workflows.evaluate import evaluate

EXAM = Exam(tuple(Question(str(i), f"Which {i}?", tuple("vwxyz"), i % 5) for i in range(20)))
RNG = np.random.default_rng(0)
A, B = (ScoreMatrix.from_rows(EXAM.ids, RNG.normal(size=(20, 5))) for _ in range(2))


def test_any_mix_of_files_and_objects_gives_one_result(tmp_path):
    write_scores(tmp_path / "a.parquet", A, {})
    write_submission(tmp_path / "b.csv", B)
    found = compare(EXAM, tmp_path / "a.parquet", tmp_path / "b.csv", n_resamples=300)
    assert found == compare(EXAM, A, B, n_resamples=300)
    assert (found.name_a, found.name_b) == ("a", "b")
    assert found.a == evaluate(EXAM, A, n_resamples=300).primary.estimate


def test_files_of_one_name_are_told_apart_by_their_path(tmp_path):
    for folder, scores in (("one", A), ("two", B)):
        (tmp_path / folder).mkdir()
        write_submission(tmp_path / folder / "sub.csv", scores)
    one, two = tmp_path / "one" / "sub.csv", tmp_path / "two" / "sub.csv"
    found = compare(EXAM, one, two, n_resamples=300)
    assert (found.name_a, found.name_b) == (str(one), str(two))
    named = compare(EXAM, one, two, name_a="old", name_b="new", n_resamples=300)
    assert (named.name_a, named.name_b) == ("old", "new")


def test_options_reach_the_comparison():
    found = compare(EXAM, A, B, k=1, n_resamples=300, seed=4, level=0.8)
    assert (found.metric.name, found.n_resamples, found.seed, found.level) == (
        "map_at_1",
        300,
        4,
        0.8,
    )
    assert found.difference.value == pytest.approx(found.a.value - found.b.value)

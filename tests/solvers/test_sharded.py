"""Scores and explanations that are computed in shards equal those of one process."""

import pytest

from llmexam.errors import RunError
from llmexam.exam.exam import Exam
from llmexam.exam.packing import pack_questions, unpack_questions
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage, Question
from llmexam.solvers.baselines.solver import RandomSolver
from llmexam.solvers.cascade.solver import CascadeSolver
from llmexam.solvers.lexical.solver import LexicalSolver
from llmexam.solvers.protocol import BaseSolver
from llmexam.solvers.scoring import solve
from llmexam.solvers.sharded import explain_in_shards, score_in_shards, why_not_in_shards
from llmexam.stages.sharding.cluster import Cluster, ClusterSettings

EXAM = read_exam("bundled")
EXAM = EXAM.with_passages([[Passage(one.options[0] + " " + one.prompt)] for one in EXAM])
# Three shards of at most 256 questions, the last one short.
MANY = Exam(
    tuple(
        Question(f"{turn}-{one.id}", one.prompt, one.options, one.answer, one.passages)
        for turn in range(5)
        for one in EXAM
    )
)


@pytest.fixture(scope="module")
def cluster():
    made = Cluster(ClusterSettings(address="processes", workers=2))
    yield made
    made.close()


def test_scores_are_equal_bit_by_bit(cluster, tmp_path):
    solver = LexicalSolver(reach=5)
    progress = []
    found = score_in_shards(
        MANY.questions, solver, cluster, tmp_path, name="x", progress=lambda *n: progress.append(n)
    )
    alone = solve(MANY, solver, workers=1)
    assert found.question_ids == alone.question_ids
    assert found.values.tobytes() == alone.values.tobytes()
    assert sorted(progress)[-1] == (600, 600)
    assert len(list(tmp_path.glob("*.parquet"))) == 3


def test_explanations_are_equal(cluster, tmp_path):
    solver = LexicalSolver(n_supports=2)
    found = explain_in_shards(EXAM.questions, solver, cluster, tmp_path, name="x")
    assert found == list(solver.explain(EXAM.questions))


def test_an_exam_without_questions_has_no_shards(cluster, tmp_path):
    assert len(score_in_shards([], LexicalSolver(), cluster, tmp_path, name="x")) == 0


def test_a_damaged_shard_is_computed_again(cluster, tmp_path):
    solver = LexicalSolver()
    score_in_shards(EXAM.questions, solver, cluster, tmp_path, name="x")
    (tmp_path / "000000.parquet").write_bytes(b"damaged")
    found = score_in_shards(EXAM.questions, solver, cluster, tmp_path, name="x")
    assert found.values.tobytes() == solve(EXAM, solver).values.tobytes()


def test_solvers_that_need_more_than_their_questions_are_told(monkeypatch):
    class OwnSolver(BaseSolver):
        pass

    assert why_not_in_shards(LexicalSolver()) == ""
    assert why_not_in_shards(RandomSolver()) == ""
    assert "registry" in why_not_in_shards(OwnSolver())
    cascade = CascadeSolver(first="lexical", second="lexical")
    assert "other solvers" in why_not_in_shards(cascade)
    monkeypatch.setattr(LexicalSolver, "whole_exam", True)
    assert "whole exam" in why_not_in_shards(LexicalSolver())
    monkeypatch.setattr(LexicalSolver, "costs_money", True)
    assert "budget" in why_not_in_shards(LexicalSolver())


def test_questions_are_packed_without_loss():
    question = Question(
        "\ud800 None",
        "Why?\u2028\nnull",
        ("", " yes "),
        None,
        (Passage("text\r\n", "title", "id", 0.1), Passage("", score=None)),
        {"subject": "NA"},
    )
    several = Question("q", "Which?", ("a", "b", "c"), 1, (), {}, (1, 2))
    assert unpack_questions(pack_questions([question, several])) == [question, several]
    assert unpack_questions(pack_questions([])) == []


def test_settings_that_a_worker_refuses_are_an_error(cluster, tmp_path):
    solver = LexicalSolver()
    solver.settings = solver.settings.model_copy(update={"reach": -1.0})
    with pytest.raises(RunError, match=r"shard 1 \(questions 1 to 120\).*reach"):
        score_in_shards(EXAM.questions, solver, cluster, tmp_path, name="scores of lexical")

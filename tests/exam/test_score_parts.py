"""Scores that are kept part by part."""

from dataclasses import replace
from itertools import pairwise

import pytest

from llmexam.exam.exam import Exam
from llmexam.exam.score_parts import ScoreParts
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.registry import create_solver
from llmexam.solvers.scoring import solve, solve_in_parts
from llmexam.stages.part_sizes import FIRST_PART
from llmexam.testing import example_questions

IDS = ("a", "b", "c")


def part(*ids):
    return ScoreMatrix.from_rows(ids, [[1.0, 2.0]] * len(ids))


def test_parts_are_found_again(tmp_path):
    parts = ScoreParts(tmp_path / "parts", IDS)
    assert len(parts) == 0
    parts.add(part("a"))
    parts.add(part("b", "c"))
    again = ScoreParts(tmp_path / "parts", IDS)
    assert (len(again), again.found.question_ids) == (3, IDS)


def test_a_damaged_part_and_those_after_it_are_scored_again(tmp_path):
    parts = ScoreParts(tmp_path, IDS)
    for one in IDS:
        parts.add(part(one))
    (tmp_path / "00000001.parquet").write_bytes(b"PAR1")
    assert ScoreParts(tmp_path, IDS).found.question_ids == ("a",)


@pytest.mark.parametrize("ids", [("x", "b", "c"), ("a",), ()])
def test_parts_of_other_questions_are_not_used(tmp_path, ids):
    ScoreParts(tmp_path, IDS).add(part("a", "b"))
    assert len(ScoreParts(tmp_path, ids)) == 0


@pytest.mark.parametrize(
    ("seconds_each", "sizes"), [(0.001, [4, 4, 16, 64, 12]), (2.0, [4, 4] + 46 * [2]), (9.0, None)]
)
def test_parts_are_as_large_as_the_solver_is_fast(tmp_path, seconds_each, sizes):
    question = example_questions()[0]
    exam = Exam(tuple(_named(question, number) for number in range(100)))
    solver, now, reports = create_solver("longest"), [0.0], []
    parts = ScoreParts(tmp_path, exam.ids)

    def clock():
        # Each part is measured by two readings.
        return now[0]

    def progress(n_done, n_all):
        now[0] += seconds_each * (n_done - (reports[-1] if reports else 0))
        reports.append(n_done)

    found = solve_in_parts(exam, solver, parts, progress=progress, clock=clock)
    assert (found.values == solve(exam, "longest").values).all()
    steps = [b - a for a, b in pairwise(reports)]
    assert steps == (sizes or [4, 4] + 92 * [1])
    assert reports[0] == 0


def test_a_second_call_scores_only_the_rest(tmp_path):
    exam = Exam(tuple(_named(example_questions()[0], number) for number in range(10)))
    solver = create_solver("longest")
    first = ScoreParts(tmp_path, exam.ids)
    with pytest.raises(KeyboardInterrupt):
        solve_in_parts(exam, solver, first, progress=_stop_after(FIRST_PART))
    asked = []
    score = solver.score
    solver.score = lambda questions: asked.extend(q.id for q in questions) or score(questions)
    rest = ScoreParts(tmp_path, exam.ids)
    solve_in_parts(exam, solver, rest, progress=lambda n_done, n_all: None)
    assert asked == list(exam.ids[FIRST_PART:])


def _stop_after(n):
    def progress(n_done, n_all):
        if n_done >= n:
            raise KeyboardInterrupt

    return progress


def _named(question, number):
    return replace(question, id=str(number))

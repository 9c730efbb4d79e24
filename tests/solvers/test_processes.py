"""Several processes give the scores of one."""

import os

import pytest

from llmexam.errors import RunError
from llmexam.exam.parsers import read_exam
from llmexam.exam.question import Passage
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers import processes
from llmexam.solvers.baselines.solver import RandomSolver
from llmexam.solvers.lexical.solver import LexicalSolver
from llmexam.solvers.processes import choose_workers, score_in_processes
from llmexam.solvers.protocol import BaseSolver
from llmexam.solvers.scoring import solve

EXAM = read_exam("bundled")
EXAM = EXAM.with_passages([[Passage(one.options[0] + " " + one.prompt)] for one in EXAM])


class KilledSolver(BaseSolver):
    """Ends its process."""

    one_core = True

    def score(self, questions):
        os._exit(9)


def test_scores_are_equal_and_progress_counts_all_questions():
    alone = solve(EXAM, LexicalSolver(), workers=1)
    seen = []
    both = solve(
        EXAM, LexicalSolver(), workers=2, progress=lambda n, total: seen.append((n, total))
    )
    assert both.question_ids == alone.question_ids
    assert both.values.tobytes() == alone.values.tobytes()
    assert seen == [(64, 120), (120, 120)]


def test_a_killed_process_is_one_error():
    with pytest.raises(RunError, match="was killed"):
        list(score_in_processes(KilledSolver(), [EXAM.questions[:2]], 2))


def test_only_solvers_of_one_core_get_processes(monkeypatch):
    assert choose_workers(RandomSolver(), 50_000, 8) == 1
    assert choose_workers(LexicalSolver(), 3, 8) == 3
    # A script of the user would be run again by each process.
    monkeypatch.setattr(processes, "started_as_command", lambda: False)
    assert choose_workers(LexicalSolver(), 50_000, None) == 1
    monkeypatch.setattr(processes, "started_as_command", lambda: True)
    monkeypatch.setattr(processes, "n_cores", lambda: 4)
    assert choose_workers(LexicalSolver(), 50_000, None) == 4
    assert choose_workers(LexicalSolver(), 100, None) == 1


def test_few_batches_wait_at_a_time(monkeypatch):
    submitted = []

    class Executor:
        def __init__(self, *arguments, **options):
            pass

        def submit(self, function, batch):
            submitted.append(batch)
            scores = ScoreMatrix.from_rows([one.id for one in batch], [[1.0, 2.0]] * len(batch))
            return type("Done", (), {"result": lambda self: scores})()

        def shutdown(self, **options):
            pass

    monkeypatch.setattr(processes, "ProcessPoolExecutor", Executor)
    batches = [[one] for one in EXAM.questions[:50]]
    found = score_in_processes(LexicalSolver(), batches, 2)
    next(found)
    assert len(submitted) <= 9
    assert len(list(found)) == 49

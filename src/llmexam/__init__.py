"""llmexam takes a language-model exam from a file of questions to a result one can defend.

    import llmexam as lx

    exam = lx.read_exam("questions.csv")
    scores = lx.solve(exam, "lexical")
    print(lx.evaluate_scores(exam, scores, name="lexical").primary)

Names are imported when they are first used, so that `import llmexam` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from llmexam.ensemble.build import build_ensemble
    from llmexam.ensemble.combine import combine
    from llmexam.errors import LlmExamError
    from llmexam.evaluation.compare import compare_results
    from llmexam.evaluation.evaluate import evaluate_rankings, evaluate_scores
    from llmexam.evaluation.metrics import map_at_k
    from llmexam.exam.audit.audit import audit_exam
    from llmexam.exam.exam import Exam
    from llmexam.exam.parsers import read_exam
    from llmexam.exam.question import Passage, Question
    from llmexam.exam.score_files import read_scores, write_scores
    from llmexam.exam.scores import ScoreMatrix
    from llmexam.exam.splits import k_folds, split_exam
    from llmexam.exam.submission import read_submission, validate_submission, write_submission
    from llmexam.exam.writers import to_long, write_exam
    from llmexam.report.html import write_report
    from llmexam.solvers.registry import create_solver
    from llmexam.solvers.scoring import solve
    from llmexam.workflows.run.pipeline import run_plan
    from llmexam.workflows.train.pipeline import train_recipe

_HOMES = {
    "Exam": "llmexam.exam.exam",
    "LlmExamError": "llmexam.errors",
    "Passage": "llmexam.exam.question",
    "Question": "llmexam.exam.question",
    "ScoreMatrix": "llmexam.exam.scores",
    "audit_exam": "llmexam.exam.audit.audit",
    "build_ensemble": "llmexam.ensemble.build",
    "combine": "llmexam.ensemble.combine",
    "compare_results": "llmexam.evaluation.compare",
    "create_solver": "llmexam.solvers.registry",
    "evaluate_rankings": "llmexam.evaluation.evaluate",
    "evaluate_scores": "llmexam.evaluation.evaluate",
    "k_folds": "llmexam.exam.splits",
    "map_at_k": "llmexam.evaluation.metrics",
    "read_exam": "llmexam.exam.parsers",
    "read_scores": "llmexam.exam.score_files",
    "read_submission": "llmexam.exam.submission",
    "run_plan": "llmexam.workflows.run.pipeline",
    "solve": "llmexam.workflows.solve",
    "split_exam": "llmexam.exam.splits",
    "to_long": "llmexam.exam.writers",
    "train_recipe": "llmexam.workflows.train.pipeline",
    "validate_submission": "llmexam.exam.submission",
    "write_exam": "llmexam.exam.writers",
    "write_report": "llmexam.report.html",
    "write_scores": "llmexam.exam.score_files",
    "write_submission": "llmexam.exam.submission",
}

__all__ = [
    "Exam",
    "LlmExamError",
    "Passage",
    "Question",
    "ScoreMatrix",
    "__version__",
    "audit_exam",
    "build_ensemble",
    "combine",
    "compare_results",
    "create_solver",
    "evaluate_rankings",
    "evaluate_scores",
    "k_folds",
    "map_at_k",
    "read_exam",
    "read_scores",
    "read_submission",
    "run_plan",
    "solve",
    "split_exam",
    "to_long",
    "train_recipe",
    "validate_submission",
    "write_exam",
    "write_report",
    "write_scores",
    "write_submission",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'llmexam' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)

"""llmexam answers exams with language models and other solvers, and grades the answers.

    import llmexam as lx

    exam = lx.retrieve("bundled", "bundled")
    scores = lx.solve(exam, lx.LexicalSolver(reach=6))
    print(lx.evaluate(exam, scores).primary)

Names are imported when they are first used, so that `import llmexam` is fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from llmexam.ensemble.build import Ensemble, build_ensemble
    from llmexam.ensemble.combine import combine
    from llmexam.ensemble.settings import EnsembleSettings
    from llmexam.errors import LlmExamError, SettingsError
    from llmexam.evaluation.metrics import Metric, RankMetric, map_at_k
    from llmexam.evaluation.results import Comparison, Evaluation, FullComparison, MetricResult
    from llmexam.evidence.chunking import ChunkSettings
    from llmexam.evidence.corpus import CorpusSettings
    from llmexam.evidence.reranker import RerankerSettings
    from llmexam.exam.audit.audit import audit_exam
    from llmexam.exam.audit.finding import AuditResult, Finding
    from llmexam.exam.exam import Exam
    from llmexam.exam.parsers import read_exam
    from llmexam.exam.question import Passage, Question
    from llmexam.exam.score_files import read_scores, write_scores
    from llmexam.exam.scores import ScoreMatrix
    from llmexam.exam.shuffling import shuffle_options
    from llmexam.exam.splits import k_folds, split_exam
    from llmexam.exam.submission import read_submission, validate_submission, write_submission
    from llmexam.exam.writers import LongRow, to_long, write_exam
    from llmexam.harness.answers.solver import AnswersSolver
    from llmexam.recovery.making.maker import Forecast
    from llmexam.recovery.making.rows import MadeData
    from llmexam.recovery.recoverer import Recoverer, Recovery
    from llmexam.recovery.rewrites import Rewrite, RewriteExam
    from llmexam.recovery.submission import validate_submission as validate_prompts
    from llmexam.recovery.submission import write_submission as write_prompts
    from llmexam.recovery.writers import write_rewrites
    from llmexam.report.content import RunContent
    from llmexam.report.html import write_report
    from llmexam.retrieval.build import IndexSummary, build_index
    from llmexam.retrieval.retrieve import retrieve
    from llmexam.settings.base import Settings
    from llmexam.solvers.baselines.solver import FirstSolver, LongestSolver, RandomSolver
    from llmexam.solvers.bi_encoder.solver import BiEncoderSolver
    from llmexam.solvers.cascade.solver import CascadeSolver
    from llmexam.solvers.causal_lm.solver import CausalLmSolver
    from llmexam.solvers.cross_encoder.solver import CrossEncoderSolver
    from llmexam.solvers.keras_choice.solver import KerasChoiceSolver
    from llmexam.solvers.lexical.solver import LexicalSolver
    from llmexam.solvers.multiple_choice.solver import MultipleChoiceSolver
    from llmexam.solvers.protocol import (
        BaseSolver,
        Explanation,
        OptionReason,
        Solver,
        SolverDescription,
        Support,
    )
    from llmexam.solvers.ranker.solver import RankerSolver
    from llmexam.solvers.registry import create_solver
    from llmexam.solvers.served.solver import ServedSolver
    from llmexam.stages.sharding.cluster import Cluster
    from llmexam.tasks.capabilities import AuditReport
    from llmexam.tasks.prompt_recovery.choosing import AgreementSettings
    from llmexam.tasks.prompt_recovery.ensemble import PromptEnsemble, combine_prompts
    from llmexam.tasks.task import Task
    from llmexam.workflows.audit import audit
    from llmexam.workflows.compare import compare
    from llmexam.workflows.compare_runs import compare_runs
    from llmexam.workflows.evaluate import evaluate
    from llmexam.workflows.make_data import forecast_data, make_data
    from llmexam.workflows.recover import (
        MeanPromptResult,
        evaluate_prompts,
        recover_prompts,
        search_mean,
    )
    from llmexam.workflows.recover import load_rewrites as read_rewrites
    from llmexam.workflows.run.start import run
    from llmexam.workflows.solve import solve
    from llmexam.workflows.train.pipeline import DryRun, TrainingOutcome, dry_run
    from llmexam.workflows.train.pipeline import train_recipe as train

# `module`, or `module:name` where the name there is another one.
_HOMES = {
    "AgreementSettings": "llmexam.tasks.prompt_recovery.choosing",
    "AnswersSolver": "llmexam.harness.answers.solver",
    "AuditReport": "llmexam.tasks.capabilities",
    "AuditResult": "llmexam.exam.audit.finding",
    "BaseSolver": "llmexam.solvers.protocol",
    "BiEncoderSolver": "llmexam.solvers.bi_encoder.solver",
    "CascadeSolver": "llmexam.solvers.cascade.solver",
    "CausalLmSolver": "llmexam.solvers.causal_lm.solver",
    "ChunkSettings": "llmexam.evidence.chunking",
    "Comparison": "llmexam.evaluation.results",
    "FullComparison": "llmexam.evaluation.results",
    "Cluster": "llmexam.stages.sharding.cluster",
    "CorpusSettings": "llmexam.evidence.corpus",
    "CrossEncoderSolver": "llmexam.solvers.cross_encoder.solver",
    "DryRun": "llmexam.workflows.train.pipeline",
    "Ensemble": "llmexam.ensemble.build",
    "EnsembleSettings": "llmexam.ensemble.settings",
    "Evaluation": "llmexam.evaluation.results",
    "Exam": "llmexam.exam.exam",
    "Explanation": "llmexam.solvers.protocol",
    "Finding": "llmexam.exam.audit.finding",
    "FirstSolver": "llmexam.solvers.baselines.solver",
    "Forecast": "llmexam.recovery.making.maker",
    "IndexSummary": "llmexam.retrieval.build",
    "LexicalSolver": "llmexam.solvers.lexical.solver",
    "LlmExamError": "llmexam.errors",
    "LongRow": "llmexam.exam.writers",
    "LongestSolver": "llmexam.solvers.baselines.solver",
    "MadeData": "llmexam.recovery.making.rows",
    "MeanPromptResult": "llmexam.workflows.recover",
    "Metric": "llmexam.evaluation.metrics",
    "MetricResult": "llmexam.evaluation.results",
    "KerasChoiceSolver": "llmexam.solvers.keras_choice.solver",
    "MultipleChoiceSolver": "llmexam.solvers.multiple_choice.solver",
    "OptionReason": "llmexam.solvers.protocol",
    "Passage": "llmexam.exam.question",
    "PromptEnsemble": "llmexam.tasks.prompt_recovery.ensemble",
    "Question": "llmexam.exam.question",
    "RandomSolver": "llmexam.solvers.baselines.solver",
    "RankMetric": "llmexam.evaluation.metrics",
    "RankerSolver": "llmexam.solvers.ranker.solver",
    "Recoverer": "llmexam.recovery.recoverer",
    "Recovery": "llmexam.recovery.recoverer",
    "RerankerSettings": "llmexam.evidence.reranker",
    "Rewrite": "llmexam.recovery.rewrites",
    "RewriteExam": "llmexam.recovery.rewrites",
    "RunContent": "llmexam.report.content",
    "ScoreMatrix": "llmexam.exam.scores",
    "ServedSolver": "llmexam.solvers.served.solver",
    "Settings": "llmexam.settings.base",
    "SettingsError": "llmexam.errors",
    "Solver": "llmexam.solvers.protocol",
    "SolverDescription": "llmexam.solvers.protocol",
    "Support": "llmexam.solvers.protocol",
    "Task": "llmexam.tasks.task",
    "TrainingOutcome": "llmexam.workflows.train.pipeline",
    "audit": "llmexam.workflows.audit",
    "audit_exam": "llmexam.exam.audit.audit",
    "build_ensemble": "llmexam.ensemble.build",
    "build_index": "llmexam.retrieval.build",
    "combine": "llmexam.ensemble.combine",
    "combine_prompts": "llmexam.tasks.prompt_recovery.ensemble",
    "compare": "llmexam.workflows.compare",
    "compare_runs": "llmexam.workflows.compare_runs",
    "create_solver": "llmexam.solvers.registry",
    "dry_run": "llmexam.workflows.train.pipeline",
    "evaluate": "llmexam.workflows.evaluate",
    "evaluate_prompts": "llmexam.workflows.recover",
    "forecast_data": "llmexam.workflows.make_data",
    "k_folds": "llmexam.exam.splits",
    "make_data": "llmexam.workflows.make_data",
    "map_at_k": "llmexam.evaluation.metrics",
    "read_exam": "llmexam.exam.parsers",
    "read_rewrites": "llmexam.workflows.recover:load_rewrites",
    "read_scores": "llmexam.exam.score_files",
    "read_submission": "llmexam.exam.submission",
    "recover_prompts": "llmexam.workflows.recover",
    "retrieve": "llmexam.retrieval.retrieve",
    "run": "llmexam.workflows.run.start",
    "search_mean": "llmexam.workflows.recover",
    "shuffle_options": "llmexam.exam.shuffling",
    "solve": "llmexam.workflows.solve",
    "split_exam": "llmexam.exam.splits",
    "to_long": "llmexam.exam.writers",
    "train": "llmexam.workflows.train.pipeline:train_recipe",
    "validate_prompts": "llmexam.recovery.submission:validate_submission",
    "validate_submission": "llmexam.exam.submission",
    "write_exam": "llmexam.exam.writers",
    "write_prompts": "llmexam.recovery.submission:write_submission",
    "write_report": "llmexam.report.html",
    "write_rewrites": "llmexam.recovery.writers",
    "write_scores": "llmexam.exam.score_files",
    "write_submission": "llmexam.exam.submission",
}

_RENAMED = {
    "compare_results": "compare",
    "evaluate_rankings": "evaluate",
    "evaluate_scores": "evaluate",
    "run_plan": "run",
    "train_recipe": "train",
}

__all__ = [
    "AgreementSettings",
    "AnswersSolver",
    "AuditReport",
    "AuditResult",
    "BaseSolver",
    "BiEncoderSolver",
    "CascadeSolver",
    "CausalLmSolver",
    "ChunkSettings",
    "Cluster",
    "Comparison",
    "CorpusSettings",
    "CrossEncoderSolver",
    "DryRun",
    "Ensemble",
    "EnsembleSettings",
    "Evaluation",
    "Exam",
    "Explanation",
    "Finding",
    "FirstSolver",
    "Forecast",
    "FullComparison",
    "IndexSummary",
    "KerasChoiceSolver",
    "LexicalSolver",
    "LlmExamError",
    "LongRow",
    "LongestSolver",
    "MadeData",
    "MeanPromptResult",
    "Metric",
    "MetricResult",
    "MultipleChoiceSolver",
    "OptionReason",
    "Passage",
    "PromptEnsemble",
    "Question",
    "RandomSolver",
    "RankMetric",
    "RankerSolver",
    "Recoverer",
    "Recovery",
    "RerankerSettings",
    "Rewrite",
    "RewriteExam",
    "RunContent",
    "ScoreMatrix",
    "ServedSolver",
    "Settings",
    "SettingsError",
    "Solver",
    "SolverDescription",
    "Support",
    "Task",
    "TrainingOutcome",
    "__version__",
    "audit",
    "audit_exam",
    "build_ensemble",
    "build_index",
    "combine",
    "combine_prompts",
    "compare",
    "compare_runs",
    "create_solver",
    "dry_run",
    "evaluate",
    "evaluate_prompts",
    "forecast_data",
    "k_folds",
    "make_data",
    "map_at_k",
    "read_exam",
    "read_rewrites",
    "read_scores",
    "read_submission",
    "recover_prompts",
    "retrieve",
    "run",
    "search_mean",
    "shuffle_options",
    "solve",
    "split_exam",
    "to_long",
    "train",
    "validate_prompts",
    "validate_submission",
    "write_exam",
    "write_prompts",
    "write_report",
    "write_rewrites",
    "write_scores",
    "write_submission",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        module, _, attribute = _HOMES[name].partition(":")
        return getattr(import_module(module), attribute or name)
    hint = f": it is called '{_RENAMED[name]}' now" if name in _RENAMED else ""
    raise AttributeError(f"module 'llmexam' has no attribute '{name}'{hint}")


def __dir__() -> list[str]:
    return sorted(__all__)

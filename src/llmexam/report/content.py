"""What a report shows. The run workflow fills it; the renderers only read it."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmexam.evaluation.results import Comparison, Evaluation, PositionAudit
from llmexam.exam.audit import Finding
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.protocol import Explanation
from llmexam.stages.record import StageRecord
from llmexam.training.protocol import CurvePoint

AuditFinding = Finding
"""One thing the data audit found."""


@dataclass(frozen=True)
class SolverResult:
    """What one solver, or the ensemble, gave.

    Attributes:
        name: Its name in the plan.
        scores: Its scores.
        evaluation: Its grades, or None where the exam has no answers.
        position: Its position audit, or None where it was not done.
        explanations: Why, one a question, or empty.
        weight: Its weight in the ensemble, or None.
        gain: The ensemble against itself without this member, or None.
        curve: What its training measured, by rising step; empty where it was not trained.
        usage: What its scores took beside time, in words; empty where that is nothing.
    """

    name: str
    scores: ScoreMatrix
    evaluation: Evaluation | None = None
    position: PositionAudit | None = None
    explanations: tuple[Explanation, ...] = ()
    weight: float | None = None
    gain: Comparison | None = None
    curve: tuple[CurvePoint, ...] = ()
    usage: str = ""


@dataclass(frozen=True)
class ReportContent:
    """Everything a report shows.

    Attributes:
        title: Headline.
        exam: The exam, with the evidence that the solvers saw.
        final: The result that the submission is made from (the ensemble, or the one solver).
        solvers: All members, in the order of the plan.
        comparisons: The final result against others, paired.
        audit: What the data audit found.
        stages: Time and memory a stage, in order.
        command: The command that made the run.
        seed: The run's seed.
        provenance: Label and value: versions, hashes, retrieval settings, date.
        files: Label and path of what the run wrote, such as "submission".
        folder: The run folder; the page shows paths relative to it.
    """

    title: str
    exam: Exam
    final: SolverResult
    solvers: tuple[SolverResult, ...]
    comparisons: tuple[Comparison, ...] = ()
    audit: tuple[AuditFinding, ...] = ()
    stages: tuple[StageRecord, ...] = ()
    command: str = ""
    seed: int = 0
    provenance: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    folder: str = ""

"""Content of a report, filled by the run workflow and read by the renderers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from llmexam.evaluation.results import Comparison, Evaluation, PositionAudit, SolverMetrics
from llmexam.exam.audit import Finding
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.protocol import Explanation
from llmexam.stages.record import StageRecord
from llmexam.training.protocol import CurvePoint

AuditFinding = Finding
"""One thing the data audit found."""


class Items(Protocol):
    """Items of a task, such as the questions of an exam.

    Attributes:
        source: The file they come from.
        format: Its format.
        source_hash: SHA-256 of the file.
        content_hash: Hash of what the items say.
    """

    @property
    def source(self) -> str: ...  # noqa: D102 - described above

    @property
    def format(self) -> str: ...  # noqa: D102 - described above

    @property
    def source_hash(self) -> str: ...  # noqa: D102 - described above

    @property
    def content_hash(self) -> str: ...  # noqa: D102 - described above

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Fact:
    """A number with its name and a short explanation."""

    label: str
    value: str
    detail: str


class Result(Protocol):
    """Result of one solver or ensemble, for any task.

    Attributes:
        name: Its name in the plan.
        evaluation: Its grades, or None where the items have no answers.
        usage: What its answers took beside time; empty where that is nothing.
        metrics: What `metrics.json` says of it.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - described above

    @property
    def evaluation(self) -> Evaluation | None: ...  # noqa: D102 - described above

    @property
    def usage(self) -> str: ...  # noqa: D102 - described above

    @property
    def metrics(self) -> SolverMetrics: ...  # noqa: D102 - described above


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part of a run that is not in its results.

    Attributes:
        name: The part, such as the name of a solver.
        reason: Why.
        failed: Whether it failed, and would have been there otherwise.
    """

    name: str
    reason: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class SubmissionVersion:
    """A submission that a run with a time limit has written.

    Attributes:
        seconds: When, in seconds from the start that wrote it.
        members: What its answers are from.
    """

    seconds: float
    members: str


@dataclass(frozen=True)
class TimeLimit:
    """What a run with a time limit has done in its time.

    Attributes:
        limit_seconds: The limit of each start.
        seconds: Time used by the last start until its report was begun.
        n_starts: Number of starts of the run in this folder.
        members: The solvers whose answers are in the result; empty for a baseline alone.
        order: How the order of the solvers was chosen.
        left_out: What is not in the results, and why.
        versions: The submissions, in the order they were written.
    """

    limit_seconds: float
    seconds: float
    n_starts: int
    members: tuple[str, ...]
    order: str
    left_out: tuple[LeftOut, ...] = ()
    versions: tuple[SubmissionVersion, ...] = ()


@dataclass(frozen=True)
class RunContent:
    """Content of the report of a run, for any task.

    Attributes:
        title: Headline.
        exam: The items, as the solvers saw them.
        final: The result that the submission is made from.
        solvers: All members, in the order of the plan.
        comparisons: The final result against others, paired.
        audit: What the data audit found.
        stages: Time and memory of each stage, in order.
        command: The command that made the run.
        seed: The run's seed.
        provenance: Label and value: versions, hashes, retrieval settings, date.
        files: Label and path of what the run wrote, such as "submission".
        folder: The run folder; the page shows paths relative to it.
        task: Name of the task.
        noun: What one item is called.
        limit: What a time limit left out; None for a run without one.
    """

    title: str
    exam: Items
    final: Result
    solvers: Sequence[Result]
    comparisons: tuple[Comparison, ...] = ()
    audit: tuple[AuditFinding, ...] = ()
    stages: tuple[StageRecord, ...] = ()
    command: str = ""
    seed: int = 0
    provenance: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    folder: str = ""
    task: str = ""
    noun: str = "item"
    limit: TimeLimit | None = None

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Facts of the score card: the number of items first."""
        return (Fact(f"{self.noun.capitalize()}s", f"{len(self.exam):,}", ""),)


@dataclass(frozen=True)
class SolverResult:
    """Result of one solver or of the ensemble on a multiple-choice exam.

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

    @property
    def metrics(self) -> SolverMetrics:
        """Its entry in `metrics.json`."""
        return SolverMetrics(
            weight=self.weight,
            gain=self.gain,
            evaluation=self.evaluation,
            position=self.position,
        )


@dataclass(frozen=True)
class ReportContent(RunContent):
    """Content of the report of a multiple-choice run.

    Attributes:
        exam: The exam, with the evidence that the solvers saw.
        final: The ensemble, or the one solver.
        solvers: All members, in the order of the plan.
    """

    exam: Exam
    final: SolverResult
    solvers: tuple[SolverResult, ...]
    noun: str = "question"

    @property
    def facts(self) -> tuple[Fact, ...]:
        """Facts of the score card: questions with their options, and those that were truncated."""
        counts = sorted({len(question.options) for question in self.exam})
        detail = ""
        if counts:
            several = len(counts) > 1
            detail = (
                f"{counts[0]} to {counts[-1]} options" if several else f"{counts[0]} options each"
            )
        evaluation, scores = self.final.evaluation, self.final.scores
        n_cut = max(int(scores.truncated.sum()), evaluation.n_truncated if evaluation else 0)
        skipped = self.exam.n_skipped
        if skipped:
            detail += f"; {skipped:,} faulty {'row was' if skipped == 1 else 'rows were'} left out"
        return (
            Fact("Questions", f"{len(self.exam):,}", detail),
            Fact(
                "Truncated",
                f"{n_cut:,}",
                "had truncated context" if n_cut else "no context was truncated",
            ),
        )

"""Interface of tasks: reading items, answering, grading and reporting."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from llmexam.evaluation.results import Comparison
from llmexam.exam.audit import Finding
from llmexam.report.content import Items, Result, RunContent
from llmexam.report.sections.registry import GENERAL_SECTIONS
from llmexam.report.sections.section import Section
from llmexam.stages.stage import Executor
from llmexam.tasks.capabilities import Capabilities
from llmexam.tasks.limited import LimitedTask
from llmexam.tasks.plan import RunPlan

PlanT = TypeVar("PlanT", bound=RunPlan)
ItemsT = TypeVar("ItemsT", bound=Items)
ResultT = TypeVar("ResultT", bound=Result)


@dataclass(frozen=True)
class Prepared(Generic[ItemsT]):
    """The items as solvers receive them.

    Attributes:
        items: The items, with additions such as evidence.
        sources: Label and value of the origin of the additions, for the report.
        findings: Findings for the report.
    """

    items: ItemsT
    sources: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


class Task(ABC, Generic[PlanT, ItemsT, ResultT]):
    """A kind of exam. A run calls its task for every step, and does not depend on the items.

    A new task is a room beside `multiple_choice` and a line in `registry.py`, or a package with
    an entry point in the group `llmexam.tasks`. One whose answers are texts derives from
    `llmexam.tasks.text.TextTask`, which does most of this.

    Attributes:
        name: Its name in plans.
        plan_class: The settings of its plans.
        sections: The sections of its reports, in order.
        folders: Folders of a run with a file for each solver, named after the solver; that of the
            answers first.
        noun: What one item is called in the report.
        capabilities: What commands beside `run` can ask of it.
        limited: What a run with a time limit asks of it.
    """

    name: ClassVar[str]
    plan_class: ClassVar[type[RunPlan]]
    sections: ClassVar[Sequence[Section[Any]]] = GENERAL_SECTIONS
    folders: ClassVar[Sequence[str]]
    noun: ClassVar[str] = "item"
    capabilities: ClassVar[Capabilities] = Capabilities()
    limited: ClassVar[LimitedTask[Any, Any, Any]] = LimitedTask()

    @abstractmethod
    def read(self, plan: PlanT) -> ItemsT:
        """Return the items of the plan's exam.

        Raises:
            ExamError: The file cannot be read.
        """

    def check(self, plan: PlanT, items: ItemsT) -> None:
        """Check the plan for errors that would otherwise occur after hours of work."""

    def audit(self, plan: PlanT, items: ItemsT, stages: Executor) -> tuple[Finding, ...]:
        """Return the findings of the data audit."""
        return ()

    def prepare(
        self, plan: PlanT, items: ItemsT, stages: Executor, folder: Path
    ) -> Prepared[ItemsT]:
        """Return the items as solvers receive them."""
        return Prepared(items)

    @abstractmethod
    def answer(
        self, plan: PlanT, items: ItemsT, stages: Executor, folder: Path
    ) -> Sequence[ResultT]:
        """Return the result of each solver of the plan, graded if the items have answers."""

    def combine(
        self, plan: PlanT, items: ItemsT, results: Sequence[ResultT], stages: Executor, folder: Path
    ) -> tuple[ResultT, Sequence[ResultT]]:
        """Return the final result, by default the one that the plan names, and all results."""
        return next(one for one in results if plan.final in (None, one.name)), results

    def compare(
        self, plan: PlanT, items: ItemsT, final: ResultT, results: Sequence[ResultT]
    ) -> tuple[Comparison, ...]:
        """Return paired comparisons of the final result with others."""
        return ()

    @abstractmethod
    def write_submission(self, plan: PlanT, items: ItemsT, final: ResultT, path: Path) -> None:
        """Write the final answers in the submission format of the exam."""

    def content(self, **values: Any) -> RunContent:
        """Return the content of the report; a task may use its own class."""
        return RunContent(**values)

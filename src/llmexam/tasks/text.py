"""Base class of tasks with text answers: one cached stage per solver, grading and comparisons.

A task says what its items are, and which solvers, metrics and baselines there are. Here each
solver answers in a stage of its own, and its answers are kept, graded and compared.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from csv import writer
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from llmexam.errors import ScoreError
from llmexam.evaluation.grading import Resampling, compare, evaluate
from llmexam.evaluation.metrics.metric import Metric
from llmexam.evaluation.multiplicity import WITH_FINAL, adjust
from llmexam.evaluation.results import Comparison, Diagnostics, Evaluation, SolverMetrics
from llmexam.evaluation.slices import Labelling
from llmexam.report.content import Items
from llmexam.solvers.spec import SolverSpec
from llmexam.solvers.text import TextSolver
from llmexam.stages.stage import Executor, Keyed, Stage, StageContext
from llmexam.stages.versions import installed_versions, model_versions, origin_versions
from llmexam.storage.atomic import write_json, write_text
from llmexam.tasks.plan import RunPlan
from llmexam.tasks.task import Task


class TextItems(Items, Protocol):
    """Interface of items that are answered with a text.

    Attributes:
        ids: The id of each item; unique.
        is_labelled: Whether the right answers are known.
    """

    @property
    def ids(self) -> Sequence[str]: ...  # noqa: D102 - described above

    @property
    def is_labelled(self) -> bool: ...  # noqa: D102 - described above


TextPlanT = TypeVar("TextPlanT", bound=RunPlan)
TextItemsT = TypeVar("TextItemsT", bound=TextItems)


@dataclass(frozen=True)
class TextResult:
    """The answers of one solver.

    Attributes:
        name: Its name in the plan.
        texts: Its answers, in the order of the items.
        evaluation: Its grades, or None where the items have no answers.
        usage: What its answers took beside time; empty where that is nothing.
    """

    name: str
    texts: tuple[str, ...]
    evaluation: Evaluation | None = None
    usage: str = ""

    @property
    def metrics(self) -> SolverMetrics:
        """Its entry in `metrics.json`."""
        return SolverMetrics(weight=None, gain=None, evaluation=self.evaluation, position=None)


class TextTask(Task[TextPlanT, TextItemsT, TextResult]):
    """A task whose solvers answer each item with a text."""

    folders: ClassVar[Sequence[str]] = ("answers",)

    @abstractmethod
    def metrics(self, plan: TextPlanT) -> Sequence[Metric[TextItemsT, Sequence[str]]]:
        """Return the metrics, the primary one first."""

    def baselines(self, plan: TextPlanT, items: TextItemsT) -> Mapping[str, Sequence[str]]:
        """Return the answers of baselines that do not read the items, by name."""
        return {}

    def labellings(self, items: TextItemsT) -> Iterable[Labelling]:
        """Return the criteria by which the report slices the items."""
        return ()

    def diagnostics(
        self, plan: TextPlanT, items: TextItemsT, texts: Sequence[str]
    ) -> Diagnostics | None:
        """Return what the task tells of a solver's texts beside metrics; nothing by default."""
        return None

    def answer(
        self, plan: TextPlanT, items: TextItemsT, stages: Executor, folder: Path
    ) -> list[TextResult]:
        """Return the answers of each solver, graded."""
        found = []
        for planned in plan.solvers:
            file = f"{self.folders[0]}/{planned.name}.json"
            texts, usage = stages.run(answer_stage(planned, items, file))
            evaluation = self.grade(plan, planned.name, items, texts, stages)
            found.append(TextResult(planned.name, texts, evaluation, usage))
        return found

    def grade(
        self,
        plan: TextPlanT,
        name: str,
        items: TextItemsT,
        texts: Sequence[str],
        stages: Executor,
    ) -> Evaluation | None:
        """Return the grades of a solver's texts, or None without right answers."""
        if not items.is_labelled:
            return None
        return stages.time(
            f"grade {name}",
            lambda: evaluate(
                self.metrics(plan),
                items,
                texts,
                name=name,
                baselines=self.baselines(plan, items),
                labellings=self.labellings(items),
                resampling=self.resampling(plan, items),
                diagnostics=self.diagnostics(plan, items, texts),
            ),
        )

    def resampling(self, plan: TextPlanT, items: TextItemsT) -> Resampling:
        """Return the settings of intervals; override this if items form clusters."""
        grading = plan.evaluation
        return Resampling(grading.n_resamples, plan.seed, margin=grading.margin)

    def compare(
        self,
        plan: TextPlanT,
        items: TextItemsT,
        final: TextResult,
        results: Sequence[TextResult],
    ) -> tuple[Comparison, ...]:
        """Return comparisons of the final result with each other solver."""
        if not items.is_labelled:
            return ()
        found = [
            compare(
                self.metrics(plan),
                items,
                final.texts,
                other.texts,
                name_a=final.name,
                name_b=other.name,
                resampling=self.resampling(plan, items),
            )
            for other in results
            if other.name != final.name
        ]
        return adjust(found, WITH_FINAL)

    def write_submission(
        self, plan: TextPlanT, items: TextItemsT, final: TextResult, path: Path
    ) -> None:
        """Write a CSV file with the columns id and answer."""
        text = StringIO()
        rows = writer(text, lineterminator="\n")
        rows.writerows([("id", "answer"), *zip(items.ids, final.texts, strict=True)])
        write_text(path, text.getvalue())


def solver_key(planned: SolverSpec, weights_hash: str) -> dict[str, Any]:
    """Return what the answers of a solver depend on, besides the items.

    Args:
        planned: The solver.
        weights_hash: Its hash of weights; empty if it runs no model.
    """
    origin = planned.class_of(planned.solver).__module__
    versions = installed_versions() | origin_versions(origin)
    return {
        "solver": planned.solver,
        "settings": planned.settings,
        "weights": weights_hash,
        "versions": versions | (model_versions() if weights_hash else {}),
    }


def answer_stage(
    planned: SolverSpec, items: TextItemsT, file: str
) -> Stage[tuple[tuple[str, ...], str]]:
    """Return the stage that runs a solver; its result is the texts and the usage.

    Args:
        planned: The solver.
        items: What it answers.
        file: Where its answers are kept, relative to the run folder.
    """
    kind = planned.class_of(planned.solver)
    solver = kind(planned.settings)
    key = solver_key(planned, solver.weights_hash)
    return Stage(
        name=f"answer {planned.name}",
        function=_answer,
        load=_load_answers,
        inputs={"items": items, "solver": Keyed(solver, key), "file": Keyed(file, None)},
        outputs=[file],
        code=[kind.__module__],
    )


def _answer(
    context: StageContext, *, items: TextItems, solver: TextSolver[Any], file: str
) -> tuple[tuple[str, ...], str]:
    texts = tuple(solver.answer(items, context.advance))
    if len(texts) != len(items):
        raise ScoreError(
            f"expected {len(items)} answers from {type(solver).__name__}, got {len(texts)}"
        )
    usage = str(solver.used())
    write_json(
        context.folder / file,
        {
            "usage": usage,
            "answers": [
                {"id": one, "answer": text} for one, text in zip(items.ids, texts, strict=True)
            ],
        },
    )
    return texts, usage


def _load_answers(
    context: StageContext, *, file: str, **inputs: object
) -> tuple[tuple[str, ...], str]:
    found = json.loads((context.folder / file).read_text(encoding="utf-8"))
    return tuple(one["answer"] for one in found["answers"]), found["usage"]

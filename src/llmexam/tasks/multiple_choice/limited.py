"""What a run of multiple choice with a time limit needs beside the steps of any run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from llmexam.errors import LlmExamError
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.report.content import SolverResult
from llmexam.settings.walk import model_of
from llmexam.solvers.cascade.solver import CascadeSettings
from llmexam.solvers.protocol import Solver
from llmexam.solvers.registry import create_solver
from llmexam.tasks.limited import (
    Baseline,
    LimitedTask,
    SingleWorth,
    SolverFacts,
    Worth,
    values_of_run,
)
from llmexam.tasks.multiple_choice.plan import Plan, SolverPlan
from llmexam.tasks.multiple_choice.scored import alike
from llmexam.tasks.multiple_choice.worth import RunWorth
from llmexam.training.curve_file import read_curve

_BATCH = 32
_DEV_METRIC = "dev_map_at_3"


class LimitedChoice(LimitedTask[Plan, Exam, SolverResult]):
    """Baselines, partial plans, order and worth of solvers of multiple choice."""

    def baselines(
        self, plan: Plan, items: Exam, is_over: Callable[[], bool]
    ) -> Iterator[Baseline[SolverResult]]:
        """Yield the order of the options, then lexical overlap with the passages that are there.

        If the time is over before `lexical` has scored all questions, the others keep the order
        of their options.
        """
        first = create_solver("first").score(items.questions)
        yield Baseline("first", SolverResult("first", first), _alone(plan, "first"))
        if not any(question.passages for question in items):
            return
        solver = create_solver("lexical")
        parts: list[ScoreMatrix] = []
        at = 0
        while at < len(items) and not is_over():
            parts.append(solver.score(items.questions[at : at + _BATCH]))
            at += len(parts[-1])
        if at >= len(items):
            scores = ScoreMatrix.concatenate(parts)
            yield Baseline("lexical", SolverResult("lexical", scores), _alone(plan, "lexical"), at)
        elif parts:
            rest = first.subset(range(at, len(items)))
            scores = ScoreMatrix.concatenate([*parts, rest])
            name = f"lexical for {at:,} of {len(items):,} questions, `first` for the rest"
            yield Baseline(name, SolverResult("lexical", scores), None, at)

    def part(self, plan: Plan, names: Sequence[str], best: Sequence[str] = ()) -> Plan:
        """Return the plan of some of its solvers, without explanations and position audits.

        Weights that the plan gives are restricted to these solvers, and are normalised when they
        are used; fitted weights are fitted again.
        """
        part = super().part(plan, names)
        ensemble = plan.ensemble
        weights = ensemble.weights
        final = part.final
        if best and final is None and plan.final is not None:
            final = best[0] if len(best) == 1 else None
        elif best and len(best) == 1 and len(names) > 1 and plan.final is None:
            final = best[0]
        if isinstance(weights, dict):
            kept = {name: weights[name] for name in names}
            weights = kept if any(kept.values()) else "equal"
        if len(best) > 1 and not ensemble.is_fitted:
            given = weights if isinstance(weights, dict) else dict.fromkeys(names, 1.0)
            chosen = {name: given[name] if name in best else 0.0 for name in names}
            weights = chosen if any(chosen.values()) else weights
        evaluation = plan.evaluation.model_copy(update={"positions": False, "explanations": False})
        return part.model_copy(
            update={
                "final": final,
                "ensemble": ensemble.model_copy(update={"weights": weights}),
                "evaluation": evaluation,
            }
        )

    def without_search(self, plan: Plan) -> Plan:
        """Return the plan with the passages of the exam file as the only evidence."""
        none = {"corpus": (), "index": (), "reranker": None}
        return plan.model_copy(update={"evidence": plan.evidence.model_copy(update=none)})

    def facts(self, plan: Plan) -> Mapping[str, SolverFacts]:
        """Return which solvers use the scores of others, cost money, or keep to a time."""
        made: dict[str, Solver] = {}
        errors: dict[str, str] = {}
        for one in plan.solvers:
            try:
                solver = create_solver(one.solver, one.settings)
                solver.describe()
            except LlmExamError as error:
                errors[one.name] = str(error)
            else:
                made[one.name] = solver
        broken = {name: SolverFacts(error=error) for name, error in errors.items()}
        return broken | {one.name: _facts(one, made) for one in plan.solvers if one.name in made}

    def with_time(self, plan: Plan, name: str, seconds: float) -> Plan:
        """Return the plan with a shorter time budget for a cascade that has one."""

        def limited(one: SolverPlan) -> SolverPlan:
            if one.name != name or not _keeps_time(one):
                return one
            assert isinstance(one.settings, CascadeSettings)
            budget = min(one.settings.time_budget or seconds, seconds)
            settings = one.settings.model_copy(update={"time_budget": max(budget, 1.0)})
            return one.model_copy(update={"settings": settings})

        return plan.model_copy(update={"solvers": tuple(map(limited, plan.solvers))})

    def worth(self, plan: Plan) -> Worth:
        """Return what combinations were worth in an earlier run, or single models on dev sets."""
        return self.single_worth(plan) if plan.values is None else RunWorth(plan, plan.values)

    def single_worth(self, plan: Plan) -> Worth:
        """Return what single solvers were worth in an earlier run, or models on dev sets."""
        if plan.values is not None:
            earlier, chance = values_of_run(plan.values)
            source = f"the run {plan.values}, single solvers only"
            return SingleWorth(earlier, source, chance, plan.final)
        found = {one.name: _dev_value(one) for one in plan.solvers}
        values = {name: value for name, value in found.items() if value is not None}
        source = "MAP@3 on the dev questions of trainings" if values else ""
        return SingleWorth(values, source, final=plan.final)


def _alone(plan: Plan, solver: str) -> Plan:
    spec = SolverPlan.model_validate({"solver": solver})
    evaluation = plan.evaluation.model_copy(update={"positions": False, "explanations": False})
    update: dict[str, Any] = {"solvers": (spec,), "final": None, "evaluation": evaluation}
    ensemble = plan.ensemble.model_copy(update={"weights": "equal"})
    return plan.model_copy(update={**update, "ensemble": ensemble})


def _facts(one: SolverPlan, made: Mapping[str, Solver]) -> SolverFacts:
    described = made[one.name].describe()
    members = list(described.members.values())
    needs = {
        name
        for name, other in made.items()
        if name != one.name and any(alike(other, member) for member in members)
    }
    return SolverFacts(frozenset(needs), described.costs_money, _keeps_time(one))


def _keeps_time(one: SolverPlan) -> bool:
    settings = one.settings
    return isinstance(settings, CascadeSettings) and settings.time_budget is not None


def _dev_value(one: SolverPlan) -> float | None:
    model = model_of(one.settings)
    curve = read_curve(model) if model is not None else ()
    values = [point.values[_DEV_METRIC] for point in curve if _DEV_METRIC in point.values]
    return max(values, default=None)

"""What a run with a time limit asks of its task, beside the steps of any run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from llmexam.errors import RunError
from llmexam.evaluation.results import MetricResult, RunMetrics
from llmexam.report.content import Items, Result
from llmexam.tasks.plan import RunPlan

PlanT = TypeVar("PlanT", bound=RunPlan)
ItemsT = TypeVar("ItemsT", bound=Items)
ResultT = TypeVar("ResultT", bound=Result)

_FEWEST_RESAMPLES = 100


@dataclass(frozen=True)
class Baseline(Generic[ResultT]):
    """Answers that need no model and hardly any time.

    Attributes:
        name: What it is called.
        result: The answers.
        plan: The plan with the baseline as its only solver, for the report if no solver finishes;
            None if the answers come from no single solver.
        n_covered: Number of items with better answers than those of the first baseline. A baseline
            never replaces one that covers more.
    """

    name: str
    result: ResultT
    plan: RunPlan | None
    n_covered: int = 0


@dataclass(frozen=True)
class SolverFacts:
    """What the order of solvers depends on, beside time and worth.

    Attributes:
        needs: Solvers of the plan whose answers it uses; it runs after them.
        costs_money: Whether its answers may be billed.
        fits_itself: Whether it keeps to a given time, so that it is never too slow.
        error: Why it cannot be used, such as a missing model; empty if it can.
        key: Hash of its settings, its weights and what else of the plan its answers depend on; the
            run adds it. Empty if it is not known.
    """

    needs: frozenset[str] = frozenset()
    costs_money: bool = False
    fits_itself: bool = False
    error: str = ""
    key: str = ""


class Worth(Protocol):
    """What combinations of solvers are worth, by the primary metric.

    Attributes:
        source: Where this is known from, for reports; empty if nothing is known.
    """

    @property
    def source(self) -> str: ...  # noqa: D102 - described above

    def of(self, names: frozenset[str]) -> float | None:
        """Return the metric of the result that these solvers give; None if it is not known.

        Higher is better. Without any solvers it is that of random answers.
        """
        ...


@dataclass(frozen=True)
class SingleWorth:
    """Worth by the metrics of single solvers: a combination is worth as much as its best member.

    Attributes:
        values: Metric of each solver that is known, by name.
        source: Where they are from.
        chance: Metric of random answers.
        final: The solver that alone gives the result as soon as it has answered; None for none.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    source: str = ""
    chance: float = 0.0
    final: str | None = None

    def of(self, names: frozenset[str]) -> float | None:
        """Return the value of the best solver, or of the one that gives the result."""
        if not names:
            return self.chance if self.values else None
        if self.final in names:
            return self.values.get(str(self.final))
        return max((self.values[name] for name in names if name in self.values), default=None)


class LimitedTask(Generic[PlanT, ItemsT, ResultT]):
    """Defaults of what a run with a time limit asks of a task; a task overrides what differs."""

    def baselines(
        self, plan: PlanT, items: ItemsT, is_over: Callable[[], bool]
    ) -> Iterator[Baseline[ResultT]]:
        """Yield baselines, each better than the one before; the first takes no time.

        Args:
            plan: The plan.
            items: What is answered.
            is_over: Returns whether the time for baselines is over.
        """
        return iter(())

    def part(self, plan: PlanT, names: Sequence[str], best: Sequence[str] = ()) -> PlanT:
        """Return the plan of some of its solvers, without what takes long beside answers.

        Args:
            plan: The plan.
            names: The solvers.
            best: Those of them whose combination is the best known; empty for the plan's own
                rule.
        """
        final = plan.final if plan.final in names else None
        if final is None and best:
            final = best[0]
        solvers = tuple(one for one in plan.solvers if one.name in names)
        return plan.model_copy(update={"solvers": solvers, "final": final})

    def quick(self, plan: PlanT) -> PlanT:
        """Return the plan with few resamples, for results that are graded again later."""
        fewest = {"n_resamples": _FEWEST_RESAMPLES}
        return plan.model_copy(update={"evaluation": plan.evaluation.model_copy(update=fewest)})

    def without_search(self, plan: PlanT) -> PlanT:
        """Return the plan without searching, which failed or would have taken too long."""
        return plan

    def facts(self, plan: PlanT) -> Mapping[str, SolverFacts]:
        """Return what the order of the solvers depends on, by name."""
        return {one.name: SolverFacts() for one in plan.solvers}

    def with_time(self, plan: PlanT, name: str, seconds: float) -> PlanT:
        """Return the plan with a time limit for a solver that keeps to one by itself."""
        return plan

    def worth(self, plan: PlanT) -> Worth:
        """Return what is known about the worth of the plan's solvers and their combinations.

        It is called if the plan names an earlier run. This and the first values may take some
        time: they are computed in another process, and the result is sent to this one.
        """
        return self.single_worth(plan)

    def single_worth(self, plan: PlanT) -> Worth:
        """Return what is known about the worth of single solvers, which takes no time.

        Raises:
            RunError: The plan names a folder that is not one of a run with metrics.
        """
        final = plan.final or plan.solvers[0].name
        if plan.values is None:
            return SingleWorth(final=final)
        values, chance = values_of_run(plan.values)
        return SingleWorth(values, f"the run {plan.values}", chance, final)


def values_of_run(folder: Path) -> tuple[dict[str, float], float]:
    """Return the primary metric of each solver of a run, and of random answers.

    A metric whose lower values are better is negated.

    Raises:
        RunError: The folder is not one of a run on an exam with answers.
    """
    path = folder / "metrics.json"
    try:
        metrics = RunMetrics.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        raise RunError(
            "expected the folder of a run on an exam with answers, which has a metrics.json",
            file=folder,
            field="values",
            hint="Run the plan on an exam with answers, and give its folder",
        ) from None
    found: dict[str, float] = {}
    for name, one in metrics.solvers.items():
        if one.evaluation is not None:
            primary = one.evaluation.primary
            found[name] = _signed(primary.estimate.value, primary)
    primary = metrics.final.primary
    return found, _signed(primary.chance or 0.0, primary)


def _signed(value: float, metric: MetricResult) -> float:
    return value if metric.higher_is_better else -value


AnyLimitedTask = LimitedTask[Any, Any, Any]

"""What solvers are expected to take: by an estimate, an earlier run, and what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmexam.tasks.plan import RunPlan
from llmexam.workflows.own_files import read_object
from llmexam.workflows.run.limit.deadline import Speed
from llmexam.workflows.run.limit.record import LimitRecord
from llmexam.workflows.run.limit.schedule import Forecast
from llmexam.workflows.run.limit.steps import solver_of
from llmexam.workflows.run.pipeline import LIMIT_FILE, RUN_FILE


class Forecasts:
    """Expected seconds of solvers on this machine.

    What an earlier start in the same folder measured comes first, then the run that the plan names
    under `values`, then estimates. The latter two are multiplied by how much slower this machine
    has been so far.

    Args:
        plan: The plan.
        record: What earlier starts have measured.
        n_items: Number of items.

    Attributes:
        factor: Measured over predicted seconds of this machine.
    """

    def __init__(self, plan: RunPlan, record: LimitRecord, n_items: int) -> None:
        self._record = record
        self._n_items = n_items
        self._predicted = {} if plan.values is None else seconds_of_run(plan.values)
        self.factor = 1.0

    def add(self, name: str, forecast: Forecast) -> None:
        """Take an estimate."""
        self._predicted[name] = forecast

    def seconds_left(self, name: str) -> float | None:
        """Return the expected seconds for the items that a solver has not answered yet."""
        state = self._record.solvers[name]
        n_left = max(0, self._n_items - state.n_done)
        if state.seconds_each is not None:
            return state.seconds_each * n_left
        forecast = self._predicted.get(name)
        return None if forecast is None else self.factor * forecast.seconds(n_left)

    def measured(self, name: str, seconds: float, speed: Speed) -> None:
        """Compare what a solver took with what was predicted for it."""
        forecast = self._predicted.get(name)
        n_left = max(0, self._n_items - self._record.solvers[name].n_done)
        if forecast is not None:
            speed.add(forecast.seconds(n_left), seconds)

    def paced(self, name: str, seconds_each: float, speed: Speed) -> None:
        """Compare the pace of a solver that did not finish with what was predicted for it."""
        forecast = self._predicted.get(name)
        if forecast is not None:
            speed.add(forecast.each * self._n_items, seconds_each * self._n_items)


def seconds_of_run(folder: Path) -> dict[str, Forecast]:
    """Return what each solver took in an earlier run, by item."""
    run = read_object(folder / RUN_FILE)
    exam = run.get("exam")
    n_items = exam.get("n_questions") if isinstance(exam, dict) else None
    found: dict[str, Forecast] = {}
    stages = run.get("stages")
    if isinstance(n_items, int) and n_items > 0 and isinstance(stages, list):
        for stage in filter(_is_answer, stages):
            name = solver_of(stage["name"])
            found.setdefault(name, Forecast(0.0, float(stage["seconds"]) / n_items))
    solvers = read_object(folder / LIMIT_FILE).get("solvers")
    for name, state in (solvers if isinstance(solvers, dict) else {}).items():
        each = state.get("seconds_each") if isinstance(state, dict) else None
        if isinstance(each, float | int):
            found[name] = Forecast(0.0, float(each))
    return found


def _is_answer(stage: Any) -> bool:
    """Return whether a stage is one in which a solver answered, and not from the cache."""
    if not isinstance(stage, dict) or stage.get("cached") is not False:
        return False
    name, seconds = stage.get("name"), stage.get("seconds")
    is_answer = isinstance(name, str) and bool(solver_of(name))
    return is_answer and isinstance(seconds, float | int)

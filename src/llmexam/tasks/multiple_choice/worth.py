"""What combinations of solvers were worth in an earlier run, from its score files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llmexam.ensemble.build import build_ensemble
from llmexam.ensemble.weights import fit_out_of_fold
from llmexam.errors import LlmExamError
from llmexam.evaluation.metrics.registry import choice_metrics
from llmexam.exam.exam import Exam
from llmexam.exam.score_files import read_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.exam.splits import k_folds
from llmexam.settings.yaml_file import read_yaml_file
from llmexam.tasks.limited import SingleWorth, values_of_run
from llmexam.tasks.multiple_choice.plan import ChoiceExamPlan, Plan

Rows = NDArray[np.int64]


class RunWorth:
    """Metrics of all combinations of solvers in an earlier run, by its scores and answers.

    If the exam of that run is no longer there, a combination counts as much as its best member.
    Weights that are fitted are fitted once, for all solvers and out of fold; a combination has
    those of its members.

    Args:
        plan: The plan whose solvers are asked for; its ensemble combines them.
        folder: The folder of the earlier run.

    Attributes:
        source: The earlier run, and how combinations are valued.

    Raises:
        RunError: The folder is not one of a run on an exam with answers.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        values, self._chance = values_of_run(folder)
        self._singles = SingleWorth(values, "", self._chance, plan.final)
        self._known: dict[frozenset[str], float | None] = {}
        alone = "" if self._exam else ", single solvers only: its exam could not be read"
        self.source = f"the run {folder}{alone}"

    def of(self, names: frozenset[str]) -> float | None:
        """Return the primary metric of the plan's result with these solvers alone.

        Solvers that the earlier run did not have are left out; None if it had none of them.
        """
        if not names:
            return self._chance
        if self._plan.final in names or self._exam is None:
            return self._singles.of(names)
        known = frozenset(name for name in names if self._scores(name) is not None)
        if known not in self._known:
            self._known[known] = self._compute(known, self._exam) if known else None
        return self._known[known]

    def _compute(self, names: frozenset[str], exam: Exam) -> float | None:
        matrices = {name: scores for name in sorted(names) if (scores := self._scores(name))}
        try:
            scores = self._combined(matrices, exam)
        except LlmExamError:
            return self._singles.of(names)
        metric = choice_metrics(self._plan.evaluation.k)[0]
        sign = 1.0 if metric.higher_is_better else -1.0
        return sign * float(metric.values(exam, scores.ranking).mean())

    def _combined(self, matrices: dict[str, ScoreMatrix], exam: Exam) -> ScoreMatrix:
        ensemble = self._plan.ensemble
        if len(matrices) == 1:
            return next(iter(matrices.values()))
        if isinstance(ensemble.weights, dict):
            weights = {name: ensemble.weights[name] for name in matrices}
            ensemble = ensemble.model_copy(
                update={"weights": weights if any(weights.values()) else "equal"}
            )
        if ensemble.is_fitted:
            if not self._fits:
                return self._weighted(matrices, dict.fromkeys(matrices, 1.0))
            parts = [
                self._weighted({name: one.subset(rows) for name, one in matrices.items()}, weights)
                for rows, weights in self._fits
            ]
            order = np.argsort(np.concatenate([rows for rows, _ in self._fits]), kind="stable")
            return ScoreMatrix.concatenate(parts).subset(order)
        return build_ensemble(matrices, ensemble, exam).scores

    def _weighted(
        self, matrices: Mapping[str, ScoreMatrix], weights: Mapping[str, float]
    ) -> ScoreMatrix:
        """Return the combination with weights of more solvers, restricted to these."""
        shares = {name: weights[name] for name in matrices}
        given = shares if any(shares.values()) else "equal"
        ensemble = self._plan.ensemble.model_copy(update={"weights": given})
        return build_ensemble(matrices, ensemble).scores

    @cached_property
    def _fits(self) -> list[tuple[Rows, dict[str, float]]]:
        """The questions of each fold, and the weights of all solvers fitted on the others.

        Empty if they cannot be fitted, such as with fewer questions than folds.
        """
        if self._exam is None:
            return []
        settings = self._plan.ensemble
        try:
            fitted = fit_out_of_fold(self._matrices, self._exam, settings)
        except LlmExamError:
            return []
        folds = k_folds(self._exam, settings.n_folds, seed=settings.seed)
        return list(zip(folds, fitted.fold_weights, strict=True))

    def _scores(self, name: str) -> ScoreMatrix | None:
        return self._matrices.get(name)

    @cached_property
    def _matrices(self) -> dict[str, ScoreMatrix]:
        exam = self._exam
        found: dict[str, ScoreMatrix] = {}
        for solver in self._plan.solvers:
            path = self._folder / "scores" / f"{solver.name}.parquet"
            try:
                scores = read_scores(path)[0]
            except LlmExamError:
                continue
            if exam is not None and scores.question_ids == exam.ids:
                found[solver.name] = scores
        return found

    @cached_property
    def _exam(self) -> Exam | None:
        """The exam of the earlier run, if it is still there and has answers."""
        try:
            keys = read_yaml_file(self._folder / "plan.yaml", kind="plan", keys="exam and solvers")
            plan = ChoiceExamPlan.parse({**keys["exam"]}, subject="the plan of the earlier run")
            exam = plan.read()
            rows = plan.select([question.metadata for question in exam])
        except (LlmExamError, KeyError, TypeError):
            return None
        exam = exam if rows is None else exam.subset(rows)
        return exam if exam.is_labelled else None

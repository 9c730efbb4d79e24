"""Compare runs with each other, with logs of other harnesses and with submissions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from llmexam.errors import LlmExamError, NotFoundError, RunError
from llmexam.evaluation.clusters import AUTO, PASSAGE, cluster_exam
from llmexam.evaluation.compare import Prediction, compare_fully, rank
from llmexam.evaluation.grading import Resampling
from llmexam.evaluation.metrics.metric import item_values
from llmexam.evaluation.metrics.registry import exam_metrics
from llmexam.evaluation.multiplicity import WITH_FIRST, adjust
from llmexam.evaluation.results import ComparisonFamily, Estimate
from llmexam.exam.exam import Exam
from llmexam.harness.exams import load_answers
from llmexam.tasks.registry import DEFAULT_TASK
from llmexam.workflows.browse.browser import Browser
from llmexam.workflows.browse.choice_run import ChoiceRun
from llmexam.workflows.browse.files import FileCache
from llmexam.workflows.compare_runs import compare_several_runs

MOST_RUNS = 20
_N_KEPT = 16
_MOST_BYTES = 2_000_000_000
# Intervals of slices are shown beside each other, where the last digit matters little.
_SLICE_RESAMPLES = 2_000


@dataclass(frozen=True)
class SliceDifference:
    """Difference of two results on some of the questions.

    Attributes:
        by: The property.
        value: Its value.
        n: Number of questions.
        difference: a - b, with a paired bootstrap interval.
        p_value: Two-sided, from a paired permutation test.
    """

    by: str
    value: str
    n: int
    difference: Estimate
    p_value: float


@dataclass(frozen=True)
class Compared:
    """The first of several results against each of the others.

    Attributes:
        ids: Runs or files, as they were given.
        family: The comparisons, with adjusted p values where there are several.
        slices: The difference of the first two by slice; empty for several or other tasks.
        regraded: Of the runs that were graded by another embedder than the first, the ids; here
            they are graded by that of the first.
    """

    ids: tuple[str, ...]
    family: ComparisonFamily
    slices: tuple[SliceDifference, ...] = ()
    regraded: tuple[str, ...] = ()


class Comparer:
    """Compares results of a workspace; the last comparisons are kept.

    Args:
        browser: The workspace.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._kept: FileCache[Compared] = FileCache(_N_KEPT)

    def compare(self, ids: Sequence[str]) -> Compared:
        """Return the comparison of the first result with the others.

        The exam and the evaluation settings are those of the first.

        Args:
            ids: A run, and other runs, or files of the workspace: logs of other harnesses, score
                files or submissions.

        Raises:
            NotFoundError: There is no such run or file.
            RunError: There are too few or too many, or runs have other exams.
            LlmExamError: A file is not of the exam.
        """
        ids = tuple(dict.fromkeys(ids))
        if not 2 <= len(ids) <= MOST_RUNS:
            raise RunError(
                f"expected 2 to {MOST_RUNS} different runs or files, got {len(ids)}",
                hint="Choose a run and what to compare it with",
            )
        path = self._browser.workspace.path
        # A run writes its record last.
        files = [one / "run.json" if one.is_dir() else one for one in map(path, ids)]
        key = self._browser.workspace.folder.joinpath("\n".join(ids))
        return self._kept.get(key, files, lambda: self._compare(ids))

    def _compare(self, ids: tuple[str, ...]) -> Compared:
        first = self._browser.open(ids[0])
        if first.content.task != DEFAULT_TASK:
            folders = [self._browser.folder(id) for id in ids]
            found = compare_several_runs(folders[0], folders[1:])
            named = zip(ids[1:], found.comparisons, strict=True)
            comparisons = tuple(
                one.model_copy(update={"name_a": ids[0], "name_b": id}) for id, one in named
            )
            family = found.model_copy(update={"comparisons": comparisons})
            return Compared(ids, family, regraded=self._regraded(ids))
        if first.choice is None:
            raise RunError(first.problem, field=ids[0])
        run = first.choice
        if not run.content.exam.is_labelled:
            raise RunError("the exam has no answers, so nothing can be compared", field=ids[0])
        settings = _settings(run, first.recorded.plan)
        scores = run.content.final.scores
        others = [(id, self._answers(run, id)) for id in ids[1:]]
        comparisons_ = [
            compare_fully(run.content.exam, scores, own, name_a=ids[0], name_b=id, **settings)
            for id, own in others
        ]
        family = ComparisonFamily(comparisons=adjust(comparisons_, WITH_FIRST), family=WITH_FIRST)
        slices = _by_slice(run, others[0][1], settings) if len(ids) == 2 else ()
        return Compared(ids, family, slices)

    def _regraded(self, ids: Sequence[str]) -> tuple[str, ...]:
        """Return the runs whose own grades are by another embedder than those of the first."""
        embedders = [self._browser.entry(id).embedder for id in ids]
        return tuple(
            id for id, one in zip(ids, embedders, strict=True) if one and one != embedders[0]
        )

    def _answers(self, run: ChoiceRun, id: str) -> Prediction:
        path = self._browser.workspace.path(id)
        if path.is_dir():
            opened = self._browser.open(id)
            if opened.choice is None:
                raise RunError(opened.problem or "the run is of another task", field=id)
            if opened.choice.questions_hash != run.questions_hash:
                raise RunError(
                    "the run is of another exam than the first", field=id, hint="Choose another run"
                )
            return opened.choice.content.final.scores
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            raise NotFoundError("expected a run, a log, scores or a submission", field=id)
        return load_answers(path, run.content.exam)


def _settings(run: ChoiceRun, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return k and the resampling of a run's plan."""
    evaluation = run.content.final.evaluation
    choice = evaluation.choice if evaluation else None
    planned = plan.get("evaluation")
    planned = planned if isinstance(planned, dict) else {}
    by = str(planned.get("cluster_by") or AUTO)
    exam = run.content.exam
    try:
        if by == PASSAGE:
            every = tuple(run.rows.question(row) for row in range(len(exam)))
            exam = Exam(every, source=exam.source)
        clusters = cluster_exam(exam, by)
    except LlmExamError:
        # A file of clusters that is no longer there: independent items would be wrong.
        raise RunError(
            "the clusters of the run's plan cannot be read", hint="Use llmexam compare"
        ) from None
    resampling = Resampling(
        evaluation.n_resamples if evaluation else 10_000,
        evaluation.seed if evaluation else 0,
        evaluation.level if evaluation else 0.95,
        margin=planned.get("margin"),
    )
    return {"k": choice.k if choice else 3, "resampling": resampling.by_clusters(clusters)}


def _by_slice(
    run: ChoiceRun, other: Prediction, settings: Mapping[str, Any]
) -> tuple[SliceDifference, ...]:
    exam, resampling = run.content.exam, settings["resampling"]
    metric = exam_metrics(exam, settings["k"])[0]
    values = [
        item_values([metric], exam, rank(exam, one))[:, 0]
        for one in (run.content.final.scores, other)
    ]
    differences = values[0] - values[1]
    low, high = metric.bounds
    bounds = (low - high, high - low)
    found = []
    for by, labels in run.all_slices.items():
        own = np.array(labels)
        for value in dict.fromkeys(sorted(labels)):
            rows = np.flatnonzero(own == value)
            some = differences[rows]
            clusters = resampling.clusters
            less = replace(
                resampling,
                n_resamples=_SLICE_RESAMPLES,
                # Clusters are counted from 0 without gaps.
                clusters=None
                if clusters is None
                else np.unique(clusters[rows], return_inverse=True)[1],
            )
            estimate = (
                less.intervals(some[:, None], [bounds])[0]
                if some.any()
                else Estimate(value=0.0, low=0.0, high=0.0)
            )
            found.append(SliceDifference(by, value, len(rows), estimate, less.test(some).p_value))
    return tuple(found)

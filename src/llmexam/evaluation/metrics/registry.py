"""All metrics of multiple choice, the primary one first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llmexam.errors import SettingsError, nearest
from llmexam.evaluation.metrics.accuracy import Accuracy
from llmexam.evaluation.metrics.accuracy_at_k import AccuracyAtK
from llmexam.evaluation.metrics.average_precision import MAPAtK
from llmexam.evaluation.metrics.exact_set import ExactSet
from llmexam.evaluation.metrics.ranked import RankMetric
from llmexam.exam.exam import Exam
from llmexam.plugins import entry_points

ENTRY_POINT_GROUP = "llmexam.choice_metrics"
"""Where installed packages register metrics: a name, and what makes a `RankMetric` from k."""

_BUILT_IN: Mapping[str, Callable[[int], RankMetric]] = {
    "map": MAPAtK,
    "accuracy": lambda k: Accuracy(),
    "accuracy-at-k": AccuracyAtK,
}


def choice_metrics(k: int = 3) -> tuple[RankMetric, ...]:
    """Return all metrics of multiple choice: built-in ones, then those of installed packages.

    The first is the primary metric: solvers are ranked and compared by it.

    Args:
        k: How many of the first options count, for metrics that have a k.

    Raises:
        SettingsError: k is less than 1.
    """
    return tuple(make(k) for make in _factories().values())


def exam_metrics(exam: Exam, k: int = 3) -> tuple[RankMetric, ...]:
    """Return the metrics that an exam is graded by: all, and exact set where it says more.

    Exact set equals accuracy unless a question has several right options.

    Raises:
        SettingsError: k is less than 1.
    """
    return (*choice_metrics(k), ExactSet()) if exam.has_several_right else choice_metrics(k)


def choice_metric(name: str, k: int = 3) -> RankMetric:
    """Return the metric that is registered under a name, such as "map".

    Raises:
        SettingsError: There is no such metric, or k is less than 1.
    """
    factories = _factories()
    if name not in factories:
        raise SettingsError(f"unknown metric '{name}'", hint=nearest(name, factories))
    return factories[name](k)


def metric_label(name: str) -> str:
    """Return the label of a metric by its name in files, or the name if there is no such metric.

    >>> metric_label("map_at_5"), metric_label("other")
    ('MAP@5', 'other')
    """
    _, _, k = name.rpartition("_at_")
    metrics = choice_metrics(int(k)) if k.isdecimal() and int(k) else choice_metrics()
    every = (*metrics, ExactSet())
    return next((metric.label for metric in every if metric.name == name), name)


def _factories() -> dict[str, Callable[[int], RankMetric]]:
    # A built-in metric takes precedence over a plug-in of the same name.
    outside = {
        point.name: point.load()
        for point in entry_points(group=ENTRY_POINT_GROUP)
        if point.name not in _BUILT_IN
    }
    return {**_BUILT_IN, **outside}

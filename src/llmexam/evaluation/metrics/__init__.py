"""Metrics: one object and one file each, listed in `registry.py`."""

from llmexam.evaluation.metrics.accuracy import Accuracy
from llmexam.evaluation.metrics.accuracy_at_k import AccuracyAtK
from llmexam.evaluation.metrics.average_precision import MAPAtK, map_at_k
from llmexam.evaluation.metrics.exact_set import ExactSet
from llmexam.evaluation.metrics.metric import Metric
from llmexam.evaluation.metrics.ranked import RankMetric
from llmexam.evaluation.metrics.registry import choice_metric, choice_metrics, exam_metrics

__all__ = [
    "Accuracy",
    "AccuracyAtK",
    "ExactSet",
    "MAPAtK",
    "Metric",
    "RankMetric",
    "choice_metric",
    "choice_metrics",
    "exam_metrics",
    "map_at_k",
]

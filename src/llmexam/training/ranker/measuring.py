"""Contribution of members and columns to a trained ranker, for its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from llmexam.evaluation.bootstrap import mean_intervals
from llmexam.evaluation.compare import compare_results
from llmexam.evaluation.metrics.registry import choice_metrics
from llmexam.exam.exam import Exam
from llmexam.exam.scores import ScoreMatrix
from llmexam.solvers.ranker.encoding import OptionRows
from llmexam.solvers.ranker.model import RankerModel
from llmexam.training.ranker.fitting import score_out_of_fold
from llmexam.training.ranker.members import names_without
from llmexam.training.ranker.settings import RankerTrainingSettings

_N_NAMED = 30


def measure(exam: Exam, scores: ScoreMatrix, k: int) -> dict[str, float]:
    """Return the primary metric with its interval: value, low, high."""
    metric = choice_metrics(k)[0]
    values = metric.values(exam, scores.ranking)[:, None]
    return mean_intervals(values, bounds=metric.bounds)[0].model_dump()


def measure_members(
    exam: Exam,
    table: OptionRows,
    scores: Mapping[str, ScoreMatrix],
    out_of_fold: ScoreMatrix,
    settings: RankerTrainingSettings,
) -> dict[str, dict[str, Any]]:
    """Return the primary metric of each member, and its gain for the ranker, with intervals.

    The gain is the ranker's value less that of a ranker trained without the member, both out of
    fold and paired; only where the settings ask for it and others are left.
    """
    found: dict[str, dict[str, Any]] = {}
    metric = choice_metrics(settings.k)[0]
    for name, own in scores.items():
        found[name] = {metric.name: measure(exam, own, settings.k)}
        if settings.member_gains and len(scores) > 1:
            rest = table.keep(names_without(table.names, name))
            without = score_out_of_fold(exam, rest, settings)
            pair = compare_results(exam, out_of_fold, without, k=settings.k)
            found[name]["gain"] = pair.difference.model_dump()
            found[name]["gain_p_value"] = pair.p_value
    return found


def measure_columns(model: RankerModel) -> dict[str, dict[str, float]]:
    """Return the largest weights of the logit and the largest gains of the trees, by column.

    A weight is that of one standard deviation within a question; gains are shares of all that
    splits on a column took off the loss.
    """
    found: dict[str, dict[str, float]] = {}
    if model.logit is not None:
        weights = dict(zip(model.logit.names, model.logit.weights, strict=True))
        best = sorted(weights, key=lambda name: -abs(weights[name]))[:_N_NAMED]
        found["coefficients"] = {name: round(weights[name], 4) for name in best}
    if model.trees is not None:
        gains = np.asarray(model.trees.feature_importance("gain"), dtype=np.float64)
        shares = gains / max(float(gains.sum()), 1e-12)
        order = np.argsort(-shares, kind="stable")[:_N_NAMED]
        found["importances"] = {
            model.names[i]: round(float(shares[i]), 4) for i in order if shares[i] > 0
        }
    return found

"""Grading and comparing of any task: items and predictions are texts here."""

import math

import numpy as np
import pytest

from llmexam.evaluation.bootstrap import mean_intervals
from llmexam.evaluation.grading import Resampling, compare, grade
from llmexam.evaluation.metrics.metric import describe

ITEMS = tuple(f"word{i % 4}" for i in range(40))
HALF = tuple(item if i % 2 else "no" for i, item in enumerate(ITEMS))
QUARTER = tuple(item if i % 4 == 1 else "no" for i, item in enumerate(ITEMS))
QUICK = Resampling(n_resamples=500, seed=1)


class ExactMatch:
    name = "exact_match"
    label = "exact match"
    explanation = "The share of answers that are equal to the expected text."
    higher_is_better = True
    bounds = (0.0, 1.0)

    def values(self, items, predictions):
        return np.array([a == b for a, b in zip(items, predictions, strict=True)], dtype=float)

    def chance(self, items):
        return None


class Excess:
    """How many characters too many or too few: lower is better, and there is no upper bound."""

    name = "excess"
    label = "excess characters"
    explanation = "The mean difference in the number of characters."
    higher_is_better = False
    bounds = (0.0, math.inf)

    def values(self, items, predictions):
        return np.array([abs(len(a) - len(b)) for a, b in zip(items, predictions, strict=True)])

    def chance(self, items):
        return None


def grade_texts(*metrics, predictions=HALF):
    labels = [(item, item) for item in ITEMS]
    return grade(
        metrics,
        ITEMS,
        predictions,
        baselines={"no": ("no",) * len(ITEMS)},
        labellings=[("word", labels), ("all", [("x", "x")] * len(ITEMS))],
        resampling=QUICK,
    )


def test_texts_are_graded_by_their_metric():
    (result,), slices = grade_texts(ExactMatch())
    assert (result.name, result.estimate.value, result.chance) == ("exact_match", 0.5, None)
    assert result.references == {"no": 0.0}
    assert [(s.metric, s.by, s.value, s.n, s.estimate.value) for s in slices] == [
        ("exact_match", "word", f"word{i}", 10, float(i % 2)) for i in range(4)
    ]
    assert str(result).startswith("exact match 0.5000 (")


def test_an_interval_does_not_depend_on_other_metrics():
    class Last(ExactMatch):
        """Neither a function of the others nor they of it."""

        name = "last"

        def values(self, items, predictions):
            return np.random.default_rng(0).random(len(items))

    alone = grade_texts(ExactMatch())[0][0]
    beside = grade_texts(ExactMatch(), Last())[0][0]
    assert alone.estimate == beside.estimate
    (last,) = mean_intervals(Last().values(ITEMS, HALF)[:, None], n_resamples=500, seed=1)
    assert grade_texts(ExactMatch(), Last())[0][1].estimate == last


def test_an_unbounded_metric_has_no_bound_in_json():
    (result,), _ = grade_texts(Excess(), predictions=ITEMS)
    assert result.bounds == (0.0, None)
    # All values are the same and nothing says how far others might be.
    assert (result.estimate.low, result.estimate.high) == (0.0, 0.0)
    assert math.isfinite(result.minimum_detectable_difference)


@pytest.mark.parametrize(("metric", "sign"), [(ExactMatch(), 1), (Excess(), -1)])
def test_the_better_one_wins_whichever_direction_is_better(metric, sign):
    found = compare(
        [metric], ITEMS, HALF, QUARTER, name_a="half", name_b="quarter", resampling=QUICK
    )
    assert found.winner == "half"
    assert (found.n_better, found.n_worse, found.n_items) == (10, 0, 40)
    assert math.copysign(1, found.difference.value) == sign
    assert found.metric == describe(metric)
    turned = compare(
        [metric], ITEMS, QUARTER, HALF, name_a="quarter", name_b="half", resampling=QUICK
    )
    assert (turned.winner, turned.n_better, turned.n_worse) == ("half", 0, 10)
    assert turned.p_value == found.p_value


def test_equal_predictions_have_no_winner():
    found = compare([Excess()], ITEMS, HALF, HALF, name_a="a", name_b="b", resampling=QUICK)
    assert (found.winner, found.p_value) == (None, 1.0)

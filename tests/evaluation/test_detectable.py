"""Minimum detectable difference with a measured correlation."""

import numpy as np
import pytest

from llmexam.evaluation.bootstrap import minimum_detectable_difference
from llmexam.evaluation.compare import compare_results
from llmexam.evaluation.detectable import paired_correlation, with_measured_correlation
from llmexam.evaluation.evaluate import evaluate_rankings


@pytest.fixture
def results(make_exam):
    exam = make_exam([0] * 60)
    rng = np.random.default_rng(0)
    first = {one: [int(rng.integers(0, 2))] for one in exam.ids}
    # Agrees with the first on four of five questions.
    second = {one: ranks if rng.random() < 0.8 else [1] for one, ranks in first.items()}
    return exam, first, second


def test_the_measured_correlation_replaces_the_assumed_one(results):
    exam, first, second = results
    graded = evaluate_rankings(exam, first, name="first", n_resamples=200)
    compared = compare_results(exam, first, second, n_resamples=200)
    a, b = (np.array([ranks[one] == [0] for one in exam.ids], float) for ranks in (first, second))
    assert compared.correlation == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert (graded.primary.correlation, graded.primary.correlation_measured) == (0.5, False)
    found = with_measured_correlation(graded, [compared]).primary
    assert found.correlation_measured
    sd = a.std(ddof=1) * np.sqrt(2 * (1 - compared.correlation))
    expected = minimum_detectable_difference(sd, 60)
    assert found.minimum_detectable_difference == pytest.approx(expected)
    assert found.estimate == graded.primary.estimate


def test_equal_and_constant_results_measure_nothing(results):
    exam, first, _ = results
    graded = evaluate_rankings(exam, first, name="first", n_resamples=200)
    constant = compare_results(exam, first, {one: [0] for one in exam.ids}, n_resamples=200)
    assert constant.correlation is None
    same = compare_results(exam, first, first, n_resamples=200)
    assert with_measured_correlation(graded, [constant, same]) == graded
    assert with_measured_correlation(graded, []) == graded


def test_correlation_of_opposites():
    assert paired_correlation(np.array([0.0, 1.0]), np.array([1.0, 0.0])) == pytest.approx(-1)

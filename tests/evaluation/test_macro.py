import json
from math import sqrt

import numpy as np
import pytest

from llmexam.errors import ExamError
from llmexam.evaluation.bootstrap import wilson_interval
from llmexam.evaluation.evaluate import evaluate_rankings, evaluate_scores
from llmexam.evaluation.macro import macro_mean, slice_values_of
from llmexam.evaluation.metrics import Accuracy
from llmexam.evaluation.metrics.metric import describe
from llmexam.evaluation.resampling import Resampling
from llmexam.evaluation.results import Evaluation
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix

METRIC = [describe(Accuracy())]


def exam_of(subjects):
    return Exam(
        tuple(
            Question(str(i), f"What {i}?", ("a", "b"), 0, metadata={"subject": subject})
            for i, subject in enumerate(subjects)
        )
    )


def test_each_value_counts_the_same_by_hand():
    values = np.array([[1.0], [1.0], [0.0], [1.0], [0.0]])
    found = macro_mean(METRIC, values, ["x", "x", "x", "x", "y"], by="subject", level=0.95)
    (mean,) = found.metrics
    assert (found.by, found.n_values) == ("subject", 2)
    assert mean.estimate.value == pytest.approx((0.75 + 0.0) / 2)
    # x has s^2 = 0.25; y has one question, so the pooled variance stands for its own.
    half = 1.959964 * sqrt(0.25 / 4 + 0.25) / 2
    assert mean.estimate.low == pytest.approx(max(0, 0.375 - half))
    assert mean.estimate.high == pytest.approx(0.375 + half, abs=1e-5)


def test_the_interval_contains_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    labels = ["a"] * 40 + ["b"] * 15 + ["c"] * 100
    rates = np.repeat([0.3, 0.8, 0.5], [40, 15, 100])
    inside = 0
    for _ in range(400):
        values = (rng.random(len(labels)) < rates).astype(float)[:, None]
        (mean,) = macro_mean(METRIC, values, labels, by="s", level=0.95).metrics
        inside += mean.estimate.low <= (0.3 + 0.8 + 0.5) / 3 <= mean.estimate.high
    assert 0.91 <= inside / 400 <= 0.98


def wide(estimate):
    return estimate.high - estimate.low


@pytest.mark.parametrize("across", [False, True])
def test_the_interval_takes_account_of_clusters(across):
    # 40 clusters of 10 equal values, within subjects or across both.
    clusters = np.repeat(np.arange(40), 10)
    values = (clusters % 5 < 3).astype(float)[:, None]
    subject = np.arange(400) % 2 if across else clusters // 20
    labels = [f"s{number}" for number in subject]
    arguments = {"by": "subject", "level": 0.95}
    (plain,) = macro_mean(METRIC, values, labels, **arguments).metrics
    (mean,) = macro_mean(METRIC, values, labels, clusters=clusters, **arguments).metrics
    (overall,) = Resampling(4000, clusters=clusters).intervals(values)
    assert mean.estimate.value == pytest.approx(0.6)
    assert wide(mean.estimate) == pytest.approx(wide(overall), rel=0.1)
    assert wide(mean.estimate) > 3 * wide(plain.estimate)


@pytest.mark.parametrize("n_each", [1, 4])
def test_values_of_one_question_or_one_cluster_have_an_interval(n_each):
    labels = np.repeat(np.arange(30), n_each)
    values = (labels >= 10).astype(float)[:, None]
    clusters = labels if n_each > 1 else None
    (mean,) = macro_mean(
        METRIC, values, list(map(str, labels)), by="s", level=0.95, clusters=clusters
    ).metrics
    (overall,) = Resampling(4000, clusters=clusters).intervals(values)
    assert mean.estimate.value == pytest.approx(2 / 3)
    assert wide(mean.estimate) == pytest.approx(wide(overall), rel=0.1)


def test_equal_values_have_an_interval_of_some_width():
    labels = [f"s{i % 4}" for i in range(40)]
    (mean,) = macro_mean(METRIC, np.ones((40, 1)), labels, by="s", level=0.95).metrics
    assert (mean.estimate.low, mean.estimate.high) == (pytest.approx(wilson_interval(1, 40)[0]), 1)


def test_clusters_of_an_exam_widen_its_macro_mean():
    exam = Exam(
        tuple(
            Question(
                str(i),
                f"What {i}?",
                ("a", "b"),
                0,
                metadata={"subject": f"s{i // 100}", "pid": str(i // 10)},
            )
            for i in range(200)
        )
    )
    rankings = {str(i): (int(i // 10 % 5 > 2), int(i // 10 % 5 <= 2)) for i in range(200)}
    arguments = {"name": "s", "n_resamples": 100, "slice_by": "subject"}
    by_pid = evaluate_rankings(exam, rankings, cluster_by="pid", **arguments)
    plain = evaluate_rankings(exam, rankings, cluster_by="none", **arguments)
    assert wide(by_pid.macro.metrics[0].estimate) > 3 * wide(plain.macro.metrics[0].estimate)


def test_all_values_are_slices_and_the_mean_is_beside_them():
    subjects = [f"subject {i % 57:02d}" for i in range(171)]
    exam = exam_of(subjects)
    rng = np.random.default_rng(0)
    scores = ScoreMatrix.from_rows(exam.ids, rng.normal(size=(len(exam), 2)))
    found = evaluate_scores(exam, scores, name="s", n_resamples=100, slice_by="subject")
    named = [one.value for one in found.slices if one.by == "subject"]
    assert named == sorted(set(subjects))
    assert found.macro.n_values == 57
    mean = found.macro.metrics[0]
    assert mean.estimate.value == pytest.approx(
        np.mean([one.estimate.value for one in found.slices if one.by == "subject"])
    )
    assert Evaluation.model_validate(json.loads(found.model_dump_json())) == found
    plain = evaluate_scores(exam, scores, name="s", n_resamples=100)
    assert plain.macro is None
    assert plain.metrics == found.metrics


def test_rankings_are_sliced_too():
    exam = exam_of(["x", "y", "y"])
    rankings = {question_id: (0,) for question_id in exam.ids}
    found = evaluate_rankings(exam, rankings, name="s", n_resamples=100, slice_by="subject")
    assert [mean.estimate.value for mean in found.macro.metrics] == [1.0] * 3


def test_a_field_that_no_question_has_is_an_error():
    with pytest.raises(ExamError, match=r"no question has metadata 'subjet' to slice by.*subject"):
        slice_values_of(exam_of(["x", "y"]), "subjet")
    assert slice_values_of(exam_of(["x", " "]), "subject") == ["x", "(none)"]

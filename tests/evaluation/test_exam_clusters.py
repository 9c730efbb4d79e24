"""Clusters of the questions of an exam, and what they mean for grades."""

import numpy as np
import pytest

from llmexam.errors import ExamError, SettingsError
from llmexam.evaluation.bootstrap import standard_error, t_interval, t_quantile
from llmexam.evaluation.clusters import Clusters, cluster_exam, cluster_items
from llmexam.evaluation.compare import compare_results
from llmexam.evaluation.evaluate import evaluate_rankings
from llmexam.evaluation.grading import Resampling
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question


def exam_of(*clusters, field="cluster", passages=()):
    return Exam(
        tuple(
            Question(
                f"q{i}",
                f"What is {i}?",
                ("a", "b", "c"),
                0,
                passages=tuple(passages[i : i + 1]),
                metadata={field: name} if name else {},
            )
            for i, name in enumerate(clusters)
        )
    )


def numbers(exam, by="auto"):
    found = cluster_exam(exam, by)
    return None if found is None else (found.by, found.numbers.tolist())


def test_the_field_cluster_is_found_and_questions_without_it_stand_alone():
    assert numbers(exam_of("x", "y", "x", "", "")) == ("cluster", [0, 1, 0, 2, 3])


@pytest.mark.parametrize(
    "clusters", [("x", "", "", "x"), ("x", "x", "x"), ("x", "y", "z"), ("", "", "")]
)
def test_auto_needs_most_questions_and_clusters_that_matter(clusters):
    assert numbers(exam_of(*clusters)) is None


def test_none_switches_clusters_off():
    assert numbers(exam_of("x", "x", "y"), "none") is None


def test_another_field_must_exist_and_differ():
    exam = exam_of("x", "x", "y", field="source")
    assert numbers(exam) is None
    assert numbers(exam, "source") == ("source", [0, 0, 1])
    with pytest.raises(SettingsError, match="no item has the metadata field 'sorce'"):
        cluster_exam(exam, "sorce")
    with pytest.raises(SettingsError, match="at least 2 clusters by 'source', got 1"):
        cluster_exam(exam_of("x", "x", field="source"), "source")


def test_passages_of_the_file_define_clusters_by_title_id_or_text():
    passages = [
        Passage("1", title="T"),
        Passage("2", title="T"),
        Passage("3", id="T"),
        Passage("4"),
        Passage("5", title="T", score=1.0),
    ]
    exam = exam_of(*[""] * 5, passages=passages)
    # The last passage was retrieved, so it says nothing of the question's source.
    assert numbers(exam, "passage") == ("passage", [0, 0, 0, 1, 2])
    with pytest.raises(SettingsError, match="no question has a passage of its own"):
        cluster_exam(exam_of("x", "y"), "passage")


def test_clusters_from_a_file(tmp_path):
    file = tmp_path / "clusters.csv"
    file.write_text("id,cluster\nq2,x\nq0,x\n")
    exam = exam_of("", "", "")
    assert numbers(exam, str(file)) == ("clusters.csv", [0, 1, 0])
    file.write_text("id,group\nq2,x\n")
    with pytest.raises(ExamError, match="expected the columns id and cluster, got id, group"):
        cluster_exam(exam, str(file))
    with pytest.raises(ExamError, match="cannot read the clusters"):
        cluster_exam(exam, str(tmp_path / "missing.csv"))


def test_cluster_robust_standard_error_is_the_formula_of_liang_and_zeger():
    rng = np.random.default_rng(0)
    values = rng.random(40)
    clusters = rng.integers(0, 9, 40)
    residuals = values - values.mean()
    # The sandwich of a regression on a constant, with the factor G / (G - 1).
    meat = sum(residuals[clusters == g].sum() ** 2 for g in range(9))
    assert standard_error(values, clusters) == pytest.approx(np.sqrt(9 / 8 * meat / 40**2))
    alone = standard_error(values, np.arange(40))
    assert alone == pytest.approx(values.std(ddof=1) / np.sqrt(40))
    assert standard_error(values) == pytest.approx(alone)


def test_t_quantiles_agree_with_tables():
    for df, expected in ((5, 2.571), (9, 2.262), (19, 2.093), (120, 1.980)):
        assert t_quantile(0.975, df) == pytest.approx(expected, abs=0.002)
    for df, expected in ((1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776)):
        assert t_quantile(0.975, df) == pytest.approx(expected, abs=0.004)
        assert t_quantile(0.025, df) == pytest.approx(-expected, abs=0.004)
    low, high = t_interval(np.array([0.0, 1.0] * 10))
    assert (high - low) / 2 == pytest.approx(2.093 * np.sqrt(1 / 4 / 19), abs=0.001)


def test_the_design_effect_of_copied_questions_is_the_size_of_the_clusters():
    values = np.random.default_rng(1).random(50)
    copied = Resampling().by_clusters(Clusters("source", np.repeat(np.arange(50), 4)))
    info = copied.cluster_info(np.repeat(values, 4))
    assert (info.by, info.n_clusters, info.largest) == ("source", 50, 4)
    # 4, apart from the factors n / (n - 1) of both variances.
    assert info.design_effect == pytest.approx(4 * (50 / 49) / (200 / 199))
    assert info.widening == pytest.approx(info.design_effect**0.5)
    assert copied.cluster_info(np.ones(200)).design_effect is None
    assert Resampling().cluster_info(values) is None


def test_grades_and_comparisons_use_the_clusters():
    exam = exam_of(*[f"c{i // 5}" for i in range(60)])
    right, wrong = {q.id: [0] for q in exam}, {q.id: [1] for q in exam}
    # Right on every question of two of three clusters.
    mixed = {q.id: [0] if (i // 5) % 3 else [1] for i, q in enumerate(exam)}
    clustered = evaluate_rankings(exam, mixed, name="mixed", n_resamples=2000)
    plain = evaluate_rankings(exam, mixed, name="mixed", n_resamples=2000, cluster_by="none")
    assert clustered.clusters is not None
    assert plain.clusters is None
    assert clustered.clusters.n_clusters == 12
    assert clustered.clusters.is_few
    widths = [one.primary.estimate.high - one.primary.estimate.low for one in (clustered, plain)]
    assert widths[0] > 1.8 * widths[1]
    assert clustered.primary.estimate.value == plain.primary.estimate.value
    found = compare_results(exam, right, mixed, n_resamples=2000)
    # 4 clusters differ, all in one direction: 2 of 16 sign flips are as far from 0.
    assert (found.p_value, found.p_value_exact) == (2 / 16, True)
    assert found.clusters is not None
    assert found.clusters.by == "cluster"
    assert compare_results(exam, right, wrong, cluster_by="none").clusters is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,cluster\nq7,x\nq8,y\n", "no id of the 3 items has a cluster"),
        ("id,cluster\nq0,x\nq1,y\nq0,y\n", "row 3 field 'cluster': 'q0' is in two clusters"),
        ("id,group\nq0,x\n", "expected the columns id and cluster"),
    ],
)
def test_a_file_that_assigns_no_clusters_is_refused(tmp_path, text, message):
    path = tmp_path / "clusters.csv"
    path.write_text(text)

    with pytest.raises(ExamError, match=message):
        cluster_items(["q0", "q1", "q2"], [{}] * 3, str(path))


def test_a_missing_file_is_named_without_its_error_number(tmp_path):
    with pytest.raises(ExamError, match="No such file") as caught:
        cluster_items(["q0"], [{}], str(tmp_path / "none.csv"))

    assert "Errno" not in str(caught.value)


def test_ids_without_a_row_are_clusters_of_their_own(tmp_path):
    path = tmp_path / "clusters.csv"
    path.write_text("id,cluster\nq0,x\nq0,x\nq1,x\n")

    found = cluster_items(["q0", "q1", "q2"], [{}] * 3, str(path))

    assert found.numbers.tolist() == [0, 0, 1]

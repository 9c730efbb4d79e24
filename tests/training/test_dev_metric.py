"""The metric that chooses the best step."""

from types import SimpleNamespace

import pytest

pytest.importorskip("transformers")

from llmexam.evaluation.metrics import MAPAtK, RankMetric
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.exam.scores import ScoreMatrix
from llmexam.training.base.callbacks import DevGrading
from llmexam.training.base.dev_set import DevSet

DEV = Exam((Question("q", "?", ("a", "b", "c"), 0),))


class MeanRank(RankMetric):
    name = "mean_rank"
    label = "mean rank"
    explanation = "The mean rank of the right option."
    higher_is_better = False
    bounds = (1.0, float("inf"))

    def at_rank(self, ranks):
        return ranks


def scores_with_rank(rank):
    """Scores that give the right option a rank."""
    return ScoreMatrix.from_rows(["q"], [[-rank, -1.5, -2.5]])


@pytest.mark.parametrize(
    ("metric", "values"),
    [(MAPAtK(3), [1 / 3, 1 / 2, 1, 1 / 3, 1 / 2]), (MeanRank(), [3, 2, 1, 3, 2])],
    ids=["higher is better", "lower is better"],
)
def test_the_best_step_has_the_best_value(tmp_path, metric, values):
    ranks = iter([3, 2, 1, 3, 2])
    points, saved = {}, []
    grading = DevGrading(
        DevSet(DEV, lambda: scores_with_rank(next(ranks)), lambda scores, exam: 1.0, metric),
        SimpleNamespace(patience=2),
        best=SimpleNamespace(save=saved.append),
        recorder=SimpleNamespace(add=points.__setitem__),
        folder=tmp_path,
    )
    for step in range(1, 6):
        grading.grade(step)
    name = f"dev_{metric.name}"
    assert [points[step][name] for step in range(1, 6)] == pytest.approx(values)
    assert (grading.best_step, grading.best_value, saved) == (3, 1, [1, 2, 3])
    assert grading.stopped
    assert grading.state()["attributes"]["best_value"] == 1


def test_questions_are_graded_by_the_primary_metric():
    scores = scores_with_rank(2)
    dev = DevSet(DEV, lambda: scores, lambda scores, exam: 0.25)
    graded = dev.grade()
    assert (dev.metric.name, graded.value, graded.loss) == ("map_at_3", 0.5, 0.25)
    assert graded.scores is scores

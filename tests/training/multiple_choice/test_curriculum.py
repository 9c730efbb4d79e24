from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from llmexam.errors import ExamError
from llmexam.training.base.batching import BatchPlan
from llmexam.training.multiple_choice.curriculum import difficulties
from llmexam.training.multiple_choice.settings import CurriculumSettings

N_TOKENS = np.arange(10, 16)


def with_difficulty(exam, values):
    return [
        replace(q, metadata={} if value is None else {"difficulty": value})
        for q, value in zip(exam, values, strict=True)
    ]


def test_questions_without_a_difficulty_have_the_median(make_exam):
    questions = with_difficulty(make_exam(6), ["0.1", "0.9", None, "0.2", None, "0.4"])

    found = difficulties(questions, CurriculumSettings(), N_TOKENS)

    assert found.tolist() == pytest.approx([0.1, 0.9, 0.3, 0.2, 0.3, 0.4])


def test_length_can_be_the_difficulty(make_exam):
    found = difficulties(make_exam(6).questions, CurriculumSettings(by="n_tokens"), N_TOKENS)

    assert found.tolist() == N_TOKENS.tolist()


@pytest.mark.parametrize("value", ["hard", "nan", "inf"])
def test_a_difficulty_that_is_no_number_is_an_error(make_exam, value):
    with pytest.raises(ExamError, match="'q1': expected a finite number"):
        difficulties(with_difficulty(make_exam(2), ["1", value]), CurriculumSettings(), N_TOKENS)


def test_a_field_that_no_question_has_is_an_error(make_exam):
    with pytest.raises(ExamError, match="'level'"):
        difficulties(make_exam(2).questions, CurriculumSettings(by="level"), N_TOKENS)


def test_the_first_epochs_go_from_easy_to_hard():
    difficulty = np.random.default_rng(0).random(200)
    lengths = np.random.default_rng(1).integers(5, 50, 200)

    def steps(epoch):
        plan = BatchPlan(lengths, 4, bucket_steps=5, difficulty=difficulty, n_ordered_epochs=1)
        return plan.steps(epoch)

    for epoch in (0, 1):
        assert sorted(np.concatenate(steps(epoch))) == list(range(200))
    ordered = [difficulty[np.concatenate(steps(0)[i : i + 5])] for i in range(0, 50, 5)]
    # Each bucket of five steps is easier than the next one.
    assert all(one.max() < next_.min() for one, next_ in pairwise(ordered))
    shuffled = [difficulty[np.concatenate(steps(1)[i : i + 5])] for i in range(0, 50, 5)]
    assert any(one.max() > next_.min() for one, next_ in pairwise(shuffled))


def test_the_steps_of_a_bucket_are_shuffled():
    difficulty = np.arange(80.0)
    plan = BatchPlan(np.arange(80), 4, bucket_steps=20, difficulty=difficulty, n_ordered_epochs=2)

    means = [difficulty[step].mean() for step in plan.steps(0)]

    assert means != sorted(means)
    assert means != [difficulty[step].mean() for step in plan.steps(1)]

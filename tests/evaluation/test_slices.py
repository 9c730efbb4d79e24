import numpy as np
import pytest

from llmexam.evaluation.grading import Resampling, slice_values
from llmexam.evaluation.metrics import Accuracy
from llmexam.evaluation.metrics.metric import describe
from llmexam.evaluation.slices import MAX_SOURCES, has_negation, label_questions
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question


def question(i, prompt="Which is it?", n_options=4, answer=0, passages=(), **metadata):
    options = tuple(f"option {j}" for j in range(n_options))
    return Question(f"q{i}", prompt, options, answer, passages, metadata)


def slice_scores(exam, values, **resampling):
    return slice_values(
        describe(Accuracy()), values, label_questions(exam), Resampling(**resampling)
    )


def find(slices, by):
    return {part.value: part for part in slices if part.by == by}


@pytest.mark.parametrize(
    "prompt",
    [
        "Which of these is NOT a noble gas?",
        "All of the following are true except",
        "Which statement is incorrect?",
        "Which statement is false?",
        "Which doesn't belong?",
        "Which doesn\u2019t belong?",
        "Which is least likely to burn?",
        "Which cannot be seen?",
    ],
)
def test_negated_questions(prompt):
    assert has_negation(prompt)


@pytest.mark.parametrize(
    "prompt", ["What is a knot?", "Name at least two notes.", "Who excepted it?", ""]
)
def test_questions_that_are_not_negated(prompt):
    assert not has_negation(prompt)


def test_a_way_of_slicing_that_divides_nothing_is_left_out():
    exam = Exam(tuple(question(i) for i in range(5)))
    assert slice_scores(exam, np.ones(5)) == ()


def test_slices_hold_the_mean_of_their_own_questions():
    exam = Exam(
        (
            question(0, "Which is not so?", 4, 0, (Passage("text"),)),
            question(1, "Which is so?", 5, 1),
            question(2, "Which is so?", 5, 1, (Passage("text"),)),
        )
    )
    slices = slice_scores(exam, np.array([1.0, 0.5, 0.0]))
    negated = find(slices, "negated")
    assert negated["yes"].n == 1
    assert negated["yes"].estimate.value == 1.0
    assert negated["no"].estimate.value == 0.25
    options = find(slices, "options")
    assert [(value, part.n) for value, part in options.items()] == [("4", 1), ("5", 2)]
    passages = find(slices, "passages")
    assert passages["with"].estimate.value == 0.5
    assert passages["without"].estimate.value == 0.5
    places = find(slices, "right option")
    assert [(value, part.n) for value, part in places.items()] == [("A", 1), ("B", 2)]


def test_small_slices_stay_with_a_wide_interval():
    exam = Exam(tuple(question(i, answer=int(i == 0)) for i in range(300)))
    places = find(slice_scores(exam, np.ones(300)), "right option")
    assert places["B"].n == 1
    assert places["B"].estimate.high - places["B"].estimate.low > 0.7
    assert places["A"].estimate.high - places["A"].estimate.low < 0.02


def test_prompt_lengths_are_cut_into_thirds():
    exam = Exam(tuple(question(i, "x" * (i + 1)) for i in range(9)))
    thirds = find(slice_scores(exam, np.arange(9) / 8), "prompt length")
    assert [part.n for part in thirds.values()] == [3, 3, 3]
    assert list(thirds) == [
        "short (up to 3 characters)",
        "medium (up to 6 characters)",
        "long (over 6 characters)",
    ]
    assert [part.estimate.value for part in thirds.values()] == pytest.approx([1 / 8, 4 / 8, 7 / 8])


def test_prompts_of_equal_length_stay_together():
    exam = Exam(tuple(question(i, "x" * (9 if i else 2)) for i in range(9)))
    thirds = find(slice_scores(exam, np.ones(9)), "prompt length")
    assert sorted(part.n for part in thirds.values()) == [1, 8] or len(thirds) == 0


def test_sources_are_largest_first_and_the_rest_together():
    rows = [("physics", 5), ("chemistry", 3), *((f"rare {i}", 1) for i in range(20))]
    sources = [name for name, n in rows for _ in range(n)]
    exam = Exam(tuple(question(i, source=name) for i, name in enumerate(sources)))
    found = find(slice_scores(exam, np.ones(len(exam))), "source")
    assert list(found)[:2] == ["physics", "chemistry"]
    assert len(found) == MAX_SOURCES
    assert list(found)[-1] == "11 others"
    assert sum(part.n for part in found.values()) == len(exam)


def test_questions_without_the_source_are_a_slice_of_their_own():
    exam = Exam((question(0, subject="physics"), question(1)))
    assert set(find(slice_scores(exam, np.ones(2)), "subject")) == {"physics", "(none)"}


def test_every_way_of_slicing_covers_every_question():
    rng = np.random.default_rng(0)
    exam = Exam(
        tuple(
            question(i, "x" * int(rng.integers(1, 40)), 5, int(rng.integers(5)), source=str(i % 3))
            for i in range(60)
        )
    )
    slices = slice_scores(exam, rng.random(60), n_resamples=200)
    ways = {part.by for part in slices}
    assert ways == {"prompt length", "source", "right option"}
    for by in ways:
        assert sum(part.n for part in slices if part.by == by) == 60

import math
from dataclasses import replace

import pytest
import torch

from llmexam.errors import ExamError, ModelError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.training.one_right import with_one_right
from llmexam.training.preflight import (
    check_evidence_cut,
    check_first_loss,
    check_stuck,
    check_training_exam,
    require_full_precision,
    require_trainable,
    without_repeats,
)
from llmexam.training.protocol import CurvePoint

WORDS = ["stars", "cells", "rocks", "waves", "atoms", "genes", "winds", "metals", "birds", "moons"]


def question(i, answer=0, prompt=None, options=None):
    word = WORDS[i % len(WORDS)]
    return Question(
        f"q{i}",
        prompt or f"Which of these {word} number {i} is known to be the {word} of all?",
        tuple(options or (f"{word} one {i}", f"{word} two {i}", f"{word} three {i}")),
        answer,
    )


def exam(*questions):
    return Exam(tuple(questions), source="train.csv")


def checks(checked):
    return [finding.check for finding in checked.findings]


def test_clean_questions_pass():
    train = exam(*(question(i, i % 3) for i in range(9)))
    checked = check_training_exam(train, {"dev": exam(question(20))})
    assert checked.train == train
    assert checks(checked) == []


def test_a_repeated_row_is_left_out():
    first = question(1)
    again = Question("other", first.prompt.upper(), first.options[::-1], 2)
    elsewhere = Question("else", first.prompt, ("x", "y", "z"), 0)
    checked = check_training_exam(exam(first, again, elsewhere), {})
    assert checked.train.ids == ("q1", "else")
    assert (checked.n_repeated, checks(checked)) == (1, ["repeated rows"])


def test_contradictions_are_told():
    first = question(1)
    other = Question("other", first.prompt, first.options, 1)
    checked = check_training_exam(exam(first, other), {})
    assert checks(checked) == ["contradictions"]
    assert len(checked.train) == 2


def near(of):
    return Question("near", f"{of.prompt} Really?", of.options, 0)


def prompt_only(of):
    return Question("prompt", of.prompt.replace(" ", "  "), ("x", "y"), 0)


@pytest.mark.parametrize("leak", [near, prompt_only], ids=["near", "prompt"])
def test_leaks_are_refused_or_dropped(leak):
    train = exam(question(1), question(2))
    graded = {"the test": exam(leak(question(2)), question(30))}
    with pytest.raises(
        ExamError,
        match=r"1 training question duplicated exactly or nearly in the test.*row 2 matches row 1",
    ):
        check_training_exam(train, graded)
    checked = check_training_exam(train, graded, drop_leaks=True)
    assert checked.train.ids == ("q1",)
    assert (checked.n_leaking, checks(checked)) == (1, ["leakage"])


def test_nothing_left_is_refused():
    train = exam(question(1))
    with pytest.raises(ExamError, match="no training questions remain"):
        check_training_exam(train, {"test": train}, drop_leaks=True)
    with pytest.raises(ExamError, match="no training questions"):
        check_training_exam(exam(), {})
    with pytest.raises(ExamError, match=r"row 1.*without an answer"):
        check_training_exam(exam(Question("a", "p", ("x", "y"))), {})


def test_unlabelled_rows_are_named():
    with pytest.raises(ExamError, match=r"train\.csv row 2 field 'answer'"):
        require_trainable(exam(question(1), replace(question(2), answer=None)))


def test_repeats_are_trained_on_once():
    first, second = question(1), question(2)
    turned = replace(first.with_option_order([2, 1, 0]), id="turned")
    spelled = replace(first, id="spelled", prompt=f"  {first.prompt}", passages=(Passage("a"),))
    other = replace(first, id="other", answer=1)
    # Signs make an option another one.
    signed = replace(first, id="signed", options=("-1", *first.options[1:]))
    unsigned = replace(first, id="unsigned", options=("1", *first.options[1:]))
    found = without_repeats(exam(first, second, turned, spelled, other, signed, unsigned))
    assert found.ids == ("q1", "q2", "other", "signed", "unsigned")
    assert without_repeats(exam(first, second)) == exam(first, second)


def test_answers_that_are_always_a_are_told():
    checked = check_training_exam(exam(*(question(i) for i in range(30))), {})
    assert checks(checked) == ["skewed answers"]


def test_sixteen_bit_weights_are_refused(tiny):
    model = tiny.tiny_model()
    require_full_precision(model)
    with pytest.raises(ModelError, match="bfloat16"):
        require_full_precision(model.to(torch.bfloat16))
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    require_full_precision(model)


def curve(*losses):
    return [CurvePoint(i + 1, {"loss": loss}) for i, loss in enumerate(losses)]


def test_the_first_loss_is_that_of_even_scores():
    assert check_first_loss(curve(1.7), [5, 5]) is None
    assert check_first_loss([], [5]) is None
    assert "3.300" in check_first_loss(curve(3.3), [5]).message
    assert check_first_loss(curve(0.75), [2, 2]) is None


def test_a_loss_that_stays_is_told():
    assert check_stuck(curve(1.61, math.log(5)), [5]).check == "stuck"
    assert check_stuck(curve(1.61, 1.4), [5]) is None


def test_cut_evidence_is_told():
    assert check_evidence_cut(0.0, 0, 10) is None
    assert check_evidence_cut(0.1, 3, 10).severity == "note"
    assert check_evidence_cut(0.9, 3, 10).severity == "warning"


def test_several_right_options_are_told_and_trained_on_by_their_first():
    several = Question("s", "Which melt?", ("sand", "ice", "wax", "tin"), 1, right=(1, 2, 3))
    all_right = Question("a", "Which burn?", ("wood", "coal"), 0, right=(0, 1))
    single = Question("o", "Which flows?", ("water", "rock"), 0)
    exam = Exam((several, all_right, single))
    checked = check_training_exam(exam, {})
    assert checked.train.ids == exam.ids
    (finding,) = [one for one in checked.findings if one.check == "several right options"]
    assert finding.rows == (1, 2)
    used = with_one_right(checked.train)
    assert [(q.id, q.options, q.answer, q.right) for q in used] == [
        ("s", ("sand", "ice"), 1, ()),
        ("o", ("water", "rock"), 0, ()),
    ]
    assert with_one_right(Exam((single,))) == Exam((single,))
    with pytest.raises(ExamError, match="no training question has a wrong option"):
        with_one_right(Exam((all_right,)))

"""Right answers of logs are read as the harness meant them, and questions are not mixed up."""

import json

import pytest
from tests.harness.test_logs import INSPECT, inspect_sample, lines, lm_eval_sample

from llmexam.errors import SubmissionError
from llmexam.evaluation.flips import find_flips
from llmexam.evaluation.grading import Resampling
from llmexam.evaluation.rankings import pack_rankings
from llmexam.exam.exam import Exam
from llmexam.exam.question import Question
from llmexam.harness.exams import exam_of, load_answers
from llmexam.harness.log import HarnessLog, LoggedAnswer
from llmexam.harness.matching import pair_by_text, places_of
from llmexam.harness.reading import read_log
from llmexam.harness.values import compare_values

NUMBERS = ["1", "2", "3", "4"]


def numbers_sample(doc_id, target, scores, **more):
    right = int(target)
    accuracy = float(scores.index(max(scores)) == right)
    return {
        **lm_eval_sample(doc_id, f"{doc_id} + 1?", right, scores, target=target),
        "doc": {"question": f"{doc_id} + 1?", "choices": NUMBERS},
        "arguments": [[f"{doc_id} + 1?", f" {letter}"] for letter in "ABCD"],
        "acc": accuracy,
        **more,
    }


def test_the_target_of_a_scored_task_is_an_index_and_not_the_text_of_an_option(tmp_path):
    path = lines(
        tmp_path / "s.jsonl",
        [
            numbers_sample(0, "2", [-3.0, -2.0, -1.0, -4.0]),
            numbers_sample(1, "3", [-3.0, -2.0, -1.0, -4.0]),
        ],
    )
    assert [one.right for one in read_log(path).answers] == [(2,), (3,)]


def test_the_reading_that_explains_acc_is_chosen_for_the_whole_log(tmp_path):
    # Here the targets are texts, as `acc` shows.
    by_text = [
        numbers_sample(0, "2", [-3.0, -1.0, -2.0, -4.0], acc=1.0),
        numbers_sample(1, "3", [-3.0, -2.0, -1.0, -4.0], acc=1.0),
        numbers_sample(2, "1", [-3.0, -2.0, -1.0, -4.0], acc=0.0),
    ]
    assert [one.right for one in read_log(lines(tmp_path / "s.jsonl", by_text)).answers] == [
        (1,),
        (2,),
        (0,),
    ]


def test_contexts_instead_of_continuations_differ_in_winogrande(tmp_path):
    doc = {
        "sentence": "The cup fits not into _.",
        "option1": "box",
        "option2": "bag",
        "answer": "2",
    }
    sample = {
        **lm_eval_sample(0, "", 0, [-2.0, -1.0, -3.0]),
        "doc": doc,
        "target": "is too big.",
        "arguments": [["The cup fits not into box", " is."], ["... into bag", " is."]],
        "filtered_resps": [["-2.0", "False"], ["-1.0", "True"]],
        "acc": 1.0,
    }
    (found,) = read_log(lines(tmp_path / "s.jsonl", [sample])).answers
    assert (found.options, found.right, found.ranking) == (("box", "bag"), (1,), (1, 0))
    sample["doc"] = {"sentence": "no options here"}
    assert read_log(lines(tmp_path / "s.jsonl", [sample])).is_choice is False


def test_several_true_answers_stay_several(tmp_path):
    targets = {"choices": ["iron", "salt", "tin"], "labels": [1, 1, 0]}
    sample = lm_eval_sample(0, "Which is solid?", 0, [-3.0, -1.0, -2.0])
    sample["doc"] = {"question": "Which is solid?", "mc2_targets": targets}
    log = read_log(lines(tmp_path / "s.jsonl", [sample]))
    assert exam_of(log)[0].right == (0, 1)
    inspect = tmp_path / "log.json"
    samples = [inspect_sample("q", "Which is solid?", ["A", "B"], "A,B")]
    inspect.write_text(json.dumps({**INSPECT, "samples": samples}))
    (question,) = exam_of(read_log(inspect))
    assert (question.right, question.answer) == ((0, 1), 0)


def test_signs_tell_options_and_questions_apart():
    assert places_of(["1", "-1", "0.5"], ["-1", "1", "0.5"]) == [1, 0, 2]
    assert places_of(["One.", "TWO"], ["two", "one"]) == [1, 0]
    assert places_of(["+1"], ["-1", "1"]) is None
    plus, minus = (Question(i, f"What is 3{i}2?", ("5", "1"), 0) for i in "+-")
    answers = [
        LoggedAnswer("a", minus.prompt, minus.options),
        LoggedAnswer("b", plus.prompt, plus.options),
    ]
    assert [one.id for one in pair_by_text([plus, minus], answers)] == ["b", "a"]
    assert pair_by_text([plus], [answers[0]] * 2) == [None]


def test_options_that_cannot_be_told_apart_are_refused(tmp_path):
    path = tmp_path / "log.json"
    sample = {**inspect_sample("q", "What?", "A", "A"), "choices": ["+1", "- 1"]}
    path.write_text(json.dumps({**INSPECT, "samples": [sample]}))
    with pytest.raises(SubmissionError, match="cannot be told apart"):
        load_answers(path, Exam((Question("q", "What?", ("-1", "1"), 0),)))


def test_free_text_of_a_scorer_is_no_list_of_letters(tmp_path):
    path = tmp_path / "log.json"
    sample = inspect_sample("q", "What?", "C", "A good choice is C.")
    path.write_text(json.dumps({**INSPECT, "samples": [sample]}))
    assert read_log(path).answers[0].ranking == (2,)


def test_values_are_paired_by_question_and_options(tmp_path):
    def log(name, options):
        answers = tuple(
            LoggedAnswer(f"{name}{i}", "Which is true?", (one, "x"), values={"acc": float(i == 1)})
            for i, one in enumerate(options)
        )
        return HarnessLog(tmp_path / name, "h", "", "", answers)

    found = compare_values(
        log("a", ["p", "q", "r"]),
        log("b", ["r", "q", "p"]),
        name_a="a",
        name_b="b",
        resampling=Resampling(100, 0, 0.95),
    )
    assert (found.n_items, found.n_better, found.n_worse) == (3, 0, 0)


def test_flips_know_several_right_options():
    exam = Exam((Question("q", "p", ("a", "b", "c"), 0, right=(0, 2)),))
    right, other, wrong = (pack_rankings([one]) for one in ([2], [0], [1]))
    assert find_flips(exam, right, other, 3) == ()
    (flip,) = find_flips(exam, wrong, other, 3)
    assert (flip.right, flip.answer) == ("b", "A C")


@pytest.mark.parametrize(
    "change",
    [
        {"output": "x"},
        {"metadata": [1]},
        {"scores": []},
        {"attachments": 3},
        {"target": None},
        {"choices": {}},
    ],
)
def test_odd_values_of_inspect_are_nothing(tmp_path, change):
    path = tmp_path / "log.json"
    sample = {**inspect_sample("q", "What?", "C", "C"), **change}
    path.write_text(json.dumps({**INSPECT, "samples": [sample]}))
    assert len(read_log(path).answers) == 1


@pytest.mark.parametrize(
    "change",
    [{"metrics": [["a"]]}, {"doc": []}, {"arguments": 1}, {"filtered_resps": {}}, {"resps": None}],
)
def test_odd_values_of_lm_eval_are_nothing(tmp_path, change):
    sample = {**lm_eval_sample(0, "What?", 0, [-1.0, -2.0, -3.0]), **change}
    assert len(read_log(lines(tmp_path / "s.jsonl", [sample])).answers) == 1


@pytest.mark.parametrize(
    "change",
    [{"output_mapping": []}, {"result": "x"}, {"result": {"completions": [1]}}],
)
def test_odd_values_of_helm_are_nothing(tmp_path, change):
    from tests.harness.test_logs import helm_file, helm_state

    state = {**helm_state("q", "What?", 0, "A"), **change}
    state["instance"]["references"].append("odd")
    state["instance"]["input"] = 4
    assert len(read_log(helm_file(tmp_path, [state])).answers) == 1

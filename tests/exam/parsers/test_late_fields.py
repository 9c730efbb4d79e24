"""Fields that first appear far into a file are read as in its first record."""

import json

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam

N = 120
PLAIN = {"question": "q", "A": "w", "B": "x", "C": "y", "D": "z"}


def written(write, *records, plain=PLAIN, container="jsonl"):
    """Return a file with many plain records before the others."""
    rows = [*[{**plain} for _ in range(N)], *records]
    text = json.dumps(rows) if container == "list" else "\n".join(map(json.dumps, rows))
    return write(text, "exam.json")


@pytest.mark.parametrize("container", ["jsonl", "list"])
def test_a_late_option_is_one(write, container):
    exam = read_exam(written(write, {**PLAIN, "E": "v", "answer": "E"}, container=container))
    assert [len(q.options) for q in exam] == [4] * N + [5]
    assert (exam[N].options[4], exam[N].answer) == ("v", 4)
    assert not exam[N].metadata


def test_a_late_answer_passage_and_id_are_known(write):
    late = {**PLAIN, "answer": "B", "passage": "text", "id": "own", "note": "n"}
    exam = read_exam(written(write, {**PLAIN, "answer": "A"}, late))
    assert exam.answers.tolist() == [-1] * N + [0, 1]
    assert [passage.text for passage in exam[N + 1].passages] == ["text"]
    assert (exam[N + 1].id, dict(exam[N + 1].metadata)) == ("own", {"note": "n"})


def test_late_fields_of_nested_questions_are_known(write):
    plain = {"question": {"stem": "q", "choices": [{"label": c, "text": c * 3} for c in "AB"]}}
    exam = read_exam(written(write, {**plain, "answerKey": "B"}, plain=plain))
    assert (len(exam), exam[N].answer) == (N + 1, 1)


def test_other_late_fields_are_metadata(write):
    exam = read_exam(written(write, {**PLAIN, "topic": "art"}))
    assert dict(exam[N].metadata) == {"topic": "art"}


def test_a_late_option_beyond_a_gap_is_an_error(write):
    with pytest.raises(ExamError, match="column 'E' is missing"):
        read_exam(written(write, {**PLAIN, "F": "v"}))


@pytest.mark.parametrize("n", [N, 1])
def test_an_answer_in_another_field_than_in_other_rows_is_a_fault(write, n):
    rows = [{**PLAIN, "label": "A"}] * n + [{**PLAIN, "answer": "B"}]
    path = write("\n".join(map(json.dumps, rows)))
    with pytest.raises(ExamError, match=r"the answer is in '(answer|label)', in other rows"):
        read_exam(path)
    exam = read_exam(path, on_faulty="skip")
    assert (set(exam.answers.tolist()), exam.n_skipped) in (({0}, 1), ({1}, n))


@pytest.mark.parametrize(
    "rows",
    [
        [
            {"passage": None, "question": "p", "options": ["x", "y"], "label": None, "answer": "A"},
            {"passage": None, "question": "q", "options": ["x", "y"], "label": "B", "answer": None},
        ],
        [
            {"question": "p", "options": ["x", "y"], "answer": "A", "answer_index": 0},
            {"question": "q", "options": ["x", "y"], "answer": "B", "answer_index": None},
            {"question": "q", "options": ["x", "y"], "answer": "", "answer_index": "A"},
        ],
        [
            {"question": "p", "options": {"A": "x", "B": "y"}, "answer_idx": "", "answer": "x"},
            {"question": "q", "options": {"A": "x", "B": "y"}, "answer_idx": "B", "answer": "y"},
        ],
    ],
)
def test_an_answer_in_the_other_field_of_a_shape_is_read(write, rows):
    assert read_exam(write(json.dumps(rows))).answers.tolist() == [0, 1, 0][: len(rows)]

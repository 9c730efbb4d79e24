"""What numbers, letters and texts mean as answers depends on the whole file."""

import json

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam

TEXTS = ["2 m", "3 m", "4 m", "5 m"]
NUMBERS = ["2", "3", "4", "5"]


def rows_of(answers, options, names=("query", "alternatives", "key")):
    """Return the records of a file; one list of options is that of all questions."""
    every = options if isinstance(options[0], list) else [options] * len(answers)
    return "\n".join(
        json.dumps(dict(zip(names, (f"q{i}", own, answer), strict=True)))
        for i, (own, answer) in enumerate(zip(every, answers, strict=True))
    )


MMLU = ("question", "choices", "answer")


@pytest.mark.parametrize("names", [MMLU, ("query", "alternatives", "key")])
@pytest.mark.parametrize("answers", [["2", "3", "5", "4"], [2, 3, 5, 4], ["2", "5"], [5]])
def test_an_answer_beyond_all_indices_shows_that_numbers_are_texts(write, names, answers):
    exam = read_exam(write(rows_of(answers, NUMBERS, names)))
    assert [q.options[q.answer] for q in exam] == list(map(str, answers))


def test_texts_in_columns_are_read_as_texts(write):
    rows = "".join(f"q{i},2,3,4,5,{answer}\n" for i, answer in enumerate("2354"))
    assert read_exam(write(f"question,A,B,C,D,answer\n{rows}")).answers.tolist() == [0, 1, 3, 2]


def test_numbers_that_fit_as_indices_and_as_texts(write):
    # Three texts that are also options are no coincidence; fewer may be.
    exam = read_exam(write(rows_of(["2", "3", "2"], NUMBERS, MMLU)))
    assert exam.answers.tolist() == [0, 1, 0]
    assert "use --answer-base 0 or 1" in exam.notes[0]
    path = write(rows_of(["2"], NUMBERS, MMLU))
    with pytest.raises(ExamError, match=r"may be indices or texts of options.*--answer-base text"):
        read_exam(path)
    assert read_exam(path, answer_base="text").answers.tolist() == [0]
    assert read_exam(path, answer_base=0).answers.tolist() == [2]
    # JSON tells an index from a text.
    exam = read_exam(write(rows_of([2], NUMBERS, MMLU)))
    assert exam.answers.tolist() == [2]
    assert "give --answer-base text" in exam.notes[0]


def test_one_file_never_mixes_indices_and_texts_of_numbers(write):
    # The last answer is no index; that it equals an option does not make it one.
    path = write(rows_of([0, 1, 2, 3, 7], [*[TEXTS] * 4, ["6", "7", "8", "9"]], MMLU))
    with pytest.raises(ExamError, match=r"row 5 .*index from 0 to 3, got 7"):
        read_exam(path)
    path = write(rows_of(["7", "8", "9", "1"], [*[["6", "7", "8", "9"]] * 3, TEXTS], MMLU))
    with pytest.raises(ExamError, match=r"row 4 .*got '1', which is no text of an option"):
        read_exam(path)
    exam = read_exam(path, on_faulty="skip")
    assert exam.answers.tolist() == [1, 2, 3]


@pytest.mark.parametrize("usual", ["red", "A"])
@pytest.mark.parametrize("stray", ["3", "4", 4, "9"])
def test_a_stray_number_among_texts_or_letters_is_a_fault(write, usual, stray):
    colours = ["red", "green", "blue", "grey"]
    path = write(rows_of([usual] * 20 + [stray], [*[colours] * 20, TEXTS]))
    with pytest.raises(ExamError, match=r"row 21 .*no indices.*--answer-base 0 or 1"):
        read_exam(path)
    exam = read_exam(path, on_faulty="skip")
    assert (exam.answers.tolist(), exam.n_skipped) == ([0] * 20, 1)


def test_a_number_among_letters_that_is_a_text_may_be_either(write):
    path = write(rows_of(["A"] * 20 + ["3"], [*[TEXTS] * 20, NUMBERS]))
    with pytest.raises(ExamError, match=r"row 21 .*may be an index or a text"):
        read_exam(path)
    assert read_exam(path, answer_base="text").answers.tolist() == [0] * 20 + [1]
    assert read_exam(path, answer_base=0).answers.tolist() == [0] * 20 + [3]


def test_letters_that_are_texts_of_other_options_are_told(write):
    exam = read_exam(write(rows_of(["A"], ["C", "A", "B", "D"])))
    assert exam.answers.tolist() == [0]
    assert "give --answer-base text" in exam.notes[0]


@pytest.mark.parametrize("blank", ["", " ", None, float("nan")])
def test_no_answer_is_no_blank_option(write, blank):
    text = rows_of(["red", blank], [["red", "", "blue"], ["x", "", "z"]])
    assert read_exam(write(text)).answers.tolist() == [0, -1]
    answer = "" if blank is None or blank != blank else blank
    text = f"prompt,A,B,C,D,answer\nq1,x,y,z,w,A\nq2,x,,z,,{answer}\n"
    assert read_exam(write(text)).answers.tolist() == [0, -1]


@pytest.mark.parametrize("unknown", [-1, "-1", -1.0])
def test_minus_one_is_an_option_only_where_answers_are_texts(write, unknown):
    options = ["-1", "7", "8", "9"]
    exam = read_exam(write(rows_of([0, 3, 2, unknown], [*[TEXTS] * 3, options])))
    assert exam.answers.tolist() == [0, 3, 2, -1]
    exam = read_exam(write(rows_of(["A", "B", unknown], [TEXTS, TEXTS, options])))
    assert exam.answers.tolist() == [0, 1, -1]
    exam = read_exam(write(rows_of(["7", "9", unknown], options)))
    assert exam.answers.tolist() == [1, 3, 0]


@pytest.mark.parametrize(
    ("answer", "options", "place"),
    [
        ("1/2", ["1 / 2", "3 / 4", "1", "2"], 0),
        ("1 + 2", ["1+2", "3", "1", "2"], 0),
        ("1,2", ["1, 2", "3, 4", "1", "2"], 0),
        ("New York", ["NewYork", "York", "New"], 0),
    ],
)
def test_a_text_is_compared_without_spaces_before_it_is_split(write, answer, options, place):
    question = read_exam(write(rows_of([answer], options)))[0]
    assert (question.answer, question.right) == (place, ())


def test_a_slash_separates_letters_only(write):
    path = write(rows_of(["1/2"], ["1/3", "3/4", "1", "2"]))
    with pytest.raises(ExamError, match=r"got '1/2'"):
        read_exam(path)
    assert read_exam(write(rows_of(["A/C"], TEXTS)))[0].right == (0, 2)


@pytest.mark.parametrize("options", [NUMBERS, ["2.0", "3.0", "4.0", "5.0"]])
@pytest.mark.parametrize("answers", [["2.0", "3.0", "5.0"], ["2", "3", "5"], [2, 3.0, 5]])
def test_whole_numbers_are_equal_with_and_without_decimals(write, answers, options):
    assert read_exam(write(rows_of(answers, options))).answers.tolist() == [0, 1, 3]


def test_an_index_that_is_also_the_text_of_its_option_needs_no_decision(write):
    exam = read_exam(write(rows_of(["2"], ["0", "1", "2", "3"], MMLU)))
    assert exam.answers.tolist() == [2]


def test_a_stray_number_among_labels_is_a_fault(write):
    choices = [{"label": label, "text": label * 3} for label in "ABCD"]
    path = write(rows_of(["A"] * 9 + ["2"], [choices] * 10, ("question", "choices", "answerKey")))
    with pytest.raises(ExamError, match=r"row 10 .*one of the labels A, B, C, D, got '2'"):
        read_exam(path)
    assert len(read_exam(path, on_faulty="skip")) == 9


@pytest.mark.parametrize("answers", [[0, 1, 2], ["0", "1.0", "2"]])
def test_a_number_is_never_a_label_in_one_row_and_an_index_in_another(write, answers):
    options = {"1": "x", "2": "y", "3": "z"}
    records = [{"question": "q", "options": options, "answer": answer} for answer in answers]
    path = write("\n".join(map(json.dumps, records)))
    with pytest.raises(ExamError, match=r"row 1 .*one of the labels 1, 2, 3, got '0'.*-base 0"):
        read_exam(path)
    assert read_exam(path, on_faulty="skip").answers.tolist() == [0, 1]
    assert read_exam(path, answer_base=0).answers.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("answer", "right"),
    [("[0]", (0,)), ("['z']", (2,)), ("array([0, 2])", (0, 2)), ("['A', 'C']", (0, 2))],
)
def test_lists_in_a_text_name_the_right_options(write, answer, right):
    others = ["B", "C"] if "A" in answer else ["[1]", "[0]"]
    exam = read_exam(write(rows_of([answer, *others], ["x", "y", "z"])))
    assert exam[0].right_options == right


def test_an_option_that_looks_like_a_list_is_none(write):
    exam = read_exam(write(rows_of(["[1, 2]"], ["[2, 3]", "[1, 2]", "[1]"])))
    assert (exam.answers.tolist(), exam.notes) == ([1], ())

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam

HEADER = "id,prompt,A,B,C,answer\n"


def test_reads_what_is_there(write):
    exam = read_exam(write(HEADER + 'q1,"Why, then?",x,"y ""z""","a\nb",B\n'))
    question = exam[0]
    assert (question.id, question.prompt) == ("q1", "Why, then?")
    assert question.options == ("x", 'y "z"', "a\nb")
    assert question.answer == 1
    assert exam.format == "kaggle"
    assert len(exam.source_hash) == 64


def test_bom_crlf_and_a_suffix_that_lies_change_nothing(write):
    text = "\ufeffid,prompt,A,B,answer\r\n0,p,x,y,A\r\n\r\n"
    exam = read_exam(write(text, "exam.jsonl"))
    assert exam.format == "kaggle"
    assert exam[0].options == ("x", "y")


def test_rows_without_ids_count_from_zero_and_without_answers_are_unlabelled(write):
    exam = read_exam(write("prompt,A,B\np,x,y\nq,x,y\n"))
    assert exam.ids == ("0", "1")
    assert exam.answers.tolist() == [-1, -1]


def test_null_words_stay_texts(write):
    exam = read_exam(write("id,prompt,A,B,C,answer,context\nNA,null,None,NA,nan,a,None\n"))
    question = exam[0]
    assert question.id == "NA"
    assert question.prompt == "null"
    assert question.options == ("None", "NA", "nan")
    assert question.passages[0].text == "None"


def test_26_options_in_any_column_order_and_metadata(write):
    letters = [chr(ord("A") + i) for i in range(26)]
    header = ",".join(["source", *reversed(letters), "answer", "prompt"])
    cells = ",".join(["wiki", *(f"o{letter}" for letter in reversed(letters)), "z", "p"])
    question = read_exam(write(f"{header}\n{cells}\n"))[0]
    assert question.options == tuple(f"o{letter}" for letter in letters)
    assert question.answer == 25
    assert dict(question.metadata) == {"source": "wiki"}


def test_blank_options_are_kept(write):
    assert read_exam(write(HEADER + "0,p,x,,y,A\n"))[0].options == ("x", "", "y")


def test_a_field_of_30_mb_is_read(write):
    big = "x" * 30_000_000
    assert len(read_exam(write(HEADER + f"0,{big},x,y,z,A\n"))[0].prompt) == 30_000_000


@pytest.mark.parametrize(
    ("text", "row", "field", "words"),
    [
        (HEADER + "0,p,x,y,z,A\n1,p,x,y,z,F\n", 2, "answer", "of A-C, got 'F'"),
        (HEADER + "0,p,x,y,z,A\n0,q,x,y,z,A\n", 2, "id", "duplicate id '0', first used in row 1"),
        (HEADER + "0,p,x,y,A\n", 1, None, "expected 6 cells as in the header, got 5"),
        (HEADER + "0,p,x,y,z,w,A\n", 1, None, "expected 6 cells as in the header, got 7"),
        (HEADER + " ,p,x,y,z,A\n", 1, "id", "blank"),
        (HEADER + '0,p,x,y,z,A\n1,"p"q,x,y,z,A\n', 2, None, "invalid CSV near line 3"),
        (HEADER + '0,"p,x,y,z,A\n', 1, None, "invalid CSV"),
        ("id,A,B,answer\n0,x,y,A\n", None, "prompt", "column 'prompt' is missing"),
        ("id,prompt,A,C,answer\n0,p,x,y,A\n", None, "B", "column 'B' is missing"),
        ("id,prompt,A,B,D,answer\n0,p,x,y,z,A\n", None, "C", "column 'C' is missing"),
        ("id,prompt,A,B,B\n0,p,x,y,z\n", None, None, "two columns have the name 'B'"),
        (HEADER, None, None, "has no questions"),
    ],
)
def test_faults_name_file_row_and_field(write, text, row, field, words):
    path = write(text)
    with pytest.raises(ExamError, match=words) as caught:
        read_exam(path)
    assert caught.value.file == str(path)
    assert caught.value.row == row
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("name", "n_questions", "n_passages"),
    [
        ("official_200.csv", 200, 0),
        ("official_200_with_context.csv", 200, 1000),
        ("official_test_unlabelled.csv", 200, 0),
        ("train_closed_book.csv", 5972, 0),
        ("train_with_context.csv", 768, 768),
    ],
)
def test_real_files(shared_data, name, n_questions, n_passages):
    exam = read_exam(shared_data / "science_exam" / name)
    assert len(exam) == n_questions
    assert sum(len(question.passages) for question in exam) == n_passages
    assert exam.is_labelled == ("unlabelled" not in name)
    assert {len(question.options) for question in exam} == {5}


def test_passages_and_options_line_up_over_two_files(shared_data):
    bare = read_exam(shared_data / "science_exam" / "official_200.csv")
    full = read_exam(shared_data / "science_exam" / "official_200_with_context.csv")
    assert bare.ids == full.ids
    assert [q.options for q in bare] == [q.options for q in full]
    assert bare.answers.tolist() == full.answers.tolist()

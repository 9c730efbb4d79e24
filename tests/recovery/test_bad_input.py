"""Files as people hand them in: each fault is one error that names file, row and field."""

import json

import pytest

from llmexam.errors import ExamError, SubmissionError
from llmexam.recovery.parsing import read_rewrites, read_rows
from llmexam.recovery.recoverers.baselines import Constant, Copy
from llmexam.recovery.submission import (
    read_prompts,
    read_submission,
    submission_text,
    validate_submission,
)

HEADER = "id,original_text,rewritten_text,rewrite_prompt\n"
ROW = "1,The cat sat.,O cat!,Make it a poem.\n"
ANSWERS = "id,rewrite_prompt\n"


def write(folder, content, name):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.fixture
def exam(tmp_path):
    return read_rewrites(write(tmp_path, f"{HEADER}{ROW}2,a,b,c\n", "exam.csv"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{ANSWERS}1,x\n2,\n", "row 2 field 'rewrite_prompt': the prompt is blank"),
        (f"{ANSWERS}1,\u200b\n2,x\n", "row 1 field 'rewrite_prompt': the prompt is blank"),
        (f"{ANSWERS}1,x\n", "field 'id': 1 of 2 rows have no prompt; the first is '2'"),
        (f"{ANSWERS}1,x\n2,y\n3,z\n", "row 3 field 'id': the exam has no row with the id '3'"),
        (f"{ANSWERS}1,x\n1,y\n", "row 2 field 'id': id '1' appears twice, first in row 1"),
        (f"{ANSWERS},x\n2,y\n", "row 1 field 'id': the id is blank"),
        (f"{ANSWERS}1 ,x\n2,y\n", "row 1 field 'id'.*'1 '. Remove the spaces around it"),
        (f"{ANSWERS}1,make it, a poem\n", "row 1: expected 2 cells.*got 3.*double quotes"),
        (f'{ANSWERS}1,"make\n2,y\n', "row 1: invalid CSV near line 3"),
        (f"{ANSWERS}1,x\0y\n2,z\n", r"NUL byte at byte offset 21 \(line 2\)"),
        ("", "the file is empty. Write a header"),
        (ANSWERS, "the file has no predictions. Add rows"),
        ("id,prompt\n1,x\n", "'rewrite_prompt' is missing; found: id, prompt"),
        ("id;rewrite_prompt\n1;x\n", "'id' is missing.*Separate the columns by commas"),
        ("id,rewrite_prompt,id\n1,x,1\n", "two columns have the name 'id'"),
        (f"{ANSWERS}1,x\n2,y\n".encode("utf-16"), "expected UTF-8, got UTF-16"),
        (ANSWERS.encode() + b"1,caf\xe9\n", r"expected UTF-8, got byte 0xe9.*line 2"),
        (b"PAR1....", "expected CSV, got Parquet"),
    ],
)
def test_a_submission(tmp_path, exam, content, message):
    path = write(tmp_path, content, "s.csv")
    with pytest.raises(SubmissionError, match=message) as caught:
        read_submission(path, exam)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["NaN", "None", "NA", "null", " nan "])
def test_what_graders_read_as_missing_is_graded_here_but_no_valid_submission(tmp_path, exam, text):
    path = write(tmp_path, f"{ANSWERS}1,x\n2,{text}\n", "s.csv")
    assert read_submission(path, exam)["2"] == text
    with pytest.raises(SubmissionError, match=r"row 2 field 'rewrite_prompt'.*missing value"):
        validate_submission(path, exam)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{HEADER}1,a, ,p\n", "row 1 field 'rewritten_text': the text is blank"),
        (f"{HEADER}1,\u200b,b,p\n", "row 1 field 'original_text': the text is blank"),
        (f"{HEADER}{ROW}2,a,b,\n", "row 2 field 'rewrite_prompt': the prompt is blank"),
        (f"{HEADER}{ROW}1,a,b,p\n", "row 2 field 'id': duplicate id '1', first used in row 1"),
        (f"{HEADER},a,b,p\n", "row 1 field 'id': the id is blank"),
        (f"{HEADER}1,a,b,c, d\n", "row 1: expected 4 cells.*got 5.*double quotes"),
        (f"{HEADER}1,a\0,b,c\n", r"NUL byte at byte offset 50 \(line 2\)"),
        (HEADER, "the file has no rows"),
        ("", "the file is empty"),
        ("id,original_text\n1,a\n", "'rewritten_text' is missing.*--field rewritten_text=COLUMN"),
        (HEADER.replace(",", ";"), "'original_text' is missing.*Separate the columns by commas"),
        ((HEADER + ROW).encode("utf-16"), "expected UTF-8, got UTF-16"),
        ((HEADER + ROW).encode() + b"2,caf\xe9,b,c\n", "byte 0xe9 at byte offset 90 .line 3."),
        (b"PAR1....", "expected CSV or JSON Lines, got Parquet"),
        ('[{"original_text": "a"}]', "got a JSON list. Write one"),
        ('{"id": 1, "original_text": NaN, "rewritten_text": "b"}', "row 1 field 'original_text'"),
        ('{"original_text": "\\ud800", "rewritten_text": "b"}', "row 1.*lone surrogate"),
        ('{"original_text": "a"', "row 1: line 1: invalid JSON"),
    ],
)
def test_an_exam(tmp_path, content, message):
    path = write(tmp_path, content, "e.csv")
    with pytest.raises(ExamError, match=message) as caught:
        read_rewrites(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_all_faults_of_a_file_are_collected(tmp_path):
    path = write(tmp_path, f"{HEADER}{ROW}1,a,b,c\n2,a, ,c\n3,a,b,c\n", "e.csv")
    found = read_rows(path)
    assert found.exam.ids == ("1", "3")
    assert found.numbers == (1, 4)
    assert [(fault.row, fault.field) for fault in found.faults] == [
        (2, "id"),
        (3, "rewritten_text"),
    ]


def test_rows_without_a_prompt_among_others(tmp_path):
    rows = [{"original_text": "a", "rewritten_text": "b", "rewrite_prompt": "p"}]
    rows.append({"original_text": "c", "rewritten_text": "d"})
    path = write(tmp_path, "\n".join(map(json.dumps, rows)), "e.jsonl")
    found = read_rows(path)
    assert (len(found.exam), [fault.row for fault in found.faults]) == (1, [2])
    with pytest.raises(ExamError, match="row 2 field 'rewrite_prompt': 1 of 2 rows have a prompt"):
        read_rewrites(path)


@pytest.mark.parametrize(
    "text",
    [
        "\u041f\u0435\u0440\u0435\u043f\u0438\u0448\u0438",
        "\u6539\u5199\u6210\u90ae\u4ef6",
        "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
        "long " * 200_000,
    ],
    ids=["Cyrillic", "Chinese", "emoji", "right to left", "1 MB"],
)
def test_texts_of_any_script_and_length_come_back_unchanged(tmp_path, text):
    path = write(tmp_path, f"{HEADER}1,{text},{text},{text}\n", "e.csv")
    exam = read_rewrites(path)
    for recoverer, expected in ((Copy(), text), (Constant(text=text), text)):
        found = [one.text for one in recoverer.recover(exam)]
        assert found == [expected]
        submission = write(tmp_path, submission_text(exam.ids, found), "s.csv")
        assert validate_submission(submission, exam) == {"1": text}


def test_answers_of_a_run(tmp_path, exam):
    answers = [{"id": "2", "answer": "y"}, {"id": "1", "answer": "x"}]
    path = write(tmp_path, json.dumps({"usage": "", "answers": answers}), "a.json")
    assert read_prompts(path, exam) == {"1": "x", "2": "y"}
    for wrong, message in (
        ({"answers": "x"}, "expected a list 'answers'"),
        ({"answers": [{"id": 1, "answer": "x"}]}, "row 1: expected the texts"),
        ({"answers": answers[:1]}, "1 of 2 rows have no prompt"),
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(SubmissionError, match=message):
            read_prompts(path, exam)

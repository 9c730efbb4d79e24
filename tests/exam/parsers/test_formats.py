import gzip
import os

import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import FORMATS, detect_format, read_exam, read_rows
from llmexam.exam.parsers.source import SourceFile

GOOD = "id,prompt,A,B,answer\n0,p,x,y,A\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "file is empty"),
        (b"\xef\xbb\xbf\r\n", "file is empty"),
        (
            b"prompt,A,B\n\xef\xf0\xe8\xe2\xe5\xf2,x,y\n",
            r"expected UTF-8, got byte 0xef at byte offset 11 \(line 2\).*--encoding",
        ),
        (b"prompt,A,B\np,x\0,y\n", "NUL byte at byte offset 14"),
        (gzip.compress(b"prompt,A,B\np,x,y\n", mtime=0)[:20], "damaged gzip archive"),
        (b"PK\x03\x04rest", "zip archive"),
        (
            b"a,b\n1,2\n",
            "cannot detect the exam format; the nearest is .*missing; found: a, b.*--field prompt=",
        ),
        (
            b"x,y\n1,2\n",
            "cannot detect the exam format: no question and .*; found: x, y.*--field prompt=",
        ),
        (b"just words\n", "cannot detect the exam format"),
        (b'{"prompt": "p", "opt\n', "line 1: invalid JSON"),
        (b"id,prediction\n0,A\n", "expected an exam, got a submission"),
    ],
)
def test_files_that_are_no_exam(write, content, words):
    path = write(content)
    with pytest.raises(ExamError, match=words) as caught:
        read_exam(path)
    assert caught.value.file == str(path)


def test_a_missing_file_names_the_nearest(write, tmp_path):
    write(GOOD, "train.csv")
    with pytest.raises(ExamError, match=r"file not found.*Did you mean .*train\.csv"):
        read_exam(tmp_path / "trian.csv")
    with pytest.raises(ExamError, match="its folder does not exist"):
        read_exam(tmp_path / "nowhere" / "train.csv")
    with pytest.raises(ExamError, match="file not found"):
        read_exam(write(GOOD) / "inside.csv")


def test_a_folder(tmp_path):
    with pytest.raises(ExamError, match="the folder contains no exam file"):
        read_exam(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_closed_file(write):
    path = write(GOOD)
    path.chmod(0)
    with pytest.raises(ExamError, match="permission denied"):
        read_exam(path)


def test_an_unknown_format_names_the_nearest(write):
    with pytest.raises(ExamError, match="Did you mean 'kaggle'"):
        read_exam(write(GOOD), format="kagle")


def test_a_form_that_does_not_fit_is_a_fault_not_a_crash(write):
    path = write(GOOD)
    for name in FORMATS:
        if name not in ("kaggle", "fields"):
            with pytest.raises(ExamError):
                read_exam(path, format=name)


def test_read_rows_goes_on_after_faults(write):
    text = "id,prompt,A,B,answer\n0,p,x,y,A\n1,p,x,y,F\n0,p,x,y,B\n2,p,x\n"
    read = read_rows(write(text))
    assert [row for row, _ in read.rows] == [1, 3]
    assert [question.id for _, question in read.rows] == ["0", "0"]
    assert [(fault.row, fault.field) for fault in read.faults] == [(2, "answer"), (4, None)]


def test_detect_format_of_a_text_is_none(write):
    assert detect_format(SourceFile.load(write("shots:\n - hello\n"))) is None


def test_json_that_cannot_be_read_is_not_taken_for_csv(tmp_path):
    path = tmp_path / "exam.jsonl"
    path.write_text('{"prompt": "p", "options": ["a", "b"], "n": ' + "9" * 5000 + "}")
    with pytest.raises(ExamError, match=r"row 1.*invalid JSON"):
        read_exam(path)


GIFT = "What is 1 + 1? { =2 ~3 }\n"


@pytest.mark.parametrize(
    ("reading", "words"),
    [
        ({"fields": {"prompt": "ask"}}, "--field does not apply to the format gift"),
        ({"answer_base": 1}, "--answer-base does not apply to the format gift"),
        ({"fields": {"bogus": "x"}}, "unknown field 'bogus'"),
    ],
)
def test_options_that_a_quiz_cannot_follow_are_refused(write, reading, words):
    path = write(GIFT, "quiz.gift")
    assert len(read_exam(path)) == 1
    with pytest.raises(ExamError, match=words):
        read_exam(path, **reading)


def test_records_inside_a_table_are_refused(write):
    path = write("prompt,A,B\np,x,y\n")
    with pytest.raises(ExamError, match="no records at 'rows': the file is a table"):
        read_exam(path, fields={"records": "rows"})

import json

import pytest

from llmexam.errors import ExamError
from llmexam.recovery.making.texts import read_texts
from llmexam.sample import REWRITES_PATH


def write(tmp_path, text, name="texts.csv"):
    (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path / name


def test_texts_of_both_formats(tmp_path):
    assert read_texts(write(tmp_path, "id,text\n1,None\n2,Ёлка\n")) == ["None", "Ёлка"]
    lines = "".join(json.dumps({"body": text}) + "\n" for text in ("NA", "漢字"))
    assert read_texts(write(tmp_path, lines, "t.jsonl"), "body") == ["NA", "漢字"]


def test_originals_of_rewrites_are_texts(sample):
    assert read_texts(REWRITES_PATH) == sample.originals


@pytest.mark.parametrize(
    ("content", "column", "message"),
    [
        ("id,body\n1,a\n", None, "no column 'original_text' or 'text'; found: id, body"),
        ("id,text\n1,a\n", "body", "no column 'body'.*--text-column"),
        ("id,text\n1,a\n2, \n", None, "row 2 field 'text': the text is blank. Remove the row"),
        ("id,text\n1,a,b\n", None, "row 1: expected 2 cells"),
        ('{"text": 1}\n', None, "row 1 field 'text': expected text, got a number"),
        ('{"body": "a"}\n', None, "row 1: no key 'original_text' or 'text'"),
        ('{"text": "\\ud800"}\n', None, "lone surrogate"),
        ("id,text\n", None, "no rows"),
        ("", None, "empty"),
        ("PAR1", None, "got Parquet"),
    ],
)
def test_bad_files_are_told(tmp_path, content, column, message):
    with pytest.raises(ExamError, match=f"texts.csv.*{message}"):
        read_texts(write(tmp_path, content), column)

from dataclasses import replace

import pytest

from llmexam.errors import ExamError
from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.recovery.writers import write_rewrites

ROWS = RewriteExam(
    (
        Rewrite("1", 'say "x", please', "two\nlines", "None", {"source": "s"}),
        Rewrite("b", "\u0430\u0431\u0432", "\U0001f600", "NA"),
    )
)


@pytest.mark.parametrize("name", ["csv", "jsonl"])
def test_what_is_written_is_read_back(tmp_path, name):
    path = tmp_path / f"rows.{name}"
    write_rewrites(path, ROWS, format=name)
    found = read_rewrites(path)
    assert found.content_hash == ROWS.content_hash
    assert [row.metadata for row in found] == [{"source": "s"}, {}]
    assert found.format == name


def test_prompts_that_are_not_known_leave_no_column(tmp_path):
    unknown = tuple(replace(row, prompt=None) for row in ROWS)
    write_rewrites(tmp_path / "rows.csv", RewriteExam(unknown))
    header = (tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header == "id,original_text,rewritten_text,source"


def test_what_cannot_be_written_is_an_error(tmp_path):
    with pytest.raises(ExamError, match=r"format 'xml'.*csv, jsonl"):
        write_rewrites(tmp_path / "x", ROWS, format="xml")
    with pytest.raises(ExamError, match="without rows"):
        write_rewrites(tmp_path / "x", ROWS.subset([]))
    assert not (tmp_path / "x").exists()

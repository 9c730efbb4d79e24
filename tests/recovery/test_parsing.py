import json

import pytest

from llmexam.errors import ExamError
from llmexam.recovery.parsing import read_rewrites
from llmexam.sample import REWRITES_PATH

HEADER = "id,original_text,rewritten_text,rewrite_prompt\n"


def write(folder, text, name="rows.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_sample_is_read():
    found = read_rewrites(REWRITES_PATH)
    assert len(found) == 60
    assert found.is_labelled
    assert len(set(found.prompts)) == 24
    assert found[0].metadata["topic"]


def test_cells_are_literal_texts(tmp_path):
    path = write(tmp_path, HEADER + '7,None,NA,null\n8,"a, b","c\nd",nan\n')
    found = read_rewrites(path)
    assert [(r.id, r.original, r.rewritten, r.prompt) for r in found] == [
        ("7", "None", "NA", "null"),
        ("8", "a, b", "c\nd", "nan"),
    ]


def test_without_prompts_and_ids(tmp_path):
    found = read_rewrites(write(tmp_path, "original_text,rewritten_text\na,b\nc,d\n"))
    assert found.ids == ("0", "1")
    assert not found.is_labelled
    with pytest.raises(ExamError, match=r"rows\.csv.*row 1.*prompt of this row is not known"):
        _ = found.prompts


def test_json_lines_and_other_names(tmp_path):
    rows = [{"key": 3, "before": "x", "after": "y", "p": "do", "source": "s"}]
    path = write(tmp_path, "\n".join(map(json.dumps, rows)), "rows.jsonl")
    names = {"id": "key", "original_text": "before", "rewritten_text": "after"}
    found = read_rewrites(path, fields={**names, "rewrite_prompt": "p"})
    assert found[0].id == "3"
    assert found[0].prompt == "do"
    assert found[0].metadata == {"source": "s"}
    assert found.format == "jsonl"


def test_several_files_are_one_exam(tmp_path):
    first = write(tmp_path, HEADER + "1,a,b,p\n", "a.csv")
    second = write(tmp_path, HEADER + "1,c,d,q\n", "b.csv")
    found = read_rewrites([first, second])
    assert found.ids == ("1:1", "2:1")
    assert found.prompts == ["p", "q"]
    assert "a.csv" in found.source
    assert "b.csv" in found.source


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + "1,a, ,p\n", r"row 1 field 'rewritten_text'.*blank"),
        (HEADER + "1,a,b,\n", r"row 1 field 'rewrite_prompt'.*blank"),
        (HEADER + "1,a,b,p\n1,c,d,q\n", r"row 2.*duplicate id '1'"),
        (HEADER + ",a,b,p\n", r"row 1 field 'id'.*blank"),
        (HEADER + "1,a,b,p,x\n", r"row 1.*expected 4 cells.*got 5"),
        (HEADER, "no rows"),
        ("id,original_text\n1,a\n", r"'rewritten_text' is missing; found: id, original_text"),
        ("", "empty"),
        ('{"id": 1, "original_text": "a"}\n', r"row 1.*'rewritten_text' is missing"),
        ('{"original_text": 3, "rewritten_text": "b"}', r"expected text, got a number"),
        (
            '{"original_text": "a", "rewritten_text": "b", "rewrite_prompt": "p"}\n'
            '{"original_text": "c", "rewritten_text": "d"}',
            r"row 2.*1 of 2 rows have a prompt",
        ),
    ],
)
def test_faults_are_named(tmp_path, text, message):
    with pytest.raises(ExamError, match=message):
        read_rewrites(write(tmp_path, text))


def test_unknown_fields_and_formats_are_named(tmp_path):
    path = write(tmp_path, HEADER + "1,a,b,p\n")
    with pytest.raises(ExamError, match="Did you mean 'original_text'"):
        read_rewrites(path, fields={"orignal_text": "x"})
    with pytest.raises(ExamError, match="unknown format 'tsv'"):
        read_rewrites(path, format="tsv")
    with pytest.raises(ExamError, match="at least 1 file"):
        read_rewrites([])


def test_a_long_text_and_other_scripts(tmp_path):
    path = write(tmp_path, HEADER + f'1,"{"x " * 500_000}",\u65e5\u672c\u8a9e,\u043f\u0440\u043e\n')
    (row,) = read_rewrites(path)
    assert len(row.original) == 1_000_000
    assert row.rewritten == "\u65e5\u672c\u8a9e"


def test_real_rows(shared_data):
    folder = shared_data / "prompt_recovery"
    found = read_rewrites([folder / "triplets.csv", folder / "triplets_more.csv"])
    assert len(found) == 6820
    assert found.is_labelled
    official = read_rewrites(folder / "official_train_1row.csv")
    assert official.ids == ("-1",)
    assert official.prompts[0].startswith("Convert this into a sea shanty")

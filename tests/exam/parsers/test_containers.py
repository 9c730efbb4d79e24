"""Kinds of files: CSV in all its forms, JSON, workbooks, compressed files, and several files."""

import bz2
import gzip
import io
import json
import lzma
import sys

import pyarrow as pa
import pytest

from llmexam.errors import ExamError
from llmexam.exam.parsers import read_exam
from llmexam.exam.parsers.source import _standard_input

HEADER = "id,prompt,A,B,C,answer\n"
ROWS = "1,p,x,y,z,A\n2,q,x,y,z,B\n"
CSV = HEADER + ROWS


def answers(exam):
    return [(q.id, q.prompt, q.options, q.answer) for q in exam]


EXPECTED = [("1", "p", ("x", "y", "z"), 0), ("2", "q", ("x", "y", "z"), 1)]


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        CSV.replace(",", ";"),
        CSV.replace(",", "\t"),
        CSV.replace(",", "|"),
        "sep=,\r\n" + CSV,
        "SEP=;\n" + CSV.replace(",", ";"),
        CSV + ",,,,,\n,,,,,\n",
        CSV.replace("id,prompt,A", "ID,Prompt,a").replace("answer", "Correct Answer"),
        CSV.replace("id,prompt", "id,question"),
        CSV.replace("\n", ",,\n"),
        CSV.replace("A,B,C", "Option 1,Option 2,Option 3"),
        CSV.replace(",A\n", ",x\n").replace(",B\n", ",y\n"),
        CSV.replace(",A\n", ",(a)\n").replace(",B\n", ",B.\n"),
    ],
)
def test_csv_as_people_write_it(write, text):
    assert answers(read_exam(write(text))) == EXPECTED


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, "zstd"])
def test_compressed_files(write, pack):
    data = (
        pa.compress(CSV.encode(), codec="zstd", asbytes=True)
        if pack == "zstd"
        else pack(CSV.encode())
    )
    exam = read_exam(write(data, "exam.csv.x"))
    assert answers(exam) == EXPECTED


def test_content_larger_than_the_limit_is_refused(write, monkeypatch):
    path = write(gzip.compress(CSV.encode() + b"\n" * 5_000_000), "exam.csv.gz")
    monkeypatch.setenv("LLMEXAM_MAX_UNPACKED", "100000")
    with pytest.raises(ExamError, match=r"larger than 100,000 bytes.*LLMEXAM_MAX_UNPACKED"):
        read_exam(path)
    monkeypatch.setenv("LLMEXAM_MAX_UNPACKED", "many")
    with pytest.raises(ExamError, match="expected a number of bytes"):
        read_exam(path)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"]
)
def test_encodings_are_recognised(write, encoding):
    text = HEADER + "1,Who was Bront\u00eb?,caf\u00e9,y,z,A\n"
    exam = read_exam(write(text.encode(encoding)))
    assert exam[0].prompt == "Who was Bront\u00eb?"
    assert bool(exam.notes) == (not encoding.startswith("utf-8"))


def test_an_encoding_can_be_given(write):
    path = write((HEADER + "1,\u54ea\u4e2a,\u7532,\u4e59,\u4e19,A\n").encode("gb18030"))
    with pytest.raises(ExamError, match=r"expected UTF-8.*--encoding"):
        read_exam(path)
    assert read_exam(path, encoding="gb18030")[0].prompt == "\u54ea\u4e2a"
    with pytest.raises(ExamError, match="unknown encoding 'gb1803'"):
        read_exam(path, encoding="gb1803")


def test_damaged_utf8_is_not_taken_for_another_encoding(write):
    text = (HEADER + "1,\u00e9\u00e8\u00ea\u00e0,x,y,z,A\n").encode()
    with pytest.raises(ExamError, match="expected UTF-8, got byte 0xff"):
        read_exam(write(text + b"2,\xff,x,y,z,A\n"))


def test_a_workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["id", "prompt", "A", "B", "C", "answer"], [1, "p", 3, 4.0, None, "B"], [None] * 6):
        sheet.append(row)
    other = book.create_sheet("other")
    other.append(["x"])
    book.save(tmp_path / "exam.xlsx")
    exam = read_exam(tmp_path / "exam.xlsx")
    assert answers(exam) == [("1", "p", ("3", "4"), 1)]
    assert "read the sheet 'Sheet', not other" in exam.notes[0]
    with pytest.raises(ExamError, match=r"there is no sheet 'othr'.*Did you mean 'other'"):
        read_exam(tmp_path / "exam.xlsx", fields={"records": "othr"})


def test_parquet_of_polars_and_pandas(tmp_path):
    import pyarrow.parquet as pq

    path = tmp_path / "exam.parquet"
    table = pa.table(
        {
            "question": pa.array(["p", "q", "r"], pa.large_string()),
            "choices": pa.array([["x", "y"]] * 3, pa.large_list(pa.large_string())),
            "answer": [0.0, float("nan"), 1.0],
            "subject": pa.array(["a", "b", "a"]).dictionary_encode(),
            "image": [{"bytes": b"1"}, None, None],
        }
    )
    pq.write_table(table, path)
    exam = read_exam(path)
    assert exam.answers.tolist() == [0, -1, 1]
    assert dict(exam[0].metadata) == {"subject": "a"}
    assert exam.notes == ("columns of binary values were left out: image",)


def test_a_parquet_file_that_grows_is_refused(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    path = tmp_path / "exam.parquet"
    table = pa.table({"question": ["p" * 1000] * 5000, "choices": [["x", "y"]] * 5000})
    pq.write_table(table, path)
    assert path.stat().st_size < 100_000
    monkeypatch.setenv("LLMEXAM_MAX_UNPACKED", "1000000")
    with pytest.raises(ExamError, match="larger than 1,000,000 bytes"):
        read_exam(path)


def test_one_large_value_in_many_rows_is_refused_early(tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    path = tmp_path / "exam.parquet"
    big = pa.array(["p" * 300_000]).dictionary_encode()
    prompts = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), big.dictionary)
    pq.write_table(pa.table({"question": prompts, "choices": [["x", "y"]] * 1000}), path)
    assert path.stat().st_size < 50_000
    monkeypatch.setenv("LLMEXAM_MAX_UNPACKED", "20000000")
    before = pa.total_allocated_bytes()
    with pytest.raises(ExamError, match="larger than 20,000,000 bytes"):
        read_exam(path)
    assert pa.total_allocated_bytes() - before < 100_000_000


@pytest.mark.parametrize(
    ("field", "words"),
    [('"\\ud800"', "lone surrogate"), ("[" * 1015 + "]" * 1015, "nested too deeply")],
)
def test_metadata_that_cannot_be_written(write, field, words):
    text = f'{{"prompt": "p", "options": ["x", "y"], "note": {field}}}'
    with pytest.raises(ExamError, match=words):
        read_exam(write(text))


@pytest.mark.parametrize(
    "value",
    [
        {
            "1": {"question": "p", "choices": ["x", "y"], "answer": 1},
            "7": {"question": "q", "choices": ["x", "y"], "answer": 0},
        },
        {
            "questions": [
                {"id": "1", "question": "p", "choices": ["x", "y"], "answer": 1},
                {"id": 7, "question": "q", "choices": ["x", "y"], "answer": 0},
            ]
        },
        {
            "title": "quiz",
            "data": {
                "test": [
                    {"id": 1, "question": "p", "choices": ["x", "y"], "answer": 1},
                    {"id": 7, "question": "q", "choices": ["x", "y"], "answer": 0},
                ]
            },
        },
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_records_inside_an_object(write, value, indent):
    exam = read_exam(write(json.dumps(value, indent=indent)))
    assert exam.ids == ("1", "7")
    assert exam.answers.tolist() == [1, 0]


def test_one_record_on_one_line(write):
    record = {"prompt": "p", "options": ["x", "y"], "passages": [{"text": "t", "id": "7"}]}
    assert read_exam(write(json.dumps(record)))[0].passages[0].id == "7"


def test_a_folder_a_pattern_and_a_list(tmp_path):
    (tmp_path / "law").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "law" / "a.csv").write_text(CSV)
    (tmp_path / "b.jsonl").write_text('{"prompt": "r", "options": ["x", "y"], "answer": "B"}')
    (tmp_path / ".git" / "c.csv").write_text(CSV)
    (tmp_path / "README.txt").write_text("About this folder.")
    exam = read_exam(tmp_path)
    assert exam.ids == ("b/0", "law/a/1", "law/a/2")
    assert exam.format == "jsonl, kaggle"
    assert exam[1].metadata["file"].endswith("a.csv")
    assert exam == read_exam(tmp_path)
    assert exam.notes == ("files whose names are not those of exams were left out: README.txt",)
    assert len(read_exam(str(tmp_path / "**" / "*.csv"))) == 2
    assert read_exam(f"{tmp_path}/b.jsonl, {tmp_path}/law/a.csv").questions == exam.questions
    assert read_exam([tmp_path / "b.jsonl", tmp_path / "law" / "a.csv"]).ids == exam.ids
    with pytest.raises(ExamError, match="no file matches"):
        read_exam(str(tmp_path / "*.parquet"))


def test_names_keep_what_tells_files_apart(tmp_path):
    (tmp_path / "a.csv").write_text(CSV)
    (tmp_path / "a.jsonl").write_text('{"prompt": "r", "options": ["x", "y"]}')
    assert read_exam(tmp_path).ids == ("a.csv/1", "a.csv/2", "a.jsonl/0")


def test_standard_input(monkeypatch):
    class Stream:
        buffer = io.BytesIO(CSV.encode())

    monkeypatch.setattr(sys, "stdin", Stream)
    _standard_input.cache_clear()
    assert answers(read_exam("-")) == EXPECTED
    assert answers(read_exam("-")) == EXPECTED
    _standard_input.cache_clear()


def test_a_tab_file_with_quotes_in_texts(write):
    exam = read_exam(write('prompt\tA\tB\n"Hi" said he\tx\ty "z"\n'))
    assert (exam[0].prompt, exam[0].options) == ('"Hi" said he', ("x", 'y "z"'))
    assert "quotes were read as part of the texts" in exam.notes


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            f"prompt,{','.join(map(chr, range(65, 91)))},AA\np{',x' * 27}",
            "'AA' is an option beyond Z",
        ),
        ("question,option1,option2,option4\np,x,y,z\n", "column 'option3' is missing"),
        (b"PK\x03\x04rest", "zip archive"),
        (b"\xd0\xcf\x11\xe0rest", "an old Office document"),
        ('{"a": 1, "a": 2, "question": "p", "choices": ["x", "y"]}', "key 'a' appears twice"),
        (
            '[{"question": "p", "choices": ["x", "y"], "choices": ["x", "z"]}]',
            "key 'choices' appears twice",
        ),
    ],
)
def test_nothing_is_lost_silently(write, text, words):
    with pytest.raises(ExamError, match=words):
        read_exam(write(text))

import bz2
import gzip
import json
import os
import time
import tracemalloc
from contextlib import suppress
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmexam.errors import CorpusError, SettingsError
from llmexam.evidence.corpus import CorpusCounts, CorpusSettings, read_corpus
from llmexam.exam.question import Passage


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def read(path: Path, **settings: object) -> list[Passage]:
    return list(read_corpus(CorpusSettings.parse({"path": path, **settings}, subject="corpus")))


def test_jsonl(tmp_path: Path):
    path = write(
        tmp_path / "c.jsonl",
        b'\xef\xbb\xbf{"id": 7, "title": "T\\nU", "text": "One."}\r\n\r\n'
        b'{"text": "Two.", "title": null}\n',
    )
    assert read(path) == [Passage("One.", "T U", "7"), Passage("Two.", "", "c:3")]


def test_null_looking_texts_stay_texts(tmp_path: Path):
    path = write(tmp_path / "c.csv", "id,text\r\n1,None\r\n2,NA\r\n3,null\r\n")
    assert [passage.text for passage in read(path)] == ["None", "NA", "null"]


def test_a_column_of_an_exam_can_be_the_corpus(tmp_path: Path):
    path = write(tmp_path / "exam.csv", 'prompt,A,B,answer,context\nWhy?,x,y,A,"Be,\nso"\n')
    expected = [Passage("Be,\nso", "", "exam:1")]
    assert read(path, fields={"text": "context"}) == expected
    assert read(path) == expected
    assert read(path, fields={"text": "prompt", "title": "A"}) == [Passage("Why?", "x", "exam:1")]


def test_tabs_and_gzip(tmp_path: Path):
    path = tmp_path / "c.tsv.gz"
    path.write_bytes(gzip.compress(b"id\ttext\na\tOne, two\n"))
    assert read(path) == [Passage("One, two", "", "a")]


def test_parquet(tmp_path: Path):
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table({"_id": [1, 2], "contents": ["One", None], "n": [1.0, 2.0]}), path)
    counts = CorpusCounts()
    assert list(read_corpus(path, counts=counts)) == [Passage("One", "", "1")]
    assert counts == CorpusCounts(n_documents=1, n_blank=1)


def test_text_is_read_in_paragraphs(tmp_path: Path):
    path = write(tmp_path / "notes.txt", "One\nline two\n\n  \nThree\n")
    assert read(path) == [Passage("One\nline two", "", "notes:1"), Passage("Three", "", "notes:2")]


def test_markdown_titles_come_from_headings(tmp_path: Path):
    text = (
        "---\nauthor: me\n---\nIntro.\n# Top #\nText.\n## Sub\n```sh\n# no heading\n```\n"
        "### Empty\n## Other\nMore.\n"
    )
    path = write(tmp_path / "guide.md", text)
    assert [(p.title, p.text) for p in read(path)] == [
        ("guide", "Intro."),
        ("Top", "Text."),
        ("Top > Sub", "```sh\n# no heading\n```"),
        ("Top > Other", "More."),
    ]
    assert [p.id for p in read(path)] == [f"guide:{n}" for n in range(1, 5)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("---\nNo end.\n\nMore text.\n", "---\nNo end.\n\nMore text."),
        ("---\nA rule, then text.\n\n---\nMore.\n", "---\nA rule, then text.\n\n---\nMore."),
        ("---\n- a\n- b\n---\nMore.\n", "---\n- a\n- b\n---\nMore."),
        ("---\na: [\n---\nMore.\n", "---\na: [\n---\nMore."),
        ("---\n" + "a: b\n" * 30_000 + "---\nMore.", "---\n" + "a: b\n" * 30_000 + "---\nMore."),
        ("---\n---\nMore.\n", "More."),
        ("---\ntitle: T\ntags: [a]\n...\nMore.\n", "More."),
        ("----\nMore.\n", "----\nMore."),
    ],
)
def test_front_matter_is_a_mapping_that_is_closed(tmp_path: Path, text: str, expected: str):
    assert [passage.text for passage in read(write(tmp_path / "c.md", text))] == [expected]


def test_a_markdown_file_without_text_counts_as_blank(tmp_path: Path):
    write(tmp_path / "a.md", "# Only\n## Headings\n")
    write(tmp_path / "b.md", "# B\nText b.")
    counts = CorpusCounts()
    assert [p.text for p in read_corpus(tmp_path, counts=counts)] == ["Text b."]
    assert counts == CorpusCounts(n_documents=1, n_blank=1)


def test_a_key_that_stands_inside_a_value_is_no_second_one(tmp_path: Path):
    row = {"text": 'A "text".', "more": {"text": "another"}, "list": [{"text": "b"}, "text"]}
    path = write(tmp_path / "c.jsonl", json.dumps(row))
    assert read(path) == [Passage('A "text".', "", "c:1")]


def test_a_named_key_that_no_row_has_is_an_error(tmp_path: Path):
    path = write(tmp_path / "c.jsonl", '{"text": "a", "key": "1"}\n{"text": "b"}\n')
    assert [p.id for p in read(path, fields={"id": "key"})] == ["1", "c:2"]
    with pytest.raises(CorpusError, match=r"field 'kye': no row has the key of the id"):
        read(path, fields={"id": "kye"})


def test_a_folder_is_read_file_by_file_in_order(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    write(tmp_path / "b.md", "# B\nText b.")
    write(tmp_path / "a.txt", "Text a.")
    write(tmp_path / "sub" / "c.jsonl", '{"id": "c", "text": "Text c."}')
    write(tmp_path / "picture.png", b"\x89PNG\xff")
    assert [(p.id, p.text) for p in read(tmp_path)] == [
        ("a.txt:1", "Text a."),
        ("b.md:1", "Text b."),
        ("c", "Text c."),
    ]
    assert [p.text for p in read(tmp_path, format="markdown")] == ["Text b."]


def test_a_format_overrules_the_suffixes_in_a_folder(tmp_path: Path):
    (tmp_path / "AA").mkdir()
    (tmp_path / ".git").mkdir()
    write(tmp_path / "AA" / "wiki_00", '{"id": "1", "text": "Mercury is hot."}')
    write(tmp_path / "AA" / "wiki_01.gz", gzip.compress(b'{"id": "2", "text": "Bees hum."}'))
    write(tmp_path / "AA" / "notes.txt", "no JSON")
    write(tmp_path / "AA" / "picture.png", b"\x89PNG\xff")
    write(tmp_path / ".git" / "HEAD", '{"id": "3", "text": "hidden"}')
    write(tmp_path / ".hidden.jsonl", '{"id": "4", "text": "hidden"}')
    assert [p.id for p in read(tmp_path, format="jsonl")] == ["1", "2"]
    assert [p.text for p in read(tmp_path)] == ["no JSON"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("enwiki-20250101-pages-articles.xml.bz2", b"BZh9"),
        ("dump.xml", b"<mediawiki xmlns='http://www.mediawiki.org/xml/export-0.11/'>"),
        ("dump.bz2", bz2.compress(b"<mediawiki version='0.11'>" + b" " * 5000)),
    ],
)
def test_a_dump_of_a_wiki_is_sent_to_the_command_that_extracts_it(tmp_path: Path, name, content):
    path = write(tmp_path / name, content)
    for place in (path, tmp_path):
        with pytest.raises(CorpusError, match=f"llmexam collect wikipedia {name}"):
            read(place)


def test_a_table_without_a_header_is_read_by_the_numbers_of_its_columns(tmp_path: Path):
    path = write(tmp_path / "collection.tsv", '0\tIt is "so.\n1\tBees hum.\n')
    fields = {"id": "1", "text": "2"}
    assert read(path, fields=fields) == [
        Passage('It is "so.', "", "0"),
        Passage("Bees hum.", "", "1"),
    ]
    with pytest.raises(CorpusError, match=r"looks like data.*--field id=1 --field text=2"):
        read(path)
    with pytest.raises(CorpusError, match="field '3': expected a column from 1 to 2"):
        read(path, fields={"text": "3"})
    table = write(tmp_path / "c.csv", '7,"a, b"\n')
    assert read(table, fields={"text": "2"}) == [Passage("a, b", "", "c:1")]
    # A column that has this name is no number.
    named = write(tmp_path / "d.csv", "1,2\nx,y\n")
    assert read(named, fields={"text": "2"}) == [Passage("y", "", "d:1")]


def test_an_id_of_an_earlier_file_gets_the_name_of_its_file(tmp_path: Path):
    one = write(tmp_path / "one.jsonl", '{"id": "1", "text": "a"}')
    two = write(tmp_path / "two.jsonl", '{"id": "1", "text": "b"}\n{"id": "2", "text": "c"}')
    assert [p.id for p in read_corpus([one, two])] == ["1", "two/1", "2"]


def test_three_files_of_one_name_share_no_id(tmp_path: Path):
    paths = []
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
        paths.append(write(tmp_path / folder / "notes.txt", f"Text {folder}."))
    assert [p.id for p in read_corpus(paths)] == ["notes:1", "notes/notes:1", "notes/notes/notes:1"]


def test_an_id_that_repeats_in_its_file_is_an_error(tmp_path: Path):
    lines = [json.dumps({"id": f"{n % 700}", "text": "x"}) for n in range(1000)]
    path = write(tmp_path / "c.jsonl", "\n".join(lines))
    with pytest.raises(CorpusError, match=r"c\.jsonl row 701 field 'id': duplicate id '0'"):
        read(path)


def test_thirty_megabytes_in_one_field(tmp_path: Path):
    path = write(tmp_path / "c.csv", "id,text\n1," + "word " * 6_000_000 + "\n2,end\n")
    assert [len(passage.text) for passage in read(path)] == [30_000_000, 3]


def test_reading_is_lazy(tmp_path: Path):
    good = "".join(json.dumps({"id": n, "text": "x"}) + "\n" for n in range(2000))
    path = write(tmp_path / "c.jsonl", good + "broken")
    documents = read_corpus(path)
    assert next(documents).id == "0"
    with pytest.raises(CorpusError, match="row 2001"):
        list(documents)


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("c.jsonl", b"", "the file is empty"),
        ("c.csv", b"", "the file is empty"),
        ("c.txt", b"\n \n", "no text"),
        ("c.jsonl", b'{"text": "a"}\n{"text": \n', "row 2: invalid JSON"),
        ("c.jsonl", b"[1]\n", "row 1: expected a JSON object"),
        ("c.jsonl", b'{"text": 3}\n', "row 1 field 'text': expected text, got int"),
        (
            "c.jsonl",
            b'{"text": "a", "id": [1]}\n',
            "field 'id': expected text or a whole number, got list",
        ),
        ("c.jsonl", b'{"id": 1, "body_": "a"}\n', "recognized as text.*Found: id, body_"),
        ("c.jsonl", b'{"text": "\xff"}\n', "row 1: expected UTF-8"),
        ("c.jsonl", b'{"text": " "}\n', "no document contains text"),
        ("c.csv", b"id,text\n1,a\n2\n", "row 2: expected 2 cells as in the header, got 1"),
        (
            "c.csv",
            b"id,text\n1,a\n2,b, c\n",
            "row 2: expected 2 cells.*got 3.*Put texts that contain commas",
        ),
        ("c.csv", b"text,title\na\n", "row 1: expected 2 cells as in the header, got 1"),
        (
            "c.tsv",
            b"id\ttext\n1\ta\tb\n",
            "row 1: expected 2 cells.*got 3.*Put texts that contain tabs",
        ),
        (
            "c.jsonl",
            b'{"text": "a", "id": 1, "text": "b"}\n',
            "row 1 field 'text': key appears twice",
        ),
        ("c.md", b"# Only\n\n## Headings\n", "no document contains text"),
        ("c.csv", b"id,text\n1,\xff\n", "expected UTF-8"),
        ("c.csv", b'id,text\n1,"a"b\n', "row 1: invalid CSV"),
        ("c.csv", b'id,text\n1,"a\n', "row 1: invalid CSV"),
        ("c.txt", b"\x80\x81", "expected UTF-8 text"),
        ("c.md", b"\x80\x81", "expected UTF-8 text"),
        ("c.parquet", b"PAR1 nonsense", "expected a Parquet file"),
        ("c.bin", b"\x00\x01", "cannot tell the format"),
    ],
)
def test_errors_say_where(tmp_path: Path, name: str, content: bytes, match: str):
    with pytest.raises(CorpusError, match=match) as caught:
        read(write(tmp_path / name, content))
    assert caught.value.file == str(tmp_path / name)


def test_missing_paths_columns_and_settings(tmp_path: Path):
    with pytest.raises(CorpusError, match="file or folder not found"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(CorpusError, match="no file in a known format"):
        read(tmp_path)
    path = write(tmp_path / "c.csv", "context,id\na,1\n")
    with pytest.raises(CorpusError, match=r"field 'contxt'.*Did you mean 'context'"):
        read(path, fields={"text": "contxt"})
    with pytest.raises(SettingsError, match="Did you mean 'title'"):
        read(path, fields={"titel": "context"})
    with pytest.raises(SettingsError, match="format"):
        read(path, format="xml")


def test_real_corpora(shared_data: Path):
    counts = CorpusCounts()
    names = ("openstax_passages_19324.jsonl", "wikipedia_passages_979.jsonl")
    paths = [shared_data / "corpus" / name for name in names]
    documents = list(read_corpus(paths, counts=counts))
    assert len(documents) == counts.n_documents == 20_303
    assert len({passage.id for passage in documents}) == 20_303


@pytest.mark.parametrize("field", ["id", "title", "text"])
def test_half_characters_are_refused(tmp_path: Path, field: str):
    records = [{"text": "whole: \u00e9"}, {"id": "a", "title": "b", "text": "c", field: "x\ud800"}]
    path = write(tmp_path / "c.jsonl", "\n".join(json.dumps(record) for record in records))
    with pytest.raises(CorpusError, match=f"row 2 field '{field}': incomplete character"):
        read(path)


@pytest.mark.parametrize("name", ["c.jsonl.gz", "c.csv.gz", "c.txt.gz"])
@pytest.mark.parametrize("harm", ["no gzip", "cut", "changed"])
def test_damaged_archives_are_named(tmp_path: Path, name: str, harm: str):
    lines = "".join(f'{{"text": "line {i}"}}\n' for i in range(3000))
    if "csv" in name:
        lines = "text\n" + lines.replace(",", "").replace('"', "")
    content = bytearray(gzip.compress(lines.encode()))
    if harm == "no gzip":
        content = bytearray(b"plain text")
    elif harm == "cut":
        content = content[:-200]
    else:
        content[len(content) // 2] ^= 255
    with pytest.raises(CorpusError, match=r"c\.\w+\.gz"):
        read(write(tmp_path / name, bytes(content)))


def test_a_parquet_file_damaged_inside_is_named(tmp_path: Path):
    path = tmp_path / "c.parquet"
    pq.write_table(pa.table({"text": [f"text {i}" for i in range(5000)]}), path)
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xff" * 396
    with pytest.raises(CorpusError, match=r"c\.parquet"):
        read(write(path, bytes(content)))


@pytest.mark.parametrize("name", ["c.txt", "c.md", "c.csv", "c.jsonl"])
def test_texts_with_nul_characters_are_refused(tmp_path: Path, name: str):
    path = write(tmp_path / name, "text\nlight".encode("utf-16-le"))
    with pytest.raises(CorpusError, match="NUL"):
        read(path)


def test_two_columns_of_one_name_are_refused(tmp_path: Path):
    path = write(tmp_path / "c.csv", "text,text,x,x\na,b,c,d\n")
    with pytest.raises(CorpusError, match="two columns have the name 'text'"):
        read(path)


def test_a_number_of_thousands_of_digits_is_no_traceback(tmp_path: Path):
    path = write(tmp_path / "c.jsonl", '{"text": "a", "n": ' + "9" * 5000 + "}")
    with pytest.raises(CorpusError, match="row 1"):
        read(path)


@pytest.mark.parametrize("line", ["# a" + " " * 100_000 + "b", "#" * 100_000, "# " * 50_000])
def test_long_headings_take_no_time(tmp_path: Path, line: str):
    (tmp_path / "a.md").write_text(f"{line}\ntext\n")
    start = time.monotonic()
    assert len(list(read_corpus(tmp_path / "a.md"))) == 1
    assert time.monotonic() - start < 1


def test_a_closing_mark_of_a_heading_is_set_apart(tmp_path: Path):
    (tmp_path / "a.md").write_text("# C#\nA language.\n## Music ##\nNotes.\n## ##\nNothing.\n")
    titles = [document.title for document in read_corpus(tmp_path / "a.md")]
    assert titles == ["C#", "C# > Music", "C# >"]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path):
    for name in ("notes/a.txt", ".git/logs.txt", "notes/.cache/b.txt", ".draft.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name, "Seen." if name == "notes/a.txt" else "Hidden.")
    assert [one.text for one in read(tmp_path)] == ["Seen."]


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.txt", "a.md", "a.jsonl.gz"])
def test_a_record_that_is_too_long_is_told_with_its_setting(tmp_path: Path, name: str):
    line = b'{"text": "' + b"x " * 700_000 + b'"}\n'
    content = b'text\n"' + b"x\n" * 700_000 + b'"\n' if ".csv" in name else line
    content = b"a line\n" * 200_000 if name in ("a.txt", "a.md") else content
    path = write(tmp_path / name, gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(CorpusError, match="max_record_mb"):
        read(path, max_record_mb=1)
    assert len(read(path)) == 1


def test_a_small_packed_file_that_expands_much_is_told(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("llmexam.evidence.packed._FREE_BYTES", 1_000_000)
    path = write(tmp_path / "a.jsonl.gz", gzip.compress(b'{"text": "word"}\n' * 200_000))
    with pytest.raises(CorpusError, match="max_expansion"):
        read(path, max_expansion=20)


@pytest.mark.slow
def test_repeated_long_texts_of_a_parquet_file_are_held_once(tmp_path: Path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": ["x" * 1_000_000] * 1000}), path)
    assert path.stat().st_size < 5_000_000
    tracemalloc.start()
    n = sum(len(passage.text) for passage in islice(read_corpus(path), 60))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n == 60_000_000
    assert peak < 150_000_000


@pytest.mark.parametrize("place", [0.2, 0.5, 0.9, 0.99])
def test_a_damaged_parquet_file_is_one_error(tmp_path: Path, place: float):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": [f"text {i}" for i in range(2000)]}), path)
    content = bytearray(path.read_bytes())
    for number in range(25):
        changed = content.copy()
        at = int(place * len(content)) + number
        changed[min(at, len(content) - 1)] ^= 0xFF
        path.write_bytes(changed)
        with suppress(CorpusError):
            read(path)


def test_a_file_name_that_is_not_utf8_is_told(tmp_path: Path):
    try:
        write(tmp_path / os.fsdecode(b"\xff.txt"), "Gold.")
    except (OSError, UnicodeError):
        pytest.skip("this file system has names in UTF-8 only")
    with pytest.raises(CorpusError, match="not UTF-8"):
        read(tmp_path)

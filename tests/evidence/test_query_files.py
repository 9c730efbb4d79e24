from pathlib import Path

import pytest

from llmexam.errors import CorpusError
from llmexam.evidence.query_files import read_queries


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        (
            "queries.jsonl",
            '{"_id": "q1", "text": "Why?", "metadata": {}}\n\n{"id": 7, "query": "How?"}\n',
            {"q1": "Why?", "7": "How?"},
        ),
        ("queries.tsv", '12\tWhy is "it" so?\n7\tHow?\n', {"12": 'Why is "it" so?', "7": "How?"}),
        ("queries.tsv", "query-id\ttext\nq1\tWhy?\r\n", {"q1": "Why?"}),
        ("queries.txt", "\ufeffWhy?\n\n How? \n", {"1": "Why?", "2": "How?"}),
    ],
)
def test_queries_of_usual_files(tmp_path: Path, name: str, content: str, expected: dict[str, str]):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert read_queries(path) == expected


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "q.jsonl",
            b'{"_id": "a", "text": "b"}\n{"_id": "a", "text": "c"}',
            "row 2.*duplicate id 'a'",
        ),
        ("q.jsonl", b'{"text": "b"}', "row 1: expected a query with an id"),
        ("q.jsonl", b"[1]", "row 1: expected a JSON object"),
        ("q.jsonl", b"{", "row 1: invalid JSON"),
        ("q.tsv", b"id text\n", "row 1: expected id and text with a tab"),
        ("q.tsv", b"id\t \n1\t \n", "row 2: the query is blank"),
        ("q.txt", b"\n", "no queries"),
        ("q.txt", b"\xff", "UTF-8"),
    ],
)
def test_errors_say_where(tmp_path: Path, name: str, content: bytes, said: str):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=said):
        read_queries(path)
    with pytest.raises(CorpusError, match="not found"):
        read_queries(tmp_path / "none.jsonl")

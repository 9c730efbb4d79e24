import json

import pytest

from llmexam.authoring.sources import read_sources

ROWS = [
    {"id": "enwiki:12:0", "title": "Opal", "text": "Opal is a mineraloid."},
    {"id": "enwiki:12:1", "title": "Opal", "text": "Its water content is 3 to 21 percent."},
    {"id": "7", "title": "Salt", "text": "Salt is a mineral."},
    {"id": "8", "title": "", "text": "Ice is solid water."},
]


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.mark.parametrize(
    ("cluster_by", "clusters"),
    [
        ("auto", ["enwiki:12", "enwiki:12", "Salt", "8"]),
        ("id", ["enwiki:12", "enwiki:12", "7", "8"]),
        ("title", ["Opal", "Opal", "Salt", "8"]),
        ("passage", ["enwiki:12:0", "enwiki:12:1", "7", "8"]),
    ],
)
def test_the_article_of_a_passage(corpus, cluster_by, clusters):
    sources = list(read_sources([corpus], cluster_by))

    assert [source.cluster for source in sources] == clusters
    assert [source.passage.text for source in sources] == [row["text"] for row in ROWS]


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_without_ids_are_not_one_article(tmp_path):
    rows = [{"text": "One."}, {"text": "Two.", "title": "Two"}, {"text": "Three."}]
    path = written(tmp_path / "book.jsonl", rows)

    assert [source.cluster for source in read_sources([path])] == ["book:1", "Two", "book:3"]


def test_the_name_of_a_file_before_repeated_ids_is_no_article(tmp_path):
    rows = [{"id": str(i), "text": f"Text {i}."} for i in range(3)]
    first, second = (written(tmp_path / name, rows) for name in ("a.jsonl", "b.jsonl"))

    sources = list(read_sources([first, second]))

    assert [source.passage.id for source in sources] == ["0", "1", "2", "b/0", "b/1", "b/2"]
    assert [source.cluster for source in sources] == ["0", "1", "2", "b/0", "b/1", "b/2"]


def test_paragraphs_of_a_text_file_are_one_article(tmp_path):
    (tmp_path / "opal.txt").write_text("Opal is a mineraloid.\n\nIt holds water.\n")

    assert {source.cluster for source in read_sources([tmp_path / "opal.txt"])} == {"opal"}

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

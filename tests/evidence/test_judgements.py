from math import log2
from pathlib import Path

import pytest

from llmexam.errors import CorpusError
from llmexam.evidence.cranfield import read_cranfield
from llmexam.evidence.index.sparse import SparseIndex
from llmexam.evidence.judgements import judge, ndcg_at_k, read_qrels, recall_at_k, reciprocal_rank

DOCUMENTS = """.I 1
.T
flow past
a wing
.A
smith,j.
.B
j. ae. scs. 25
.W
flow past
a wing
  the flow is slow .
.I 2
.T
.A
.B
.W
.I 3
.T
heat
.W
heat in slabs .
.I 1401
.W
not judged
"""


def test_hand_worked_measures():
    assert recall_at_k(["a", "b"], ["b", "c"], 2) == 0.5
    assert recall_at_k(["a"], [], 2) == 0
    assert reciprocal_rank(["x", "y", "b"], ["b"]) == pytest.approx(1 / 3)
    assert reciprocal_rank([], ["b"]) == 0
    dcg = 1 + 3 / log2(4)
    assert ndcg_at_k(["b", "x", "a"], {"a": 3, "b": 1, "c": 0}) == pytest.approx(
        dcg / (3 + 1 / log2(3))
    )
    assert ndcg_at_k(["a"], {"a": 0}) == 0


def test_passages_count_as_their_documents():
    rankings = {"1": ["x#0", "a#3", "a#1", "b#0"], "2": ["y"]}
    judgements = {"1": {"a": 1, "b": 2, "x": 0}, "2": {"z": 1}, "3": {"q": 0}, "4": {"m": 1}}
    quality = judge(rankings, judgements, cutoffs=(2, 3))
    assert quality.n_queries == 3
    assert quality.recall == {2: pytest.approx(0.5 / 3), 3: pytest.approx(1 / 3)}
    assert quality.mrr == pytest.approx(0.5 / 3)
    assert quality.as_dict()["recall@3"] == pytest.approx(1 / 3)
    assert judge({}, {}).mrr == 0


def test_qrels(tmp_path: Path):
    path = tmp_path / "q"
    path.write_text("query-id\tcorpus-id\tscore\nq1 0 d1 1\nq1 d2 0\n\nq2 0 d1 2\n")
    assert read_qrels(path) == {"q1": {"d1": 1, "d2": 0}, "q2": {"d1": 2}}
    path.write_text("q1 0 d1 1\nq1 0 d2 yes\n")
    with pytest.raises(CorpusError, match="row 2"):
        read_qrels(path)
    path.write_text("\n")
    with pytest.raises(CorpusError, match="no judgement"):
        read_qrels(path)
    path.write_bytes(b"\xff")
    with pytest.raises(CorpusError, match="UTF-8"):
        read_qrels(path)


def test_cranfield_numbers_and_grades(tmp_path: Path):
    (tmp_path / "cran.all.1400").write_text(DOCUMENTS)
    (tmp_path / "cran.qry").write_text(".I 001\n.W\nhow is\nflow ?\n.I 009\n.W\nheat ?\n")
    (tmp_path / "cranqrel").write_text("1 1 1 \n2 3 4\n2 1 -1")
    collection = read_cranfield(tmp_path)
    assert [(d.id, d.title, d.text) for d in collection.documents] == [
        ("1", "flow past a wing", "the flow is slow ."),
        ("3", "heat", "in slabs ."),
    ]
    assert collection.queries == {"1": "how is flow ?", "2": "heat ?"}
    assert collection.judgements == {"1": {"1": 4}, "2": {"3": 1, "1": 0}}
    (tmp_path / "cranqrel").write_text("7 1 1\n")
    with pytest.raises(CorpusError, match="query 7"):
        read_cranfield(tmp_path)
    (tmp_path / "cran.qry").unlink()
    with pytest.raises(CorpusError, match="file not found"):
        read_cranfield(tmp_path)


def test_bm25_on_the_real_collection(shared_data: Path, tmp_path: Path):
    collection = read_cranfield(shared_data / "cranfield")
    assert len(collection.documents) == 1398
    assert len(collection.queries) == len(collection.judgements) == 225
    index = SparseIndex.build(tmp_path / "index", collection.documents)
    found = index.search(list(collection.queries.values()), 100)
    rankings = {
        query: [p.id for p in ps] for query, ps in zip(collection.queries, found, strict=True)
    }
    quality = judge(rankings, collection.judgements)
    # bm25s 0.3.16 with its defaults has 0.369, 0.704 and 0.495 here.
    assert quality.recall[10] > 0.38
    assert quality.recall[100] > 0.72
    assert quality.mrr > 0.51

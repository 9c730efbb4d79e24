from pathlib import Path

import pytest

from llmexam.errors import CorpusError, EvidenceIndexError, SettingsError
from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.retrieval.build import build_index
from llmexam.retrieval.search import (
    attach_evidence,
    search_exam,
    search_exam_file,
    search_index,
)
from llmexam.sample import CORPUS_PATH


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "index"
    build_index(CORPUS_PATH, folder)
    return folder


@pytest.fixture
def exam() -> Exam:
    return Exam(
        (
            Question("sky", "Why is the sky blue?", ("scattering", "absorption")),
            Question("own", "What?", ("a", "b"), passages=(Passage("given"),)),
        )
    )


def test_queries_are_searched_and_named(index: Path):
    summary = search_index(index, ["blue sky", "Hardy-Weinberg"], k=2)
    assert [(one.id, one.query) for one in summary.found] == [
        ("1", "blue sky"),
        ("2", "Hardy-Weinberg"),
    ]
    assert summary.found[1].passages[0].title == "Hardy-Weinberg principle"
    assert len(summary.found[0].passages) == 2
    assert summary.quality is None
    assert summary.as_dict()["found"][0]["passages"][0]["id"]


def test_two_indexes_are_fused(index: Path, tmp_path: Path):
    corpus = tmp_path / "c.txt"
    corpus.write_text("The blue sky of Vienna.")
    build_index(corpus, tmp_path / "other")
    (one,) = search_index([index, tmp_path / "other"], ["blue sky"], k=3).found
    assert {passage.id for passage in one.passages} > {"c:1#0"}
    assert one.passages[0].score == pytest.approx(1 / 61)


def test_judgements_measure_the_ranking(index: Path, tmp_path: Path):
    qrels = tmp_path / "qrels"
    right = search_index(index, {"q": "blue sky"}, k=1).found[0].passages[0].id
    qrels.write_text(f"q 0 {right.removesuffix('#0')} 1\nother 0 x 1\n")
    summary = search_index(index, {"q": "blue sky", "r": "zzz"}, k=1, judgements=qrels)
    assert summary.quality is not None
    assert summary.quality.n_queries == 1
    assert summary.quality.mrr == 1
    assert len(summary.found[0].passages) == 1
    qrels.write_text("other 0 x 1\n")
    with pytest.raises(CorpusError, match="none of the queries has a judgement"):
        search_index(index, {"q": "blue sky"}, judgements=qrels)


def test_the_sample_exam_finds_its_evidence(index: Path):
    qrels = CORPUS_PATH.with_name("judgements.qrels")
    quality = search_exam_file(index, "bundled", judgements=qrels).quality
    assert quality is not None
    assert quality.n_queries > 50
    assert quality.recall[10] > 0.95


def test_an_exam_is_searched_whatever_it_was_given(index: Path, exam: Exam):
    summary = search_exam(index, exam, query_form="each-option", k=2)
    assert [one.id for one in summary.found] == ["sky", "own"]
    assert "given" not in [p.text for one in summary.found for p in one.passages]


def test_attach_evidence_keeps_what_was_given(index: Path, exam: Exam):
    found = attach_evidence(exam, index, k=3)
    assert [len(question.passages) for question in found] == [3, 1]
    assert len(attach_evidence(exam, index, k=3, given="append")[1].passages) >= 1


def test_bad_requests(index: Path, tmp_path: Path):
    with pytest.raises(SettingsError, match="no query"):
        search_index(index, [])
    with pytest.raises(EvidenceIndexError, match="not an index"):
        search_index(tmp_path, ["x"])

import json
from pathlib import Path

import pytest

from llmexam.errors import CorpusError, EvidenceIndexError, IndexMismatchError, SettingsError
from llmexam.evidence.chunking import ChunkSettings
from llmexam.evidence.corpus import CorpusSettings
from llmexam.evidence.index.manifest import read_manifest
from llmexam.evidence.index.opening import open_index
from llmexam.retrieval.build import (
    add_to_index,
    build_index,
    chunk_settings,
    corpus_settings,
    delete_from_index,
    read_ids,
)
from llmexam.storage.hashing import hash_file


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "metals.jsonl"
    rows = [
        {"id": "gold", "title": "Gold", "text": "Gold is dense. It never rusts."},
        {"id": "iron", "title": "Iron", "text": "Iron rusts."},
        {"id": "blank", "text": " "},
        {"id": "again", "text": "IRON  rusts."},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_build_counts_and_records(corpus: Path, tmp_path: Path):
    seen: list[int] = []
    summary = build_index(
        corpus, tmp_path / "i", chunking=ChunkSettings(tokens=3, overlap=0), progress=seen.append
    )
    assert (summary.n_documents, summary.n_blank, summary.n_duplicates) == (3, 1, 1)
    assert (summary.n_written, summary.n_passages, summary.kind) == (3, 3, "sparse")
    assert seen == [3]
    manifest = read_manifest(tmp_path / "i")
    assert manifest.chunking == {"tokens": 3, "overlap": 0}
    assert [(s.name, s.sha256) for s in manifest.sources] == [("metals.jsonl", hash_file(corpus))]
    assert manifest.content_hash == summary.content_hash
    found = open_index(tmp_path / "i").search(["rust"], 9)[0]
    assert {passage.id for passage in found} == {"gold#1", "iron#0"}


def test_whole_documents_and_duplicates_can_be_kept(corpus: Path, tmp_path: Path):
    summary = build_index([corpus], tmp_path / "i", chunking=None, deduplicate=False)
    assert summary.n_passages == 3
    found = open_index(tmp_path / "i").search(["iron"], 9)[0]
    assert {passage.id for passage in found} == {"iron", "again"}


def test_the_same_corpus_gives_the_same_hash(corpus: Path, tmp_path: Path):
    one = build_index(corpus, tmp_path / "one")
    assert build_index(corpus, tmp_path / "two").content_hash == one.content_hash
    other = build_index(corpus, tmp_path / "three", chunking=None)
    assert other.content_hash != one.content_hash


def test_add_and_delete(corpus: Path, tmp_path: Path):
    build_index(corpus, tmp_path / "i", chunking=ChunkSettings(tokens=3, overlap=0))
    more = tmp_path / "more.jsonl"
    more.write_text('{"id": "gold", "text": "Gold melts. It is soft. And rare."}')
    summary = add_to_index(more, tmp_path / "i")
    assert (summary.n_written, summary.n_passages) == (3, 4)
    assert [s.name for s in read_manifest(tmp_path / "i").sources] == ["metals.jsonl", "more.jsonl"]
    assert delete_from_index(tmp_path / "i", ["gold", "nothing"]) == 3
    with pytest.raises(IndexMismatchError, match=r"chunking.*'tokens': 3"):
        add_to_index(more, tmp_path / "i", chunking=ChunkSettings())


def test_a_failed_build_leaves_no_folder(corpus: Path, tmp_path: Path):
    with corpus.open("a") as stream:
        stream.write("\nnot json")
    with pytest.raises(CorpusError, match="row 5"):
        build_index(corpus, tmp_path / "i")
    assert [path.name for path in tmp_path.iterdir()] == ["metals.jsonl"]


def test_bad_requests(corpus: Path, tmp_path: Path):
    with pytest.raises(SettingsError, match="unknown kind of index 'spare'"):
        build_index(corpus, tmp_path / "i", kind="spare")  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="no corpus"):
        build_index([], tmp_path / "i")
    with pytest.raises(CorpusError, match="file or folder not found"):
        build_index(tmp_path / "none.csv", tmp_path / "i")
    with pytest.raises(EvidenceIndexError, match="not an index"):
        add_to_index(corpus, tmp_path / "none")


def test_settings_from_texts(tmp_path: Path):
    assert corpus_settings(["a.csv"], fields={"text": "context"}) == [
        CorpusSettings(path=Path("a.csv"), fields={"text": "context"})
    ]
    assert corpus_settings(["bundled"])[0].path.is_file()
    with pytest.raises(SettingsError, match="overlap"):
        chunk_settings(10, 10)
    ids = tmp_path / "ids.txt"
    ids.write_bytes(b"\xef\xbb\xbfa\r\n\r\n b \r\n")
    assert read_ids(ids) == ["a", "b"]
    ids.write_text(" \n")
    with pytest.raises(CorpusError, match="no id"):
        read_ids(ids)

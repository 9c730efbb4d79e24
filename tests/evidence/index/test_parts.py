"""Indexes in parts: scores as of one index, changes part by part, resumed builds, damage."""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

import pytest

from llmexam.errors import CorruptIndexError, EvidenceIndexError
from llmexam.evidence.corpus import read_corpus
from llmexam.evidence.index import sparse_files
from llmexam.evidence.index.files import index_hash
from llmexam.evidence.index.manifest import read_manifest
from llmexam.evidence.index.opening import build_index_parts, open_index, verify_index
from llmexam.evidence.index.parts.index import PartedIndex
from llmexam.evidence.index.parts.local import local_runner
from llmexam.evidence.index.parts.part import build_part
from llmexam.evidence.index.parts.passages_files import PassagesFile, cut_evenly, write_passages
from llmexam.evidence.index.parts.sparse import SparseParts
from llmexam.evidence.index.sparse import SparseIndex
from llmexam.evidence.index.writer import IndexWriter
from llmexam.exam.question import Passage
from llmexam.sample import CORPUS_PATH

WHOLE = None
CHUNKED = {"tokens": 200, "overlap": 40}


def real_passages() -> list[Passage]:
    """Return passages of the sample corpus; some repeat with other ids, all over the corpus."""
    passages = list(read_corpus(CORPUS_PATH))
    dice = random.Random(3)
    again = [Passage(p.text, p.title, f"again-{p.id}") for p in dice.sample(passages, 40)]
    mixed = passages + again
    dice.shuffle(mixed)
    return mixed


PASSAGES = real_passages()
QUERIES = [p.text for p in PASSAGES[::7]] + [
    " ".join(p.text.split()[:n]) for n, p in enumerate(PASSAGES[:60], 1)
]


def built(folder: Path, passages: Sequence[Passage], n_parts: int, **options) -> PartedIndex:
    found = build_index_parts(
        options.pop("kind", "sparse"),
        folder,
        iter(passages),
        n_parts=n_parts,
        key={"passages": len(passages)},
        **options,
    )
    assert len(found.manifest.parts) == min(n_parts, len(passages))
    index = open_index(folder, encoder=options.get("encoder"))
    assert isinstance(index, PartedIndex)
    return index


def names(index: PartedIndex) -> list[str]:
    return [part.name for part in index.manifest.parts]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> SparseIndex:
    return SparseIndex.build(tmp_path_factory.mktemp("one") / "index", PASSAGES)


@pytest.mark.parametrize("n_parts", [1, 2, 3, 7])
def test_scores_and_ties_equal_those_of_one_index(tmp_path: Path, one: SparseIndex, n_parts: int):
    index = built(tmp_path / "index", PASSAGES, n_parts)
    assert len(index) == len(PASSAGES)
    sizes = [part.n_passages for part in index.manifest.parts]
    assert max(sizes) - min(sizes) <= 1
    # Scores are equal to the last bit, and repeated passages stand in the same order.
    found = one.search(QUERIES, 10)
    assert any(a.score == b.score for hits in found for a, b in itertools.pairwise(hits))
    assert index.search(QUERIES, 10) == found
    assert index.search(QUERIES, len(PASSAGES)) == one.search(QUERIES, len(PASSAGES))


def test_uneven_parts_score_as_one_index(tmp_path: Path, one: SparseIndex):
    index = built(tmp_path / "index", PASSAGES[:10], 2)
    index.replace_part("part-00001", PASSAGES[5:-3])
    index.add(PASSAGES[-3:])
    assert [part.n_passages for part in index.manifest.parts] == [5, len(PASSAGES) - 8, 3]
    assert index.search(QUERIES, 10) == one.search(QUERIES, 10)


def test_more_parts_than_passages_and_no_passages(tmp_path: Path):
    assert len(built(tmp_path / "index", PASSAGES[:3], 7)) == 3
    with pytest.raises(EvidenceIndexError, match="no passages"):
        built(tmp_path / "other", [], 7)
    with pytest.raises(EvidenceIndexError, match="expected 1 to 10,000 parts, got 20,000"):
        built(tmp_path / "other", PASSAGES, 20_000)


def test_each_part_is_an_index_of_its_own(tmp_path: Path):
    index = built(tmp_path / "index", PASSAGES, 3)
    found = open_index(tmp_path / "index" / "part-00001")
    third = len(PASSAGES) // 3
    assert len(found) == index.manifest.parts[1].n_passages
    assert [p.id for p in found.search([PASSAGES[third].text], 1)[0]] == [PASSAGES[third].id]
    assert index.manifest.parts[1].content_hash == found.manifest.content_hash
    with pytest.raises(EvidenceIndexError, match="k of at least 1"):
        index.search(["gold"], 0)


@pytest.mark.parametrize("chunking", [WHOLE, CHUNKED])
def test_added_documents_replace_those_of_other_parts(tmp_path: Path, chunking: dict | None):
    suffix = "#0" if chunking else ""
    passages = [Passage(p.text, p.title, f"{n}{suffix}") for n, p in enumerate(PASSAGES)]
    index = built(tmp_path / "index", passages, 4, chunking=chunking)
    new = [
        Passage("Zinc melts at a low temperature.", "Zinc", "zinc" + suffix),
        Passage("An other text.", "", passages[0].id),
        Passage("Again an other text.", "", passages[-1].id),
    ]
    assert index.add(new) == 3
    assert names(index) == ["part-00000", "part-00001", "part-00002", "part-00003", "part-00004"]
    # Deleted passages no longer count: all scores are those of an index of what is left.
    fresh = SparseIndex.build(tmp_path / "one", [*passages[1:-1], *new], chunking=chunking)
    assert index.search(QUERIES, 10) == fresh.search(QUERIES, 10)
    again = SparseParts.open(tmp_path / "index")
    assert again.search(QUERIES, 10) == fresh.search(QUERIES, 10)
    assert len(again) == again.manifest.n_passages == len(passages) + 1


def test_a_replaced_and_a_removed_part(tmp_path: Path):
    index = built(tmp_path / "index", PASSAGES, 3)
    first, second, third = (part.n_passages for part in index.manifest.parts)
    # A document of the first part moves to the second.
    new = [*PASSAGES[first : first + 5], PASSAGES[0]]
    assert index.replace_part("part-00001", new) == 6
    rest = [*PASSAGES[1:first], *new, *PASSAGES[-third:]]
    fresh = SparseIndex.build(tmp_path / "one", rest)
    assert index.search(QUERIES, 10) == fresh.search(QUERIES, 10)
    assert index.remove_part("part-00000") == first - 1
    assert names(index) == ["part-00001", "part-00002"]
    assert second > 6
    index.remove_part("part-00001")
    assert len(index) == third
    with pytest.raises(EvidenceIndexError, match="no passage would be left"):
        index.remove_part("part-00002")
    with pytest.raises(EvidenceIndexError, match=r"no part 'part-00003'.*part-00002"):
        index.replace_part("part-00003", new)
    assert len(SparseParts.open(tmp_path / "index")) == third
    assert {path.name for path in (tmp_path / "index").glob("part-*[0-9]")} == {"part-00002"}


def test_delete_takes_documents_before_passages_in_all_parts(tmp_path: Path):
    passages = [
        Passage("Gold is dense.", "", "a#0"),
        Passage("Gold is soft.", "", "a#1"),
        Passage("Iron rusts.", "", "b#0"),
        Passage("Tin melts.", "", "a#0#0"),
    ]
    index = built(tmp_path / "index", passages, 2, chunking=CHUNKED)
    # `a#0` is a document of the second part, and a passage in the first.
    assert index.delete(["a#0", "unknown"]) == 1
    assert [p.id for p in index.search(["gold iron tin"], 9)[0]] == ["b#0", "a#0", "a#1"]
    assert index.delete(["a#0", "b"]) == 2
    assert names(index) == ["part-00000"]
    assert index.delete(["unknown"]) == 0
    with pytest.raises(EvidenceIndexError, match="no passage would be left"):
        index.delete(["a"])
    assert [p.id for p in open_index(tmp_path / "index").search(["gold"], 9)[0]] == ["a#1"]


def test_a_failed_change_leaves_the_index_as_it_was(tmp_path: Path):
    index = built(tmp_path / "index", PASSAGES, 2)
    before = index_hash(tmp_path / "index")

    def broken():
        yield PASSAGES[0]
        raise RuntimeError("the corpus ended badly")

    for change in (index.add, lambda passages: index.replace_part("part-00000", passages)):
        with pytest.raises(RuntimeError, match="ended badly"):
            change(broken())
    assert index_hash(tmp_path / "index") == before
    assert sorted(path.name for path in (tmp_path / "index").iterdir() if path.is_dir()) == [
        "part-00000",
        "part-00001",
    ]
    assert len(index.search([PASSAGES[0].text], 3)[0]) == 3


def test_a_reader_goes_on_while_parts_are_replaced(tmp_path: Path):
    reader = built(tmp_path / "index", PASSAGES, 2)
    found = reader.search(QUERIES, 5)
    writer = open_index(tmp_path / "index")
    assert isinstance(writer, PartedIndex)
    writer.replace_part("part-00000", [Passage("Zinc.", "", "zinc")])
    assert reader.search(QUERIES, 5) == found
    # A writer that was opened before sees the change, and does not undo it.
    reader.add([Passage("Tin.", "", "tin")])
    best = open_index(tmp_path / "index").search(["zinc", "tin"], 1)
    assert [hits[0].id for hits in best] == ["zinc", "tin"]


def test_each_passage_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    n_added = []
    add = IndexWriter.add
    monkeypatch.setattr(IndexWriter, "add", lambda self, one: (n_added.append(1), add(self, one)))
    # In this process, to be counted.
    index = built(tmp_path / "index", PASSAGES, 3, n_workers=1)
    assert len(n_added) == len(PASSAGES)
    # Only the new part is written; the others stay as they are.
    index.add([Passage("Zinc.", "", "zinc")])
    assert len(n_added) == len(PASSAGES) + 1


def test_processes_build_the_same_parts(tmp_path: Path):
    alone = built(tmp_path / "alone", PASSAGES, 3)
    together = built(tmp_path / "together", PASSAGES, 3, runner=local_runner(2))
    assert together.manifest == alone.manifest


def test_an_interrupted_build_resumes_with_the_finished_parts(tmp_path: Path):
    script = dedent(
        f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_parts import PASSAGES, build_index_parts, build_part

        def runner(jobs, done):
            for number, job in enumerate(jobs):
                if number == 2:
                    os.kill(os.getpid(), signal.SIGKILL)
                done(build_part(job))

        build_index_parts(
            "sparse", sys.argv[1], iter(PASSAGES), n_parts=4,
            key={{"passages": len(PASSAGES)}}, counts=lambda: {{"n": 7}}, runner=runner,
        )
        """
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "index")], check=False)
    assert done.returncode == -signal.SIGKILL
    staging = tmp_path / ".index.parts"
    assert not (tmp_path / "index").exists()
    finished = {p.name: p.stat().st_ino for p in staging.glob("part-*")}
    assert sorted(finished) == ["part-00000", "part-00001"]

    def not_read():
        raise AssertionError("the passages are read again")
        yield

    told = []
    found = build_index_parts(
        "sparse",
        tmp_path / "index",
        not_read(),
        n_parts=4,
        key={"passages": len(PASSAGES)},
        tell=lambda n_done, n_all: told.append((n_done, n_all)),
    )
    assert told == [(2, 4), (3, 4), (4, 4)]
    assert (found.counts, found.n_resumed) == ({"n": 7}, 2)
    parts = {p.name: p.stat().st_ino for p in (tmp_path / "index").glob("part-*")}
    assert finished.items() <= parts.items()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index"]
    assert found.manifest == built(tmp_path / "whole", PASSAGES, 4).manifest
    # The same command once more has nothing to do, even if the corpus is gone.
    again = build_index_parts(
        "sparse", tmp_path / "index", not_read(), n_parts=4, key={"passages": len(PASSAGES)}
    )
    assert again.n_resumed == 4


def test_a_build_of_another_corpus_does_not_take_finished_parts(tmp_path: Path):
    def stop(jobs, done):
        done(build_part(jobs[0]))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        built(tmp_path / "index", PASSAGES, 3, runner=stop)
    other = [Passage(p.text.upper(), p.title, p.id) for p in PASSAGES[:-1]]
    assert [p.id for p in built(tmp_path / "index", other, 3).search([other[0].text], 1)[0]] == [
        other[0].id
    ]


def test_an_index_of_any_form_replaces_another(tmp_path: Path):
    SparseIndex.build(tmp_path / "index", PASSAGES[:5])
    assert len(built(tmp_path / "index", PASSAGES, 2)) == len(PASSAGES)
    assert len(SparseIndex.build(tmp_path / "index", PASSAGES[:5])) == 5
    assert read_manifest(tmp_path / "index").parts == ()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "passages-00000.parquet").touch()
    with pytest.raises(EvidenceIndexError, match="files that are not of an index"):
        built(tmp_path / "mine", PASSAGES, 2)


def test_damage_names_the_part_which_can_be_replaced(tmp_path: Path):
    index = built(tmp_path / "index", PASSAGES, 3)
    size = index.manifest.parts[1].n_passages
    store = next((tmp_path / "index" / "part-00001" / "tantivy").glob("*.store"))
    store.write_bytes(store.read_bytes()[:-100])
    for work in (open_index, verify_index):
        with pytest.raises(CorruptIndexError, match=r"part 'part-00001'.*--replace-part"):
            work(tmp_path / "index")
    repaired = SparseParts.open(tmp_path / "index", without="part-00001")
    start = index.manifest.parts[0].n_passages
    repaired.replace_part("part-00001", PASSAGES[start : start + size])
    assert repaired.search(QUERIES, 5) == built(tmp_path / "new", PASSAGES, 3).search(QUERIES, 5)
    assert verify_index(tmp_path / "index") == len(PASSAGES)


def test_a_part_that_is_missing_or_was_changed_by_itself(tmp_path: Path):
    index = built(tmp_path / "index", PASSAGES, 2)
    SparseIndex.open(tmp_path / "index" / "part-00000").delete([PASSAGES[0].id])
    with pytest.raises(CorruptIndexError, match="'part-00000' of the index: it was changed by its"):
        open_index(tmp_path / "index")
    shutil.rmtree(tmp_path / "index" / "part-00001")
    with pytest.raises(CorruptIndexError, match="part 'part-00001' of the index: it is missing"):
        SparseParts.open(tmp_path / "index", without="part-00000")
    # The same build again does not take it for finished.
    assert len(built(tmp_path / "index", PASSAGES, 2)) == len(PASSAGES) == len(index)


@pytest.mark.skipif(os.name == "nt", reason="permissions of folders")
def test_a_read_only_index_is_searched(tmp_path: Path, one: SparseIndex):
    built(tmp_path / "index", PASSAGES, 2)
    before = sorted(path.name for path in (tmp_path / "index").rglob("*"))
    folders = [tmp_path / "index", *(p for p in (tmp_path / "index").rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        assert open_index(tmp_path / "index").search(QUERIES, 5) == one.search(QUERIES, 5)
        assert sorted(path.name for path in (tmp_path / "index").rglob("*")) == before
    finally:
        for folder in folders:
            folder.chmod(0o755)


def test_copies_of_a_part_are_told_apart(tmp_path: Path):
    index = built(tmp_path / "index", PASSAGES[:20], 2)
    with sparse_files.as_corrupt(tmp_path):
        shutil.copytree(tmp_path / "index" / "part-00000", tmp_path / "copy")
    manifest = index.manifest
    copied = manifest.parts[0].model_copy(update={"name": "part-00005"})
    shutil.copytree(tmp_path / "copy", tmp_path / "index" / "part-00005")
    manifest.in_parts([*manifest.parts, copied]).write(tmp_path / "index")
    assert len(open_index(tmp_path / "index")) == 30


def test_passages_are_cut_into_files_and_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("llmexam.evidence.index.parts.passages_files.FILE_PASSAGES", 7)
    files = write_passages(tmp_path, PASSAGES[:20])
    assert [(file.start, file.stop) for file in files] == [(0, 7), (0, 7), (0, 6)]
    parts = cut_evenly(files, 3)
    assert sum(file.stop - file.start for part in parts for file in part) == 20
    assert parts[1] == (
        PassagesFile(str(tmp_path / "passages-00000.parquet"), 6, 7),
        PassagesFile(str(tmp_path / "passages-00001.parquet"), 0, 6),
    )

import errno
import os
import signal
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmexam.errors import CorruptIndexError, EvidenceIndexError, IndexMismatchError
from llmexam.evidence.index.analysis import UNPRUNED, SearchSettings
from llmexam.evidence.index.files import held_for_writing
from llmexam.evidence.index.sparse import SparseIndex, SparseSettings, _as_corrupt
from llmexam.evidence.index.writer import IndexWriter
from llmexam.exam.question import Passage

PASSAGES = [
    Passage("Gold is a dense metal.", "Metals", "gold#0"),
    Passage("Gold does not rust.", "Metals", "gold#1"),
    Passage("Iron rusts in damp air.", "Metals", "iron#0"),
    Passage("The whale is a mammal.", "Animals", "whale#0"),
]


@pytest.fixture
def index(tmp_path: Path) -> SparseIndex:
    return SparseIndex.build(tmp_path / "index", PASSAGES, chunking={"tokens": 9, "overlap": 0})


def ids(found: list[list[Passage]]) -> list[list[str]]:
    return [[passage.id for passage in passages] for passages in found]


def test_search_returns_stored_passages_best_first(index: SparseIndex):
    (found,) = index.search(["gold rusting"], 3)
    assert {passage.id for passage in found} == {"gold#0", "gold#1", "iron#0"}
    assert found[0].text == "Gold does not rust."
    assert found[0].title == "Metals"
    scores = [passage.score for passage in found]
    assert scores == sorted(scores, reverse=True)


def test_a_score_is_bm25(index: SparseIndex):
    from math import log

    # "whale" is in 1 of 4 passages, once; lengths with titles are 6, 5, 6 and 6 terms.
    length, average = 6, 23 / 4
    expected = log(1 + 3.5 / 1.5) * 2.2 / (1 + 1.2 * (0.25 + 0.75 * length / average))
    assert index.search(["whales"], 1)[0][0].score == pytest.approx(expected, rel=1e-5)


def test_titles_are_searched(index: SparseIndex):
    assert ids(index.search(["animal"], 5)) == [["whale#0"]]


def test_repeated_queries_unknown_words_and_no_queries(index: SparseIndex):
    found = index.search(["whale", "zzz", "whale", "", "the"], 2)
    assert ids(found) == [["whale#0"], [], ["whale#0"], [], []]
    assert index.search([], 2) == []
    with pytest.raises(EvidenceIndexError, match="k must be at least 1"):
        index.search(["whale"], 0)


def test_threads_change_nothing(index: SparseIndex):
    queries = [f"gold {n} iron metal" for n in range(50)]
    one = index.search(queries, 3, SearchSettings(threads=1))
    assert index.search(queries, 3, SearchSettings(threads=3)) == one


def test_a_word_that_repeats_in_the_query_counts_as_often(index: SparseIndex):
    once = index.search(["whale"], 1, UNPRUNED)[0][0].score
    twice = index.search(["whale whale"], 1, UNPRUNED)[0][0].score
    assert once is not None
    assert twice == pytest.approx(2 * once)


def test_add_replaces_whole_documents(index: SparseIndex):
    n = index.add(
        [Passage("Gold is soft.", "Metals", "gold#0"), Passage("Tin melts.", "", "tin#0")]
    )
    assert n == 2
    assert len(index) == 4
    assert ids(index.search(["gold", "tin"], 5)) == [["gold#0"], ["tin#0"]]
    again = SparseIndex.open(index.folder)
    assert len(again) == again.manifest.n_passages == 4
    assert ids(again.search(["rust"], 5)) == [["iron#0"]]


def test_delete_takes_passage_and_document_ids(index: SparseIndex):
    assert index.delete(["gold", "whale#0", "unknown"]) == 3
    assert ids(index.search(["gold whale iron"], 5)) == [["iron#0"]]
    assert index.delete(["gold"]) == 0
    assert SparseIndex.open(index.folder).manifest.n_passages == 1


def test_ids_that_begin_alike_are_kept(tmp_path: Path):
    index = SparseIndex.build(
        tmp_path / "index",
        [Passage("one", "", "a"), Passage("two", "", "a#b#0")],
        chunking={"tokens": 9, "overlap": 0},
    )
    assert index.delete(["a"]) == 1
    assert ids(index.search(["two"], 1)) == [["a#b#0"]]


def test_building_again_replaces_the_index(index: SparseIndex):
    SparseIndex.build(index.folder, [Passage("Zinc.", "", "zinc")])
    again = SparseIndex.open(index.folder)
    assert ids(again.search(["zinc gold"], 5)) == [["zinc"]]
    assert [path.name for path in index.folder.parent.iterdir()] == ["index"]


def test_a_failed_build_leaves_what_was_there(index: SparseIndex):
    def broken() -> Iterator[Passage]:
        yield Passage("Zinc.", "", "zinc")
        raise RuntimeError("the corpus ended badly")

    with pytest.raises(RuntimeError, match="ended badly"):
        SparseIndex.build(index.folder, broken())
    with pytest.raises(EvidenceIndexError, match="no passages"):
        SparseIndex.build(index.folder, [])
    assert len(SparseIndex.open(index.folder)) == 4
    assert [path.name for path in index.folder.parent.iterdir()] == ["index"]


def test_a_failed_add_keeps_the_last_commit(index: SparseIndex):
    def broken() -> Iterator[Passage]:
        for n in range(2500):
            yield Passage(f"Zinc {n}.", "", f"zinc{n}")
        raise RuntimeError("the corpus ended badly")

    with pytest.raises(RuntimeError, match="ended badly"):
        index.add(broken(), SparseSettings(commit_every=1000))
    assert len(SparseIndex.open(index.folder)) == 2004
    assert index.add([Passage("Tin.", "", "tin")]) == 1


def test_foreign_folders_are_left_alone(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(EvidenceIndexError, match="other things than an index"):
        SparseIndex.build(tmp_path, PASSAGES)
    with pytest.raises(EvidenceIndexError, match="there is a file"):
        SparseIndex.build(tmp_path / "notes.txt", PASSAGES)
    with pytest.raises(EvidenceIndexError, match="no manifest"):
        SparseIndex.open(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


KILLED = """
import os, signal, sys
from llmexam.evidence.index.sparse import SparseIndex, SparseSettings
from llmexam.exam.question import Passage

def passages():
    for n in range(5500):
        yield Passage(f"Zinc number {n}.", "", f"zinc{n}")
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "add":
    SparseIndex.open(sys.argv[1]).add(passages(), SparseSettings(commit_every=1000))
else:
    SparseIndex.build(sys.argv[1], passages())
"""


@pytest.mark.parametrize(("action", "n_kept"), [("add", 5004), ("build", 4)])
def test_a_kill_leaves_the_last_commit(index: SparseIndex, action: str, n_kept: int):
    done = subprocess.run([sys.executable, "-c", KILLED, str(index.folder), action], check=False)
    assert done.returncode == -signal.SIGKILL
    after = SparseIndex.open(index.folder)
    assert len(after) == n_kept
    assert ids(after.search(["whale"], 1)) == [["whale#0"]]
    # The next writer is not stopped by what the killed one left.
    assert after.add([Passage("Tin.", "", "tin")]) == 1
    SparseIndex.build(index.folder, PASSAGES)
    assert [path.name for path in index.folder.parent.iterdir()] == ["index"]


HOLDER = """
import sys
from llmexam.evidence.index.sparse import SparseIndex
from llmexam.exam.question import Passage

def passages():
    yield Passage("Zinc.", "", "zinc")
    print("holding", flush=True)
    sys.stdin.readline()

SparseIndex.open(sys.argv[1]).add(passages())
"""


def test_one_writer_at_a_time(index: SparseIndex):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(index.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "holding\n"
        with pytest.raises(EvidenceIndexError, match="another process is writing"):
            index.add([Passage("Tin.", "", "tin")])
        # Readers are not in the way.
        assert len(SparseIndex.open(index.folder)) == 4
        other.communicate("\n")
    assert other.returncode == 0
    assert len(SparseIndex.open(index.folder)) == 5


@pytest.mark.parametrize("suffix", ["store", "term", "idx", "fieldnorm"])
@pytest.mark.parametrize("harm", ["cut", "blank", "delete"])
def test_damaged_segments_are_named(index: SparseIndex, suffix: str, harm: str):
    (file,) = (index.folder / "tantivy").glob(f"*.{suffix}")
    content = file.read_bytes()
    file.unlink()  # not in place: the open index has the old file mapped
    if harm != "delete":
        file.write_bytes(content[: len(content) // 2] if harm == "cut" else b"\0" * len(content))
    with pytest.raises(CorruptIndexError, match=suffix):
        SparseIndex.open(index.folder)


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[]", b'{"segments": 3}', b"{}"])
def test_a_damaged_segment_list_is_named(index: SparseIndex, content: bytes):
    (index.folder / "tantivy" / "meta.json").write_bytes(content)
    with pytest.raises(CorruptIndexError, match=r"meta\.json"):
        SparseIndex.open(index.folder)
    (index.folder / "tantivy" / "meta.json").unlink()
    with pytest.raises(CorruptIndexError, match=r"meta\.json"):
        SparseIndex.open(index.folder)


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[]", b'{"kind": "sparse", "colour": 1}'])
def test_a_damaged_manifest_is_named(index: SparseIndex, content: bytes):
    (index.folder / "manifest.json").write_bytes(content)
    with pytest.raises(CorruptIndexError, match=r"manifest\.json"):
        SparseIndex.open(index.folder)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"kind": "dense"}, "kind"),
        ({"analysis": {"stemmer": "german"}}, "analysis"),
        ({"format": 99}, "version 99"),
    ],
)
def test_a_mismatch_says_what_differs(index: SparseIndex, change: dict, named: str):
    index.manifest.model_copy(update=change).write(index.folder)
    with pytest.raises(IndexMismatchError, match=named):
        SparseIndex.open(index.folder)


def test_a_build_reads_its_passages_as_a_stream(tmp_path: Path):
    alive = 0
    most = 0

    class Watched(str):
        def __init__(self, text: str) -> None:
            nonlocal alive, most
            alive += 1
            most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    n = 3000
    index = SparseIndex.build(
        tmp_path / "index", (Passage(Watched(f"Text {i}"), "", f"p{i}") for i in range(n))
    )
    assert len(index) == n
    assert most < 100


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Full:
        def add_document(self, document: object) -> None:
            raise ValueError("An error occurred in a thread")

    usage = namedtuple("usage", "total used free")
    writer = IndexWriter(Full(), tmp_path)  # type: ignore[arg-type]
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9, 10**9, 0))
    with pytest.raises(OSError, match="No space left") as caught:
        writer.add(None)  # type: ignore[arg-type]
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**9, 0, 10**9))
    with pytest.raises(EvidenceIndexError, match="error occurred in a thread"):
        writer.add(None)  # type: ignore[arg-type]


def test_no_permission_is_an_os_error(tmp_path: Path):
    if os.getuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError):
        SparseIndex.build(tmp_path / "index", PASSAGES)


def test_ids_with_numbers_are_documents_of_their_own_where_none_was_cut(tmp_path: Path):
    pages = [Passage("One whale.", "", "page#1"), Passage("Two whales.", "", "page#2")]
    index = SparseIndex.build(tmp_path / "index", pages)
    index.add([Passage("Three whales.", "", "page#3"), Passage("One seal.", "", "page#1")])
    assert sorted(ids(index.search(["whale seal"], 9))[0]) == ["page#1", "page#2", "page#3"]
    assert ids(index.search(["seal"], 9)) == [["page#1"]]
    assert index.delete(["page"]) == 0


def test_more_passages_can_be_asked_for_than_any_memory_holds(index: SparseIndex):
    assert len(index.search(["gold iron whale"], 2**63)[0]) == 4


@pytest.mark.parametrize("suffix", ["store", "term", "idx", "fieldnorm", "pos", "fast"])
def test_one_changed_bit_is_found(index: SparseIndex, suffix: str):
    (file,) = (index.folder / "tantivy").glob(f"*.{suffix}")
    content = bytearray(file.read_bytes())
    content[0] ^= 1
    file.unlink()
    file.write_bytes(content)
    with pytest.raises(CorruptIndexError, match=suffix):
        SparseIndex.open(index.folder)


def test_a_changed_digit_in_the_manifest_is_found(index: SparseIndex):
    path = index.folder / "manifest.json"
    path.write_text(path.read_text().replace('"n_passages": 4', '"n_passages": 5'))
    with pytest.raises(CorruptIndexError, match="checksum"):
        SparseIndex.open(index.folder)


def test_a_panic_over_damage_is_told_as_damage(index: SparseIndex):
    class PanicException(BaseException):
        pass

    with pytest.raises(CorruptIndexError, match="out of bounds"), _as_corrupt(index.folder):
        raise PanicException("index out of bounds")
    with pytest.raises(KeyboardInterrupt), _as_corrupt(index.folder):
        raise KeyboardInterrupt


def test_an_index_that_is_written_to_is_not_replaced(index: SparseIndex):
    with (
        held_for_writing(index.folder),
        pytest.raises(EvidenceIndexError, match="another process"),
    ):
        SparseIndex.build(index.folder, PASSAGES)
    assert len(SparseIndex.open(index.folder)) == 4

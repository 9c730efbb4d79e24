import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest
import tantivy

from llmexam.errors import CorruptIndexError, EvidenceIndexError, IndexMismatchError
from llmexam.evidence.index import replacement, sparse
from llmexam.evidence.index.analysis import (
    ANALYSIS_BEFORE_SCRIPTS,
    SearchSettings,
    build_analyzer,
)
from llmexam.evidence.index.checksums import FILE_NAME as CHECKSUMS_FILE
from llmexam.evidence.index.files import held_for_writing, index_hash
from llmexam.evidence.index.opening import verify_index
from llmexam.evidence.index.sparse import SparseIndex, as_corrupt
from llmexam.evidence.index.writer import IndexWriter
from llmexam.exam.question import Passage
from llmexam.storage.hashing import hash_json

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
    with pytest.raises(EvidenceIndexError, match="k of at least 1"):
        index.search(["whale"], 0)


def test_threads_change_nothing(index: SparseIndex):
    queries = [f"gold {n} iron metal" for n in range(50)]
    one = index.search(queries, 3, SearchSettings(threads=1))
    assert index.search(queries, 3, SearchSettings(threads=3)) == one


def test_a_word_that_repeats_in_the_query_counts_as_often(index: SparseIndex):
    once = index.search(["whale"], 1, SearchSettings(budget=None))[0][0].score
    twice = index.search(["whale whale"], 1, SearchSettings(budget=None))[0][0].score
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


def test_a_failed_add_changes_nothing(index: SparseIndex):
    def broken() -> Iterator[Passage]:
        for n in range(2500):
            yield Passage(f"Zinc {n}.", "", f"zinc{n}")
        raise RuntimeError("the corpus ended badly")

    before = index_hash(index.folder)
    with pytest.raises(RuntimeError, match="ended badly"):
        index.add(broken())
    assert index_hash(index.folder) == before
    assert len(index) == len(SparseIndex.open(index.folder)) == 4
    assert index.add([Passage("Tin.", "", "tin")]) == 1
    assert [path.name for path in index.folder.parent.iterdir()] == ["index"]


def test_foreign_folders_are_left_alone(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(EvidenceIndexError, match="files that are not of an index"):
        SparseIndex.build(tmp_path, PASSAGES)
    with pytest.raises(EvidenceIndexError, match="got a file"):
        SparseIndex.build(tmp_path / "notes.txt", PASSAGES)
    with pytest.raises(EvidenceIndexError, match="no manifest"):
        SparseIndex.open(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


KILLED = """
import os, signal, sys
from llmexam.evidence.index.opening import verify_index
from llmexam.evidence.index.sparse import SparseIndex, SparseSettings
from llmexam.exam.question import Passage

def passages():
    for n in range(5500):
        yield Passage(f"Zinc number {n}.", "", f"zinc{n}")
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "add":
    SparseIndex.open(sys.argv[1]).add(passages(), SparseSettings(heap_mb=15))
else:
    SparseIndex.build(sys.argv[1], passages())
"""


@pytest.mark.parametrize("action", ["add", "build"])
def test_a_kill_changes_nothing(index: SparseIndex, action: str):
    done = subprocess.run([sys.executable, "-c", KILLED, str(index.folder), action], check=False)
    assert done.returncode == -signal.SIGKILL
    after = SparseIndex.open(index.folder)
    assert len(after) == 4
    assert ids(after.search(["whale"], 1)) == [["whale#0"]]
    # The next writer is not stopped by what the killed one left.
    assert after.add([Passage("Tin.", "", "tin")]) == 1
    SparseIndex.build(index.folder, PASSAGES)
    assert [path.name for path in index.folder.parent.iterdir()] == ["index"]


def test_scores_after_a_killed_add_are_those_of_an_undisturbed_one(index: SparseIndex):
    subprocess.run([sys.executable, "-c", KILLED, str(index.folder), "add"], check=False)
    added = [Passage(f"Zinc number {n}.", "", f"zinc{n}") for n in range(60)]
    resumed = SparseIndex.open(index.folder)
    resumed.add(added)
    undisturbed = SparseIndex.build(
        index.folder.parent / "other", [*PASSAGES, *added], chunking={"tokens": 9, "overlap": 0}
    )
    queries = ["zinc number 7", "whale", "gold rust"]
    assert resumed.search(queries, 9) == undisturbed.search(queries, 9)


def test_an_index_whose_replacement_was_killed_is_put_back(index: SparseIndex):
    # What a kill between the two renames leaves, on systems that cannot exchange folders.
    old = index.folder.with_name(".index.old")
    index.folder.rename(old)
    with held_for_writing(old), pytest.raises(EvidenceIndexError, match="no manifest"):
        SparseIndex.open(index.folder)
    assert len(SparseIndex.open(index.folder)) == 4
    assert not old.exists()
    index.folder.rename(old)
    with pytest.raises(EvidenceIndexError, match="no passages"):
        SparseIndex.build(index.folder, [])
    assert len(SparseIndex.open(index.folder)) == 4


def test_folders_are_replaced_where_they_cannot_be_exchanged(
    index: SparseIndex, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(replacement, "exchange_paths", lambda one, other: False)
    assert index.add([Passage("Tin.", "", "tin")]) == 1
    assert len(SparseIndex.open(index.folder)) == 5
    assert [path.name for path in index.folder.parent.iterdir()] == ["index"]


def test_leftovers_of_killed_writers_are_deleted_by_the_next(index: SparseIndex):
    (index.folder / "tantivy" / ".tmpAbC12").write_bytes(b"x")
    before = index_hash(index.folder)
    index.add([Passage("Tin.", "", "tin")])
    assert index_hash(index.folder) != before
    assert not [path for path in index.folder.rglob("*") if ".tmp" in path.name]


def test_an_index_of_which_a_part_may_be_missing_is_told(index: SparseIndex, caplog):
    index.manifest.changed(4, (), passages_hash="").write(index.folder)
    SparseIndex.open(index.folder)
    assert "interrupted" in caplog.text


@pytest.mark.parametrize("name", ["manifest.json", "tantivy/meta.json"])
def test_json_nested_deeply_is_damage(index: SparseIndex, name: str):
    (index.folder / CHECKSUMS_FILE).unlink()
    (index.folder / name).unlink()  # not in place: the open index has the old file mapped
    (index.folder / name).write_text("[" * 100_000 + "]" * 100_000)
    with pytest.raises(CorruptIndexError, match="damaged"):
        SparseIndex.open(index.folder)


def test_all_files_can_be_read_by_others(index: SparseIndex):
    index.add([Passage("Tin.", "", "tin")])
    assert {
        oct(path.stat().st_mode & 0o777)
        for path in index.folder.rglob("*")
        if path.is_file() and not path.name.endswith("lock")
    } == {oct(0o666 & ~_umask())}


def test_an_added_passage_keeps_the_permissions_of_the_index(index: SparseIndex):
    index.folder.chmod(0o770)
    (index.folder / "tantivy").chmod(0o750)
    for path in index.folder.rglob("*"):
        if path.is_file():
            path.chmod(0o660 if path.name == "meta.json" else 0o640)
    index.add([Passage("Tin.", "", "tin")])
    modes = {
        path.relative_to(index.folder).as_posix(): oct(path.stat().st_mode & 0o777)
        for path in (index.folder, *index.folder.rglob("*"))
        if not path.name.endswith("lock")
    }
    assert (modes.pop("."), modes.pop("tantivy")) == ("0o770", "0o750")
    assert modes.pop("tantivy/meta.json") == "0o660"
    assert set(modes.values()) == {"0o640"}


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away"
)
def test_files_of_another_user_are_copied(index: SparseIndex):
    before = {path.name: path.stat() for path in index.folder.rglob("*.store")}
    for path in index.folder.rglob("*.store"):
        os.chown(path, 4321, -1)
    index.add([Passage("Tin.", "", "tin")])
    after = {path.name: path.stat() for path in index.folder.rglob("*.store")}
    kept = before.keys() & after.keys()
    assert kept
    assert all(before[name].st_ino != after[name].st_ino for name in kept)
    assert {status.st_uid for status in after.values()} == {os.geteuid()}
    assert len(SparseIndex.open(index.folder)) == 5


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("reason", ["Read-only file system (os error 30)", "No locks available"])
def test_an_index_in_a_place_without_locks_is_searched(
    index: SparseIndex, monkeypatch: pytest.MonkeyPatch, reason: str
):
    open_index, refused = sparse.open_data, []

    def refuse_locks(data: Path):
        if data.is_relative_to(index.folder):
            refused.append(data)
            raise ValueError(f"Failed to acquire Lockfile: IoError({reason})")
        return open_index(data)

    monkeypatch.setattr(sparse, "open_data", refuse_locks)
    opened = SparseIndex.open(index.folder)
    assert refused
    assert ids(opened.search(["whale", "gold"], 1)) == ids(index.search(["whale", "gold"], 1))


HOLDER = """
import sys
from llmexam.evidence.index.opening import verify_index
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


@pytest.mark.parametrize("name", ["tantivy/meta.json", "checksums.json"])
def test_a_changed_digit_in_a_list_is_found(index: SparseIndex, name: str):
    path = index.folder / name
    path.write_text(re.sub(r"\d", lambda digit: str(9 - int(digit[0])), path.read_text(), count=1))
    with pytest.raises(CorruptIndexError, match="changed"):
        SparseIndex.open(index.folder)


def test_large_files_are_checked_whole_when_asked(index: SparseIndex, monkeypatch):
    monkeypatch.setattr("llmexam.storage.checksums._WHOLE_BYTES", 0)
    monkeypatch.setattr("llmexam.storage.checksums.BLOCK_BYTES", 2)
    monkeypatch.setattr("llmexam.storage.checksums._N_SAMPLED", 2)
    index.add([Passage("Tin.", "", "tin")])
    (file, *_) = (index.folder / "tantivy").glob("*.store")
    content = bytearray(file.read_bytes())
    content[9] ^= 1
    file.unlink()
    file.write_bytes(content)
    assert len(SparseIndex.open(index.folder)) == 5
    with pytest.raises(CorruptIndexError, match="store"):
        verify_index(index.folder)


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

    with pytest.raises(CorruptIndexError, match="out of bounds"), as_corrupt(index.folder):
        raise PanicException("index out of bounds")
    with pytest.raises(KeyboardInterrupt), as_corrupt(index.folder):
        raise KeyboardInterrupt


def test_an_index_that_is_written_to_is_not_replaced(index: SparseIndex):
    with (
        held_for_writing(index.folder),
        pytest.raises(EvidenceIndexError, match="another process"),
    ):
        SparseIndex.build(index.folder, PASSAGES)
    assert len(SparseIndex.open(index.folder)) == 4


CHUNKING = {"tokens": 9, "overlap": 0}


def test_adding_a_document_keeps_a_passage_with_that_id_of_another_document(tmp_path: Path):
    index = SparseIndex.build(
        tmp_path / "index",
        [Passage("One whale.", "", "C#0"), Passage("Two whales.", "", "C#1")],
        chunking=CHUNKING,
    )
    # The document `C#0`; until now `C#0` was only the first passage of the document `C`.
    index.add([Passage("One seal.", "", "C#0#0")])
    assert sorted(ids(index.search(["whale seal"], 9))[0]) == ["C#0", "C#0#0", "C#1"]
    assert index.delete(["C#0"]) == 1
    assert sorted(ids(index.search(["whale seal"], 9))[0]) == ["C#0", "C#1"]
    assert index.delete(["C#0"]) == 1
    assert ids(index.search(["whale seal"], 9)) == [["C#1"]]


def test_every_change_gives_another_hash(tmp_path: Path):
    def hash_of(name: str, passages: list[Passage]) -> str:
        SparseIndex.build(tmp_path / name, passages, chunking=CHUNKING)
        return index_hash(tmp_path / name)

    first = hash_of("one", PASSAGES)
    assert hash_of("two", PASSAGES) == first
    assert hash_of("three", PASSAGES[::-1]) != first
    changed = [*PASSAGES[:-1], Passage("The whale is a mammal.", "Beasts", "whale#0")]
    assert hash_of("four", changed) != first
    index = SparseIndex.open(tmp_path / "one")
    hashes = {first}
    index.delete(["gold#1"])
    hashes.add(index_hash(index.folder))
    index.add([Passage("Gold does not rust.", "Metals", "gold#1")])
    hashes.add(index_hash(index.folder))
    index.add([Passage("Gold does not rust at all.", "Metals", "gold#1")])
    hashes.add(index_hash(index.folder))
    assert len(hashes) == 4


def test_a_failed_add_keeps_the_hash(index: SparseIndex):
    def broken() -> Iterator[Passage]:
        yield from (Passage(f"Zinc {n}.", "", f"zinc{n}") for n in range(1000))
        raise RuntimeError("the corpus ended badly")

    before = index_hash(index.folder)
    with pytest.raises(RuntimeError, match="ended badly"):
        index.add(broken())
    assert index_hash(index.folder) == before
    index.add([Passage("Tin.", "", "tin")])
    assert SparseIndex.open(index.folder).manifest.passages_hash not in ("", before)


def to_version_1(folder: Path) -> None:
    """Write the manifest as the first version of the layout had it."""
    value = json.loads((folder / "manifest.json").read_text())
    del value["checksum"], value["passages_hash"]
    value["format"] = 1
    (folder / "manifest.json").write_text(json.dumps({**value, "checksum": hash_json(value)}))


def test_an_index_of_version_1_opens_and_its_changes_are_noticed(index: SparseIndex):
    to_version_1(index.folder)
    old = SparseIndex.open(index.folder)
    assert ids(old.search(["whale"], 1)) == [["whale#0"]]
    before = index_hash(index.folder)
    assert index_hash(index.folder) == before
    old.delete(["gold#0"])
    assert index_hash(index.folder) != before
    assert SparseIndex.open(index.folder).manifest.passages_hash


@pytest.mark.parametrize("place", ["my_notes.md", "tantivy/backup.txt"])
def test_a_folder_with_files_of_the_user_is_not_replaced(index: SparseIndex, place: str):
    (index.folder / place).write_text("mine")
    with pytest.raises(EvidenceIndexError, match=f"files that are not of an index: {place}"):
        SparseIndex.build(index.folder, PASSAGES)
    assert (index.folder / place).read_text() == "mine"


def test_a_manifest_of_something_else_is_no_index(tmp_path: Path):
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    with pytest.raises(EvidenceIndexError, match="files that are not of an index"):
        SparseIndex.build(tmp_path, PASSAGES)
    assert (tmp_path / "manifest.json").read_text() == '{"name": "a web page"}'


@pytest.mark.parametrize("name", [".index.old", ".index.building"])
def test_a_folder_of_the_user_beside_the_index_is_kept(index: SparseIndex, name: str):
    beside = index.folder.with_name(name)
    beside.mkdir()
    (beside / "thesis.doc").write_text("years of work")
    with pytest.raises(EvidenceIndexError, match=r"thesis\.doc"):
        SparseIndex.build(index.folder, PASSAGES)
    assert (beside / "thesis.doc").read_text() == "years of work"


def test_a_linked_index_stays_a_link(index: SparseIndex, tmp_path: Path):
    (tmp_path / "link").symlink_to(index.folder)
    SparseIndex.build(tmp_path / "link", [Passage("Zinc.", "", "zinc")])
    assert (tmp_path / "link").is_symlink()
    assert len(SparseIndex.open(index.folder)) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["index", "link"]


def test_an_index_with_a_link_inside_is_not_replaced(index: SparseIndex, tmp_path: Path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.doc").write_text("years of work")
    (index.folder / "linked").symlink_to(tmp_path / "other")
    with pytest.raises(EvidenceIndexError, match="files that are not of an index: linked"):
        SparseIndex.build(index.folder, PASSAGES)
    assert (tmp_path / "other" / "thesis.doc").exists()


READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && "$2" -c "$3" "$1"'
SEARCHED = """
import sys
from llmexam.evidence.index.opening import verify_index
from llmexam.evidence.index.sparse import SparseIndex
print(SparseIndex.open(sys.argv[1]).search(["whale"], 1)[0][0].id)
"""


def test_an_index_on_a_read_only_file_system_is_searched(index: SparseIndex):
    for lock in (index.folder / "tantivy").glob("*.lock"):
        lock.unlink()
    namespace = ["unshare", "--mount", "--map-root-user", "sh", "-ec"]
    if not shutil.which("unshare"):
        pytest.skip("no read-only file system can be mounted here")
    done = subprocess.run(
        [*namespace, READ_ONLY, "sh", str(index.folder), sys.executable, SEARCHED],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip("no read-only file system can be mounted here")
    assert done.stdout == "whale#0\n", done.stderr


SCRIPTS = [
    Passage(
        "\u5728\u592a\u9633\u7cfb\u4e2d\uff0c\u6c34\u661f\u79bb\u592a\u9633\u6700\u8fd1\u3002",
        "\u884c\u661f",
        "zh",
    ),
    Passage(
        "\u0e43\u0e2b\u0e49\u0e40\u0e2b\u0e25\u0e47\u0e01\u0e40\u0e1b\u0e47\u0e19",
        "",
        "th",
    ),
    Passage(
        "\uc218\uc131\uc740 \uac00\uae4c\uc6b4 \ud589\uc131\uc774\ub2e4.",
        "",
        "ko",
    ),
    Passage(
        "\u0939\u093f\u0928\u094d\u0926\u0940 \u0935\u093f\u091c\u094d\u091e\u093e\u0928",
        "",
        "hi",
    ),
    Passage("Go\u0308del proved it with H\u2082O at 70 \u00b5m, \ufb01rst.", "", "de"),
]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("\u6c34\u661f\u662f\u4ec0\u4e48\uff1f", "zh"),
        ("\u8fd1", "zh"),
        ("\u0e40\u0e2b\u0e25\u0e47\u0e01", "th"),
        ("\uc218\uc131", "ko"),
        ("\u0935\u093f\u091c\u094d\u091e\u093e\u0928", "hi"),
        ("G\u00f6del", "de"),
        ("Go\u0308del", "de"),
        ("Godel", "de"),
        ("h2o", "de"),
        ("\u03bcm", "de"),
        ("first", "de"),
    ],
)
def test_any_script_is_found_and_returned_as_it_was(tmp_path: Path, query: str, best: str):
    index = SparseIndex.build(tmp_path / "index", SCRIPTS)
    (found,) = index.search([query], 1)
    assert [one.id for one in found] == [best]
    original = next(one for one in SCRIPTS if one.id == best)
    assert (found[0].text, found[0].title) == (original.text, original.title)


def test_passages_whose_words_cannot_be_told_apart_are_a_warning(tmp_path: Path, caplog):
    SparseIndex.build(tmp_path / "scripts", SCRIPTS)
    assert not caplog.text
    run = "thetextwritesnospacesbetweenitswordsasoldinscriptionsdidandsoon"
    SparseIndex.build(tmp_path / "index", [Passage(run, "", "a"), *PASSAGES])
    assert "1 of 5 passages have no spaces between words" in caplog.text


def test_an_index_of_before_scripts_were_cut_can_be_searched_and_changed(tmp_path: Path):
    folder = tmp_path / "index"
    SparseIndex.build(folder, PASSAGES)
    data = folder / "tantivy"
    for path in data.iterdir():
        path.unlink()
    (folder / CHECKSUMS_FILE).unlink()
    schema = (
        tantivy.SchemaBuilder()
        .add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
        .add_text_field("passage", stored=True, tokenizer_name="llmexam_en", index_option="freq")
        .build()
    )
    old = tantivy.Index(schema, path=str(data))
    old.register_tokenizer("llmexam_en", build_analyzer(stop_words=False))
    writer = old.writer(15_000_000)
    for one in PASSAGES:
        writer.add_document(tantivy.Document(id=one.id, passage=f"{one.title}\n{one.text}"))
    writer.commit()
    writer.wait_merging_threads()
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["checksum"]
    manifest["analysis"] = dict(ANALYSIS_BEFORE_SCRIPTS)
    manifest["checksum"] = hash_json(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    index = SparseIndex.open(folder)
    (found,) = index.search(["whales"], 1)
    assert (found[0].id, found[0].text) == ("whale#0", "The whale is a mammal.")
    index.add([Passage("Tin is a metal, too.", "Metals", "tin#0")])
    again = SparseIndex.open(folder)
    assert again.search(["tin"], 1)[0][0].text == "Tin is a metal, too."
    assert again.manifest.analysis == dict(ANALYSIS_BEFORE_SCRIPTS)

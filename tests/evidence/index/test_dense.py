import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

from llmexam.errors import (
    CorruptIndexError,
    EvidenceIndexError,
    IndexMismatchError,
    MissingDependencyError,
)
from llmexam.evidence.index.dense import DenseIndex
from llmexam.evidence.index.files import index_hash
from llmexam.evidence.index.opening import open_index, verify_index
from llmexam.evidence.index.passage_store import PassageStore
from llmexam.evidence.index.vectors import DenseSettings
from llmexam.exam.question import Passage

pytest.importorskip("faiss")


class HashEncoder:
    """Bags of hashed words: texts that share words are near."""

    name = "hash"
    weights_hash = "0" * 64
    dim = 64

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def encode(self, texts: Sequence[str], *, kind: str = "") -> np.ndarray:
        self.sizes.append(len(texts))
        vectors = np.full((len(texts), self.dim), 1e-3, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().replace(".", "").split():
                vectors[row, crc32(word.encode()) % self.dim] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


PASSAGES = [
    Passage("Gold is dense.", "", "gold#0"),
    Passage("Gold never rusts.", "", "gold#1"),
    Passage("Iron rusts quickly.", "", "iron#0"),
    Passage("Whales swim.", "Animals", "whale#0"),
]


@pytest.fixture
def index(tmp_path: Path) -> DenseIndex:
    return DenseIndex.build(
        tmp_path / "index", PASSAGES, HashEncoder(), chunking={"tokens": 9, "overlap": 0}
    )


def ids(found: list[list[Passage]]) -> list[list[str]]:
    return [[passage.id for passage in passages] for passages in found]


def test_search_returns_the_nearest_with_their_cosine(index: DenseIndex):
    found = index.search(["gold is dense", "whales swim animals"], 2)
    assert found[0][0] == Passage("Gold is dense.", "", "gold#0", found[0][0].score)
    assert found[0][0].score == pytest.approx(1, abs=1e-5)
    assert found[1][0].title == "Animals"
    assert [len(passages) for passages in found] == [2, 2]
    assert len(index.search(["gold"], 99)[0]) == 4
    assert index.search([], 3) == []
    with pytest.raises(EvidenceIndexError, match="at least 1"):
        index.search(["gold"], 0)


def test_add_and_delete_reach_the_disk(index: DenseIndex):
    assert (
        index.add([Passage("Gold melts.", "", "gold#0"), Passage("Tin bends.", "", "tin#0")]) == 2
    )
    assert len(index) == 4
    again = DenseIndex.open(index.folder, HashEncoder())
    assert ids(again.search(["gold melts", "tin bends"], 1)) == [["gold#0"], ["tin#0"]]
    assert again.manifest.n_passages == 4
    assert again.delete(["gold", "iron#0", "unknown"]) == 2
    assert ids(DenseIndex.open(index.folder, HashEncoder()).search(["gold"], 9)) == [
        ids(again.search(["gold"], 9))[0]
    ]
    assert len(list(index.folder.glob("*.faiss"))) == 1


def test_a_failed_add_changes_nothing(index: DenseIndex):
    def broken() -> Iterator[Passage]:
        yield from (Passage(f"Zinc {n}.", "", f"zinc{n}") for n in range(20))
        raise RuntimeError("the corpus ended badly")

    with pytest.raises(RuntimeError, match="ended badly"):
        index.add(broken(), DenseSettings(batch=8))
    assert len(index) == len(DenseIndex.open(index.folder, HashEncoder())) == 4


def test_two_open_objects_change_the_index_in_turn(index: DenseIndex):
    other = DenseIndex.open(index.folder, HashEncoder())
    index.add([Passage("Tin bends.", "", "tin#0")])
    other.add([Passage("Zinc melts.", "", "zinc#0")])
    assert index.delete(["zinc"]) == 1
    assert other.delete(["tin", "gold"]) == 3
    assert (len(index), len(other)) == (5, 2)
    found = DenseIndex.open(index.folder, HashEncoder())
    assert sorted(ids(found.search(["tin"], 9))[0]) == ["iron#0", "whale#0"]
    assert found.manifest == other.manifest
    assert (found.manifest.n_passages, verify_index(index.folder)) == (2, 2)


def test_an_object_of_a_rebuilt_index_adds_to_the_new_one(index: DenseIndex):
    pages = [Passage(f"Whale {n}.", "", f"page#{n}") for n in range(7)]
    DenseIndex.build(index.folder, pages, HashEncoder())
    index.add([Passage("Gold melts.", "", "page#3")])
    assert (len(index), index.manifest.chunking) == (7, None)
    assert ids(index.search(["gold melts"], 1)) == [["page#3"]]
    assert len(DenseIndex.open(index.folder, HashEncoder())) == 7


def test_an_object_of_a_rebuilt_index_searches_the_new_one(index: DenseIndex):
    pages = [Passage(f"Zinc {n}.", "", f"page#{n}") for n in range(3)]
    rebuilt = DenseIndex.build(index.folder, pages, HashEncoder())
    rebuilt.add([Passage("Gold melts.", "", "page#3")])
    found = index.search(["gold melts", "zinc 2"], 1)
    assert ids(found) == [["page#3"], ["page#2"]]
    assert [passages[0].score for passages in found] == pytest.approx([1, 1], abs=1e-4)


def test_a_large_index_has_lists_and_finds_nearly_the_same(tmp_path: Path):
    random = np.random.default_rng(0)
    words = [f"w{n}" for n in range(300)]
    passages = [Passage(" ".join(random.choice(words, 8)), "", f"p{n}") for n in range(3000)]
    flat = DenseIndex.build(tmp_path / "flat", passages, HashEncoder())
    lists = DenseIndex.build(
        tmp_path / "lists", passages, HashEncoder(), DenseSettings(flat_limit=1000)
    )
    assert flat.manifest.encoder is not None
    assert flat.manifest.encoder.vectors == "flat"
    assert lists.manifest.encoder is not None
    assert lists.manifest.encoder.vectors == "ivf-sq8"
    queries = [passage.text for passage in passages[::100]]
    exact, near = flat.search(queries, 5), lists.search(queries, 5)
    assert [found[0].id for found in near] == [passage.id for passage in passages[::100]]
    shared = [len({p.id for p in a} & {p.id for p in b}) for a, b in zip(exact, near, strict=True)]
    # Words drawn at random have no clusters, and where lists end is the processor's rounding.
    assert sum(shared) / (5 * len(queries)) > 0.7
    size = (tmp_path / "lists" / "vectors-0.faiss").stat().st_size
    assert size < 0.5 * (tmp_path / "flat" / "vectors-0.faiss").stat().st_size
    assert lists.delete(["p0"]) == 1
    assert "p0" not in ids(lists.search(queries[:1], 5))[0]


def test_encoding_goes_in_batches(tmp_path: Path):
    encoder = HashEncoder()
    DenseIndex.build(
        tmp_path / "index",
        (Passage(f"Text {n}", "", f"p{n}") for n in range(25)),
        encoder,
        DenseSettings(batch=10),
    )
    assert encoder.sizes == [10, 10, 5]
    assert sorted(path.name for path in (tmp_path / "index").iterdir()) == [
        ".lock",
        "manifest.json",
        "passages.sqlite",
        "vectors-0.faiss",
    ]


def test_other_weights_are_refused(index: DenseIndex):
    other = HashEncoder()
    other.weights_hash = "1" * 64
    with pytest.raises(IndexMismatchError, match=r"encoder\.weights_hash"):
        DenseIndex.open(index.folder, other)


def test_no_passages(tmp_path: Path):
    with pytest.raises(EvidenceIndexError, match="no passages"):
        DenseIndex.build(tmp_path / "index", [], HashEncoder())
    assert list(tmp_path.iterdir()) == []


def test_damage_is_named(index: DenseIndex):
    file = index.folder / "vectors-0.faiss"
    content = file.read_bytes()
    file.write_bytes(content[:-10])
    with pytest.raises(CorruptIndexError, match=r"vectors-0\.faiss"):
        DenseIndex.open(index.folder, HashEncoder())
    file.write_bytes(b"\0" * len(content))
    with pytest.raises(CorruptIndexError, match=r"vectors-0\.faiss"):
        DenseIndex.open(index.folder, HashEncoder())
    file.write_bytes(content)
    (index.folder / "passages.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(CorruptIndexError, match=r"passages\.sqlite"):
        DenseIndex.open(index.folder, HashEncoder())
    (index.folder / "passages.sqlite").unlink()
    with pytest.raises(CorruptIndexError, match=r"passages\.sqlite"):
        DenseIndex.open(index.folder, HashEncoder())


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from test_dense import HashEncoder
from llmexam.evidence.index.dense import DenseIndex
from llmexam.evidence.index.vectors import DenseSettings
from llmexam.exam.question import Passage

def passages():
    for n in range(50):
        yield Passage(f"Zinc number {n}.", "", f"zinc{n}")
    os.kill(os.getpid(), signal.SIGKILL)

DenseIndex.open(sys.argv[1], HashEncoder()).add(passages(), DenseSettings(batch=10))
"""


def test_a_kill_leaves_the_index_as_it_was(index: DenseIndex):
    here = str(Path(__file__).parent)
    done = subprocess.run([sys.executable, "-c", KILLED, str(index.folder), here], check=False)
    assert done.returncode == -signal.SIGKILL
    after = DenseIndex.open(index.folder, HashEncoder())
    assert len(after) == 4
    assert after.add([Passage("Tin.", "", "tin")]) == 1


KILLED_AT = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from test_dense import HashEncoder
from llmexam.evidence.index import dense, manifest, passage_store
from llmexam.exam.question import Passage

def killed(*args):
    os.kill(os.getpid(), signal.SIGKILL)

def killed_at_the_second_call(*args, before=manifest.write_json, calls=[]):
    killed() if calls else before(*args)
    calls.append(args)

index = dense.DenseIndex.open(sys.argv[1], HashEncoder())
if sys.argv[3] == "vectors are written":
    passage_store.PassageStore.vectors = passage_store.PassageStore.vectors.setter(killed)
else:
    manifest.write_json = killed_at_the_second_call
index.add([Passage("Zinc melts.", "", "zinc#0")])
"""


@pytest.mark.parametrize("folder_is", ["searched", "changed"])
@pytest.mark.parametrize(
    ("moment", "n_passages"), [("vectors are written", 4), ("change is committed", 5)]
)
def test_what_a_kill_leaves_is_settled(
    index: DenseIndex, tmp_path: Path, moment: str, n_passages: int, folder_is: str
):
    undisturbed = DenseIndex.build(
        tmp_path / "undisturbed", PASSAGES, HashEncoder(), chunking=CHUNKING
    )
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT, str(index.folder), here, moment], check=False
    )
    assert done.returncode == -signal.SIGKILL
    if n_passages == 5:
        undisturbed.add([Passage("Zinc melts.", "", "zinc#0")])
    after = index
    if folder_is == "changed":
        for one in (index, undisturbed):
            one.delete(["gold"])
    else:
        after = DenseIndex.open(index.folder, HashEncoder())
    assert after.manifest == undisturbed.manifest
    assert index_hash(index.folder) == index_hash(undisturbed.folder)
    assert len(list(index.folder.glob("vectors-*"))) == 1
    assert len(after) == after.manifest.n_passages == verify_index(index.folder)


def test_a_change_that_fails_at_its_end_leaves_no_file(
    index: DenseIndex, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    before = index.manifest
    monkeypatch.setattr(PassageStore, "vectors", PassageStore.vectors.setter(fail))
    with pytest.raises(OSError, match="no space left"):
        index.add([Passage("Zinc melts.", "", "zinc#0")])
    assert [path.name for path in index.folder.glob("vectors-*")] == ["vectors-0.faiss"]
    assert index.manifest == before == DenseIndex.open(index.folder, HashEncoder()).manifest
    assert len(index) == 4


def test_open_index_goes_by_the_manifest(index: DenseIndex):
    assert isinstance(open_index(index.folder, encoder=HashEncoder()), DenseIndex)


def test_without_faiss_the_error_says_what_to_install(
    index: DenseIndex, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingDependencyError, match=r"llmexam\[encoders\]"):
        DenseIndex.open(index.folder, HashEncoder())


def test_ids_with_numbers_are_documents_of_their_own_where_none_was_cut(tmp_path: Path):
    pages = [Passage("One whale.", "", "page#1"), Passage("Two whales.", "", "page#2")]
    index = DenseIndex.build(tmp_path / "index", pages, HashEncoder())
    index.add([Passage("Three whales.", "", "page#3"), Passage("One seal.", "", "page#1")])
    assert sorted(ids(index.search(["whale"], 9))[0]) == ["page#1", "page#2", "page#3"]


CHUNKING = {"tokens": 9, "overlap": 0}


def test_adding_a_document_keeps_a_passage_with_that_id_of_another_document(tmp_path: Path):
    index = DenseIndex.build(
        tmp_path / "index",
        [Passage("One whale.", "", "C#0"), Passage("Two whales.", "", "C#1")],
        HashEncoder(),
        chunking=CHUNKING,
    )
    # The document `C#0`; until now `C#0` was only the first passage of the document `C`.
    index.add([Passage("One seal.", "", "C#0#0")])
    assert sorted(ids(index.search(["whale"], 9))[0]) == ["C#0", "C#0#0", "C#1"]
    assert index.delete(["C#0"]) == 1
    assert sorted(ids(index.search(["whale"], 9))[0]) == ["C#0", "C#1"]
    assert index.delete(["C#0"]) == 1
    assert ids(index.search(["whale"], 9)) == [["C#1"]]


def test_every_change_gives_another_hash(tmp_path: Path):
    hashes = []
    for name, passages in (("one", PASSAGES), ("two", PASSAGES), ("three", PASSAGES[::-1])):
        DenseIndex.build(tmp_path / name, passages, HashEncoder(), chunking=CHUNKING)
        hashes.append(index_hash(tmp_path / name))
    assert hashes[0] == hashes[1] != hashes[2]
    index = DenseIndex.open(tmp_path / "one", HashEncoder())
    index.delete(["gold#1"])
    hashes.append(index_hash(index.folder))
    index.add([Passage("Gold never rusts.", "", "gold#1")])
    hashes.append(index_hash(index.folder))
    assert len(set(hashes)) == 4


def test_a_failed_add_keeps_the_hash(index: DenseIndex):
    def broken() -> Iterator[Passage]:
        yield from (Passage(f"Zinc {n}.", "", f"zinc{n}") for n in range(20))
        raise RuntimeError("the corpus ended badly")

    before = index_hash(index.folder)
    with pytest.raises(RuntimeError, match="ended badly"):
        index.add(broken(), DenseSettings(batch=8))
    assert index_hash(index.folder) == before


def test_a_killed_add_gives_another_hash(index: DenseIndex):
    before = index_hash(index.folder)
    here = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-c", KILLED, str(index.folder), here], check=False)
    assert index_hash(index.folder) != before


def test_a_folder_with_files_of_the_user_is_not_replaced(index: DenseIndex):
    (index.folder / "my_notes.md").write_text("mine")
    with pytest.raises(EvidenceIndexError, match=r"files that are not of an index: my_notes\.md"):
        DenseIndex.build(index.folder, PASSAGES, HashEncoder())
    assert (index.folder / "my_notes.md").read_text() == "mine"


def test_every_damaged_byte_of_the_vectors_is_found(index: DenseIndex):
    file = index.folder / "vectors-0.faiss"
    content = file.read_bytes()
    for place in range(0, len(content), 13):
        file.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(CorruptIndexError, match="damaged"):
            DenseIndex.open(index.folder, HashEncoder())
    with pytest.raises(CorruptIndexError, match="damaged"):
        verify_index(index.folder)


def test_a_damaged_text_or_number_of_a_passage_is_found(index: DenseIndex):
    file = index.folder / "passages.sqlite"
    content = file.read_bytes()
    place = content.index(b"Whales swim")
    file.write_bytes(content.replace(b"Whales swim", b"Whales swin"))
    opened = DenseIndex.open(index.folder, HashEncoder())
    with pytest.raises(CorruptIndexError, match="checksum"):
        opened.search(["animals whales swim"], 1)
    with pytest.raises(CorruptIndexError, match="checksum"):
        verify_index(index.folder)
    # A cell of a table begins with its length and its number; the fourth passage has number 3.
    header = content.rindex(b"\x03\x07", 0, place)
    file.write_bytes(content[:header] + b"\x13" + content[header + 1 :])
    with pytest.raises(CorruptIndexError, match=r"missing|checksum"):
        DenseIndex.open(index.folder, HashEncoder()).search(["animals whales swim"], 1)
    file.write_bytes(content)
    assert verify_index(index.folder) == 4


def test_checksums_are_the_same_in_every_version_of_python(tmp_path: Path):
    # U+1FAE8 was assigned in Unicode 15, so Python before 3.12 escapes it in `repr`.
    texts = ["shaking \U0001fae8", "not assigned \U000e0fff", "it's"]
    passages = [Passage(text, "A  title", f"d{n}") for n, text in enumerate(texts)]
    folder = DenseIndex.build(tmp_path / "index", passages, HashEncoder()).folder
    with closing(sqlite3.connect(folder / "passages.sqlite")) as connection:
        found = connection.execute("SELECT checksum FROM passage ORDER BY number").fetchall()
    for n, (text, (checksum,)) in enumerate(zip(texts, found, strict=True)):
        content = f"[1, 2, 7, {len(text.encode())}]{n}d{n}A title{text}"
        assert checksum == f"crc32 {crc32(content.encode()):08x}"


def test_checksums_of_an_earlier_version_are_not_compared(index: DenseIndex):
    with closing(sqlite3.connect(index.folder / "passages.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE old AS SELECT * FROM passage")
        connection.execute("DROP TABLE passage")
        connection.execute(
            "CREATE TABLE passage (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT, "
            "document TEXT, title TEXT, text TEXT, checksum INTEGER)"
        )
        connection.execute(
            "INSERT INTO passage SELECT number, id, document, title, text, 7 FROM old"
        )
        connection.execute("DROP TABLE old")
    assert verify_index(index.folder) == 4
    index.add([Passage("Zinc melts.", "", "zinc#0")])
    assert ids(index.search(["zinc melts", "animals whales swim"], 1)) == [["zinc#0"], ["whale#0"]]
    with closing(sqlite3.connect(index.folder / "passages.sqlite")) as connection, connection:
        connection.execute("UPDATE passage SET text = 'Zinc melds.' WHERE id = 'zinc#0'")
    with pytest.raises(CorruptIndexError, match="checksum"):
        verify_index(index.folder)


def test_an_index_without_checksums_is_searched_and_gets_them(index: DenseIndex):
    with closing(sqlite3.connect(index.folder / "passages.sqlite")) as connection, connection:
        connection.execute("ALTER TABLE passage DROP COLUMN checksum")
        connection.execute("ALTER TABLE vectors DROP COLUMN checksums")
    old = DenseIndex.open(index.folder, HashEncoder())
    assert ids(old.search(["animals whales swim"], 1)) == [["whale#0"]]
    old.add([Passage("Tin melts.", "", "tin#0")])
    again = DenseIndex.open(index.folder, HashEncoder())
    assert ids(again.search(["animals whales swim", "tin melts"], 1)) == [["whale#0"], ["tin#0"]]
    assert verify_index(index.folder) == 5

"""Dense indexes in parts."""

from pathlib import Path

import pytest

from llmexam.errors import CorruptIndexError, IndexMismatchError
from llmexam.evidence.index.dense import DenseIndex
from llmexam.evidence.index.files import index_hash
from llmexam.evidence.index.manifest import EncoderRecord, read_manifest
from llmexam.evidence.index.opening import build_index_parts, open_index, verify_index
from llmexam.evidence.index.parts.dense import DenseParts
from llmexam.evidence.index.parts.part import record_of
from llmexam.evidence.index.vectors import DenseSettings
from llmexam.exam.question import Passage
from llmexam.lm.encoding.embedding import load_embedder
from llmexam.lm.models.loading import BUNDLED

WORDS = "gold iron tin zinc whale bird fish tree river sea moon sun star cell gene acid".split()
PASSAGES = [
    Passage(f"The {a} is near the {b}.", "", f"{a}-{b}") for a in WORDS[:6] for b in WORDS[6:]
]
QUERIES = [f"Where is the {word}?" for word in WORDS]


@pytest.fixture(scope="module")
def encoder():
    return load_embedder(BUNDLED)


def build(folder: Path, passages: list[Passage], n_parts: int, encoder) -> DenseParts:
    build_index_parts(
        "dense", folder, iter(passages), n_parts=n_parts, key={"n": len(passages)}, encoder=encoder
    )
    index = open_index(folder, encoder=encoder)
    assert isinstance(index, DenseParts)
    return index


def flat(found: list[list[Passage]]) -> list[tuple[str, float]]:
    """Return ids and scores; passages with equal scores in order of their ids."""
    return [
        (p.id, pytest.approx(p.score, abs=1e-5))
        for hits in found
        for p in sorted(hits, key=lambda p: (-round(p.score or 0, 4), p.id))
    ]


@pytest.mark.parametrize("n_parts", [1, 2, 7])
def test_similarities_equal_those_of_one_index(tmp_path: Path, encoder, n_parts: int):
    one = DenseIndex.build(tmp_path / "one", PASSAGES, encoder)
    index = build(tmp_path / "index", PASSAGES, n_parts, encoder)
    assert len(index) == len(PASSAGES)
    n = len(PASSAGES)
    assert flat(index.search(QUERIES, n)) == flat(one.search(QUERIES, n))
    for few, many in zip(index.search(QUERIES, 5), one.search(QUERIES, 5), strict=True):
        scores = [p.score for p in few]
        assert scores == sorted(scores, reverse=True)
        assert scores == pytest.approx([p.score for p in many], abs=1e-5)
    assert index.search([], 3) == []


def test_changes_reach_only_the_parts_they_concern(tmp_path: Path, encoder):
    index = build(tmp_path / "index", PASSAGES, 3, encoder)
    changed = Passage("A comet has a tail.", "", PASSAGES[0].id)
    assert index.add([changed]) == 1
    assert [part.folder for part in index.manifest.parts] == [
        "part-00000.1",
        "part-00001",
        "part-00002",
        "part-00003",
    ]
    assert index.search(["comet"], 1)[0][0].id == PASSAGES[0].id
    assert index.delete([PASSAGES[0].id, PASSAGES[-1].id]) == 2
    one = DenseIndex.build(tmp_path / "one", PASSAGES[1:-1], encoder)
    again = open_index(tmp_path / "index", encoder=encoder)
    n = len(again)
    assert flat(again.search(QUERIES, n)) == flat(one.search(QUERIES, n))
    assert verify_index(tmp_path / "index") == n == len(PASSAGES) - 2


def test_damage_names_the_part(tmp_path: Path, encoder):
    build(tmp_path / "index", PASSAGES, 2, encoder)
    (tmp_path / "index" / "part-00001" / "vectors-0.faiss").write_bytes(b"")
    with pytest.raises(CorruptIndexError, match="part 'part-00001'"):
        open_index(tmp_path / "index", encoder=encoder)


LISTS = DenseSettings(flat_limit=20)


class Renamed:
    """The encoder under another name, such as that of a local copy, or with other weights."""

    def __init__(self, encoder, **values):
        self.encoder, self.values = encoder, values

    def __getattr__(self, name):
        return self.values.get(name) or getattr(self.encoder, name)


def build_small_lists(folder: Path, encoder) -> DenseParts:
    """Build two parts with inverted lists."""

    def runner(jobs, done):
        for job, passages in zip(jobs, (PASSAGES[:30], PASSAGES[30:]), strict=True):
            DenseIndex.build(job.folder, passages, encoder, LISTS)
            done(record_of(Path(job.folder), job.name))

    build_index_parts(
        "dense", folder, iter(PASSAGES), n_parts=2, key={}, encoder=encoder, runner=runner
    )
    return DenseParts.open(folder, encoder, LISTS)


def layouts(index: DenseParts) -> list[str]:
    found = (read_manifest(index.folder / part.folder) for part in index.manifest.parts)
    return [manifest.encoder.vectors for manifest in found if manifest.encoder]


def test_parts_of_both_layouts_are_searched_together(tmp_path: Path, encoder):
    index = build_small_lists(tmp_path / "index", encoder)
    # A copy of the model in a local folder has the same weights.
    index = DenseParts.open(tmp_path / "index", Renamed(encoder, name="/models/mine"), LISTS)
    comet = Passage("A comet has a tail.", "", "comet")
    index.add([comet])
    assert layouts(index) == ["ivf-sq8", "ivf-sq8", "flat"]
    index.replace_part("part-00000", PASSAGES[:10])
    assert layouts(index) == ["flat", "ivf-sq8", "flat"]
    kept = [*PASSAGES[:10], *PASSAGES[30:], comet]
    one = DenseIndex.build(tmp_path / "one", kept, encoder)
    again = DenseParts.open(tmp_path / "index", encoder, LISTS)
    assert verify_index(tmp_path / "index") == len(again) == len(kept)
    queries = [*QUERIES, "comet"]
    found = again.search(queries, len(kept))
    expected = one.search(queries, len(kept))
    for some, exact in zip(found, expected, strict=True):
        scores = {p.id: p.score for p in exact}
        assert {p.id: p.score for p in some} == pytest.approx(scores, abs=0.01)
        assert [p.score for p in some] == sorted((p.score for p in some), reverse=True)
    assert found[-1][0].id == "comet"


def test_parts_of_unequal_layout_are_a_finished_build(tmp_path: Path, encoder, monkeypatch):
    # 28 and 29 passages of 57, with at most 28 in an exact part.
    few = PASSAGES[:57]
    limited = DenseSettings(flat_limit=28)
    monkeypatch.setattr("llmexam.evidence.index.dense.DenseSettings", lambda: limited)
    index = build(tmp_path / "index", few, 2, encoder)
    assert layouts(index) == ["flat", "ivf-sq8"]
    again = build_index_parts(
        "dense", tmp_path / "index", iter(()), n_parts=2, key={"n": 57}, encoder=encoder
    )
    assert again.n_resumed == 2


def test_a_refused_part_changes_nothing(tmp_path: Path, encoder, monkeypatch):
    folder = tmp_path / "index"
    index = build(folder, PASSAGES, 2, encoder)
    before = index_hash(folder)
    found = flat(index.search(QUERIES, 3))

    def other_weights(self, path, passages):
        DenseIndex.build(path, passages, Renamed(encoder, weights_hash="other"))

    monkeypatch.setattr(DenseParts, "_build", other_weights)
    for change in (index.add, lambda passages: index.replace_part("part-00000", passages)):
        with pytest.raises(CorruptIndexError, match="encoder is not that of the index"):
            change([Passage("A comet has a tail.", "", PASSAGES[0].id)])
        assert index_hash(folder) == before
        names = {path.name for path in folder.iterdir() if path.is_dir()}
        assert names == {"part-00000", "part-00001"}
        assert flat(index.search(QUERIES, 3)) == found
        assert flat(open_index(folder, encoder=encoder).search(QUERIES, 3)) == found
    monkeypatch.undo()
    assert index.delete([PASSAGES[0].id]) == 1


def test_a_reader_finds_the_new_parts_after_a_change_by_another_process(tmp_path: Path, encoder):
    reader = build(tmp_path / "index", PASSAGES, 3, encoder)
    assert reader.search(["gold"], 1)
    writer = open_index(tmp_path / "index", encoder=encoder)
    assert isinstance(writer, DenseParts)
    writer.replace_part("part-00001", [Passage("A comet has a tail.", "", "comet")])
    assert reader.search(["comet"], 1)[0][0].id == "comet"
    writer.remove_part("part-00000")
    left = len(writer)
    assert len(reader.search(["comet"], len(PASSAGES))[0]) == left
    assert len(reader) == left
    # What another process has deleted is not counted as deleted by this one.
    other = open_index(tmp_path / "index", encoder=encoder)
    writer.delete([PASSAGES[-1].id])
    assert other.delete([PASSAGES[-2].id]) == 1
    DenseIndex.build(tmp_path / "index", PASSAGES[:3], encoder)
    with pytest.raises(Exception, match="not in parts"):
        reader.search(["comet"], 1)


@pytest.mark.parametrize("n_parts", [None, 2])
def test_passages_are_not_added_in_another_precision(tmp_path: Path, encoder, n_parts):
    # As on a processor without int8, where queries are encoded in the default precision.
    folder = tmp_path / "index"
    if n_parts:
        index = build(folder, PASSAGES, n_parts, encoder)
    else:
        index = DenseIndex.build(folder, PASSAGES, encoder)
    recorded = index.manifest.encoder
    assert isinstance(recorded, EncoderRecord)
    changed = recorded.model_copy(update={"precision": "int8"})
    index.manifest.model_copy(update={"encoder": changed}).write(folder)
    index = open_index(folder, encoder=encoder)
    comet = [Passage("A comet has a tail.", "", "comet")]
    before = index_hash(folder)
    with pytest.raises(IndexMismatchError, match=r"\(int8\) to add passages, got (fp32|bf16)"):
        index.add(comet)
    assert index_hash(folder) == before
    assert index.search(["gold"], 1)[0]
    assert index.delete([PASSAGES[0].id]) == 1
    same = Renamed(encoder, precision="int8")
    assert open_index(folder, encoder=same).add(comet) == 1

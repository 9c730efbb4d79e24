"""Dense indexes in parts."""

from pathlib import Path

import pytest

from llmexam.errors import CorruptIndexError
from llmexam.evidence.index.dense import DenseIndex
from llmexam.evidence.index.opening import build_index_parts, open_index, verify_index
from llmexam.evidence.index.parts.dense import DenseParts
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

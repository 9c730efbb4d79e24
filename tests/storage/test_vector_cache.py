import numpy as np

from llmexam.storage.vector_cache import VectorCache

TEXTS = ["sky", "sea", ""]
VECTORS = np.arange(6, dtype=np.float32).reshape(3, 2)
CUT = np.array([False, True, False])


def look_up(cache, texts, dim=2):
    vectors = np.full((len(texts), dim), -1, dtype=np.float32)
    cut = np.zeros(len(texts), dtype=bool)
    known = cache.look_up(texts, vectors, cut)
    return known.tolist(), vectors.tolist(), cut.tolist()


def test_what_is_stored_is_found_by_another_process(tmp_path):
    VectorCache(tmp_path, 2).store(TEXTS, VECTORS, CUT)
    found = look_up(VectorCache(tmp_path, 2), ["sea", "moon", "sky"])
    assert found == ([True, False, True], [[2, 3], [-1, -1], [0, 1]], [True, False, False])


def test_an_open_cache_sees_what_others_add(tmp_path):
    cache, other = VectorCache(tmp_path / "new", 2), VectorCache(tmp_path / "new", 2)
    assert look_up(cache, TEXTS)[0] == [False] * 3
    other.store(TEXTS[:1], VECTORS[:1], CUT[:1])
    other.store(TEXTS[1:], VECTORS[1:], CUT[1:])
    assert look_up(cache, TEXTS) == ([True] * 3, VECTORS.tolist(), CUT.tolist())


def test_segments_of_earlier_versions_are_named_and_not_read(tmp_path, caplog):
    (tmp_path / "x.npy").write_bytes(b"")
    cache = VectorCache(tmp_path, 2)
    assert f"{tmp_path}: the .npy files are of an earlier version" in caplog.text
    assert look_up(cache, TEXTS)[0] == [False] * 3


def test_vectors_of_another_length_are_not_taken(tmp_path):
    VectorCache(tmp_path, 2).store(TEXTS, VECTORS, CUT)
    assert look_up(VectorCache(tmp_path, 3), TEXTS, dim=3)[0] == [False] * 3


def test_nothing_is_stored_for_no_texts(tmp_path):
    VectorCache(tmp_path / "c", 2).store([], VECTORS[:0], CUT[:0])
    assert not (tmp_path / "c").exists()

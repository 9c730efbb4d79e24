import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmexam.evidence import seen
from llmexam.evidence.seen import SeenKeys, hash_texts


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(st.integers(0, 40), max_size=12), max_size=12))
def test_it_agrees_with_a_set(batches: list[list[int]]):
    known: set[int] = set()
    with SeenKeys() as keys:
        for batch in batches:
            expected = []
            for key in batch:
                expected.append(key not in known)
                known.add(key)
            assert keys.add(np.array(batch, dtype=np.uint64)).tolist() == expected
        assert len(keys) == len(known)


def test_long_runs_go_to_files(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(seen, "_SPILL", 100)
    monkeypatch.setattr(seen, "_LONGEST", 600)
    with SeenKeys() as keys:
        for start in range(0, 2000, 50):
            assert keys.add(np.arange(start, start + 50, dtype=np.uint64)).all()
        assert not keys.add(np.arange(2000, dtype=np.uint64)).any()
        assert any(isinstance(run, np.memmap) for run in keys._runs)
        assert max(map(len, keys._runs)) <= 600
        folder = keys._folder
        assert folder is not None
        name = folder.name
    with pytest.raises(FileNotFoundError):
        np.load(f"{name}/0.npy")


def test_hashes_are_stable_and_take_any_text():
    assert hash_texts(["a"]).tolist() == hash_texts(["b", "a"]).tolist()[1:]
    assert len(set(hash_texts(["", "a", "\ud800", "é"]).tolist())) == 4
    assert hash_texts([]).shape == (0,)

import subprocess
import sys

import numpy as np
import pytest

from llmexam.recovery.embeddings import text_vectors

TEXTS = ["The sea is calm.", "Rain.", "word " * 300]
# Embeds the texts; prints the number of forward passes, the vectors and which texts were cut.
PROCESS = f"""
import sys
from llmexam.recovery.embeddings import text_vectors

vectors = text_vectors("bundled", cache_dir=sys.argv[1])
found = vectors.encode({TEXTS!r})
print(vectors.embedder.n_forwards, found.tobytes().hex(), vectors.cut({TEXTS!r}).tolist())
"""


def test_all_callers_share_one_embedder_in_memory(tmp_path):
    assert text_vectors("bundled") is text_vectors("bundled", "fp32")
    assert text_vectors("bundled", cache_dir=tmp_path) is not text_vectors("bundled")


@pytest.mark.slow
def test_a_second_process_embeds_nothing(tmp_path):
    vectors = text_vectors("bundled", cache_dir=tmp_path)
    found = vectors.encode(TEXTS)
    assert vectors.embedder.n_forwards > 0
    second = subprocess.run(
        [sys.executable, "-c", PROCESS, tmp_path], capture_output=True, text=True, check=True
    )
    n_forwards, vectors_found, cut = second.stdout.strip().split(maxsplit=2)
    assert int(n_forwards) == 0
    assert vectors_found == found.tobytes().hex()
    assert cut == "[False, False, True]"


@pytest.mark.slow
def test_a_killed_process_leaves_what_it_finished(tmp_path):
    """Only the window that was being embedded is computed again."""
    vectors = text_vectors("bundled", cache_dir=tmp_path)
    kept = vectors.embedder._forward_all
    texts = [f"number {i}" for i in range(1500)]

    computed = []

    def stops_in_the_second_window(ids, *args):
        if len(ids) < 1024:
            raise KeyboardInterrupt
        return kept(ids, *args)

    def counts(ids, *args):
        computed.append(len(ids))
        return kept(ids, *args)

    vectors.embedder._forward_all = stops_in_the_second_window
    with pytest.raises(KeyboardInterrupt):
        vectors.encode(texts)
    vectors.embedder._forward_all = counts
    found = vectors.encode(texts)
    assert computed == [1500 - 1024]
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)

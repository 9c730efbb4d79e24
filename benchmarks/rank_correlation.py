"""How the sharpened cosine of an embedder ranks predictions whose score was published.

The file has a column of predictions and one of their published sharpened cosine. Rows are compared
one by one, and in the official form: one value for each distinct true prompt, the mean over its
rows. Intervals resample whole prompts. Run:

    python benchmarks/rank_correlation.py triplets.csv --embedder bundled --embedder FOLDER \
        --predictions mistral_guess --published mistral_guess_sharpened_cosine
"""

from __future__ import annotations

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr  # type: ignore[import-untyped]

from llmexam.recovery.embeddings import text_vectors
from llmexam.recovery.metrics.sharpened_cosine import SharpenedCosine
from llmexam.recovery.parsing import read_rewrites

N_RESAMPLES = 2000

Floats = NDArray[np.float64]


def main() -> None:
    """Print the rank correlations of each embedder with the published scores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", help="file of rewrites with prompts, predictions and their scores")
    parser.add_argument("--predictions", required=True, help="column of the predictions")
    parser.add_argument("--published", required=True, help="column of their published scores")
    parser.add_argument("--embedder", action="append", help="repeatable; by default bundled")
    given = parser.parse_args()

    exam = read_rewrites(given.rows)
    texts = [row.metadata[given.predictions] for row in exam]
    published = np.array([float(row.metadata[given.published]) for row in exam])
    _, prompt_of = np.unique(exam.prompts, return_inverse=True)
    print(f"{len(exam)} rows, {prompt_of.max() + 1} prompts, published {published.mean():.4f}")
    for name in given.embedder or ["bundled"]:
        scores = SharpenedCosine(text_vectors(name)).values(exam, texts)
        print(
            f"{name}: {scores.mean():.4f} over rows, {_by(scores, prompt_of).mean():.4f} by prompt"
        )
        for label, value, low, high in correlations(scores, published, prompt_of):
            print(f"  Spearman's rho {label}: {value:.3f} ({low:.3f} to {high:.3f})")


def correlations(
    scores: Floats, published: Floats, prompt_of: NDArray[np.int64]
) -> list[tuple[str, float, float, float]]:
    """Return rank correlations over rows and over prompts, with 95 % bootstrap intervals."""
    n = int(prompt_of.max()) + 1
    rows_of = [np.flatnonzero(prompt_of == prompt) for prompt in range(n)]
    by_prompt = (_by(scores, prompt_of), _by(published, prompt_of))
    rng = np.random.default_rng(0)
    over_rows, over_prompts = [], []
    for _ in range(N_RESAMPLES):
        drawn = rng.integers(0, n, n)
        rows = np.concatenate([rows_of[prompt] for prompt in drawn])
        over_rows.append(spearmanr(scores[rows], published[rows])[0])
        over_prompts.append(spearmanr(by_prompt[0][drawn], by_prompt[1][drawn])[0])
    return [
        ("over rows", spearmanr(scores, published)[0], *np.percentile(over_rows, (2.5, 97.5))),
        ("over prompts", spearmanr(*by_prompt)[0], *np.percentile(over_prompts, (2.5, 97.5))),
    ]


def _by(values: Floats, prompt_of: NDArray[np.int64]) -> Floats:
    means: Floats = np.bincount(prompt_of, values) / np.bincount(prompt_of)
    return means


if __name__ == "__main__":
    main()

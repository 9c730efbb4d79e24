"""Coverage of confidence intervals of MAP@3 on small exams, by simulation.

Values per question are drawn from {0, 1/3, 1/2, 1} with a known mean, independent or in clusters of
five questions with an intra-cluster correlation of 0.3. Each interval should contain the true mean
in 95 of 100 exams. Run: python benchmarks/coverage_simulation.py [--exams 2000] [--seed 0]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from llmexam.evaluation.bootstrap import mean_intervals, t_interval, wilson_interval

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Interval = tuple[float, float]

VALUES = np.array([0, 1 / 3, 1 / 2, 1])
CHANCES = {
    0.40: (0.325, 0.225, 0.25, 0.2),
    0.75: (0.05, 0.15, 0.2, 0.6),
    0.95: (0.0, 0.03, 0.06, 0.91),
}
SIZES = (20, 50, 100, 200)
CORRELATION = 0.3
CLUSTER_SIZES = (1, 5)
N_RESAMPLES = 2000


def draw(n: int, size: int, chances: tuple[float, ...], rng: np.random.Generator) -> Floats:
    """Return the values of an exam with clusters of a size, shape `[n, 1]`.

    Each question takes its cluster's value with probability sqrt(correlation) and one of its own
    otherwise, so that two questions of a cluster correlate by `CORRELATION`.
    """
    own = rng.choice(VALUES, size=n, p=chances)
    if size == 1:
        return own[:, None]
    shared = np.repeat(rng.choice(VALUES, size=n // size, p=chances), size)
    return np.where(rng.random(n) < np.sqrt(CORRELATION), shared, own)[:, None]


def _bootstrap(method: str, values: Floats, clusters: Integers | None, seed: int) -> Interval:
    (found,) = mean_intervals(
        values,
        n_resamples=N_RESAMPLES,
        seed=seed,
        method=method,  # type: ignore[arg-type]
        clusters=clusters,
    )
    return found.low, found.high


METHODS: dict[str, Callable[[Floats, Integers | None, int], Interval]] = {
    "percentile": lambda v, c, seed: _bootstrap("percentile", v, c, seed),
    "expanded": lambda v, c, seed: _bootstrap("expanded", v, c, seed),
    "BCa": lambda v, c, seed: _bootstrap("bca", v, c, seed),
    "t": lambda v, c, seed: t_interval(v[:, 0], clusters=c),
    "Wilson": lambda v, c, seed: wilson_interval(
        float(v.mean()), len(v) if c is None else len(np.unique(c))
    ),
    "no clusters": lambda v, c, seed: _bootstrap("percentile", v, None, seed),
}


def main() -> None:
    """Print the coverage of each method, in percent."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--exams", type=int, default=2000, help="simulated exams per row")
    options.add_argument("--seed", type=int, default=0, help="seed of the simulation")
    given = options.parse_args()
    error = 100 * np.sqrt(0.95 * 0.05 / given.exams)
    print(f"coverage in %, {given.exams} exams; Monte-Carlo standard error {error:.1f} at 95 %")
    print("cluster  mean    n  " + "".join(f"{name:>12}" for name in METHODS))
    for size in CLUSTER_SIZES:
        for mean, chances in CHANCES.items():
            for n in SIZES:
                rng = np.random.default_rng([given.seed, size, int(100 * mean), n])
                clusters = None if size == 1 else np.repeat(np.arange(n // size), size)
                hits = dict.fromkeys(METHODS, 0)
                for exam in range(given.exams):
                    values = draw(n, size, chances, rng)
                    for name, method in METHODS.items():
                        low, high = method(values, clusters, exam)
                        hits[name] += low <= mean <= high
                cells = "".join(f"{100 * hit / given.exams:12.1f}" for hit in hits.values())
                print(f"{size:7d}  {mean:.2f}  {n:3d}  {cells}", flush=True)


if __name__ == "__main__":
    main()

"""Compare the results of two runs of one plan: scores of solvers, or texts of recoverers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from llmexam.errors import RunError
from llmexam.exam.score_files import read_scores


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the results of a solver agree.

    Attributes:
        name: The solver.
        n_items: Questions or rows that were compared.
        largest_difference: Largest absolute difference of two scores; for texts, the share of
            those that differ.
    """

    name: str
    n_items: int
    largest_difference: float


def compare_runs(here: Path, there: Path, folder: str) -> list[Agreement]:
    """Return how far the results of two runs agree, for each solver.

    Args:
        here: Folder of one run.
        there: Folder of the other.
        folder: Folder of the results inside a run: `scores` or `answers`.

    Raises:
        RunError: The other run lacks a solver, or answered other questions.
    """
    # A run with a time limit may have further results, such as those of a baseline.
    names = sorted(path.name for path in (here / folder).iterdir())
    for name in names:
        if not (there / folder / name).is_file():
            raise RunError(f"the trial has no results of '{Path(name).stem}'", file=there / folder)
    return [_compare(here / folder / name, there / folder / name) for name in names]


def _compare(one: Path, other: Path) -> Agreement:
    if one.suffix == ".parquet":
        return _compare_scores(one, other)
    first, second = ({row["id"]: row["answer"] for row in _answers(path)} for path in (one, other))
    if first.keys() != second.keys():
        raise RunError("the runs answered different rows", file=other)
    n_other = sum(first[id_] != second[id_] for id_ in first)
    return Agreement(one.stem, len(first), n_other / max(1, len(first)))


def _answers(path: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(path.read_bytes())["answers"]
    return found


def _compare_scores(one: Path, other: Path) -> Agreement:
    (first, _), (second, _) = read_scores(one), read_scores(other)
    ids: Sequence[str] = first.question_ids
    if list(ids) != list(second.question_ids) or not np.array_equal(first.present, second.present):
        raise RunError("the runs answered different questions", file=other)
    difference = np.abs(first.values - second.values)[first.present]
    return Agreement(one.stem, len(ids), float(difference.max(initial=0.0)))

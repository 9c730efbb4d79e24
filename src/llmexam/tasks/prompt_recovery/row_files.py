"""Grades of each row in a file, so that they can be shown without computing them again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from llmexam.storage.atomic import write_json
from llmexam.tasks.prompt_recovery.results import RowGrades


def write_row_grades(path: Path, grades: RowGrades) -> None:
    """Write the grades of all rows to a JSON file, atomically."""
    write_json(
        path,
        {
            "metrics": {name: _numbers(values) for name, values in grades.metrics.items()},
            "loss": _numbers(grades.loss),
            "facets": {name: list(map(list, pairs)) for name, pairs in grades.facets.items()},
        },
    )


def read_row_grades(path: Path) -> RowGrades:
    """Return the grades that `write_row_grades` wrote.

    Raises:
        OSError: There is no such file.
        ValueError: It is damaged.
        KeyError: Likewise.
    """
    found = json.loads(path.read_text(encoding="utf-8"))
    return RowGrades(
        {name: _array(values) for name, values in found["metrics"].items()},
        _array(found["loss"]),
        {name: [(str(a), str(b)) for a, b in pairs] for name, pairs in found["facets"].items()},
    )


def _numbers(values: np.ndarray) -> list[float | None]:
    # JSON has no NaN.
    return [float(one) if np.isfinite(one) else None for one in values]


def _array(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if one is None else one for one in values], dtype=np.float64)

"""The training curve on disk: JSON Lines, appended point by point."""

from __future__ import annotations

import json
from pathlib import Path

from llmexam.training.protocol import CurvePoint

CURVE_FILE = "curve.jsonl"


def read_curve_file(path: Path) -> dict[int, dict[str, float]]:
    """Return the points of a curve file by step; empty without a file.

    An incomplete last line, from a killed process, is ignored.
    """
    points: dict[int, dict[str, float]] = {}
    if not path.is_file():
        return points
    for line in path.read_text("utf-8").splitlines():
        try:
            values = json.loads(line)
            points.setdefault(int(values.pop("step")), {}).update(values)
        except (ValueError, KeyError, AttributeError):
            continue
    return points


def read_curve(folder: str | Path) -> tuple[CurvePoint, ...]:
    """Return the curve in a trained model's folder, by step; possibly empty."""
    points = read_curve_file(Path(folder) / CURVE_FILE)
    return tuple(CurvePoint(step, points[step]) for step in sorted(points))

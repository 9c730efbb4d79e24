"""The curve of a training on disk: one line of JSON a point, appended as they come."""

from __future__ import annotations

import json
from pathlib import Path

from llmexam.training.protocol import CurvePoint

CURVE_FILE = "curve.jsonl"


def read_curve_file(path: Path) -> dict[int, dict[str, float]]:
    """Return the points of a curve file by step; none where there is no file.

    A last line that a kill cut short is left out.
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
    """Return the curve of a trained model's folder by rising step, or nothing."""
    points = read_curve_file(Path(folder) / CURVE_FILE)
    return tuple(CurvePoint(step, points[step]) for step in sorted(points))

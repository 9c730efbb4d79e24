"""The training curve on disk: JSON Lines, appended point by point."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from llmexam.training.protocol import CurvePoint

CURVE_FILE = "curve.jsonl"


def read_curve_file(path: Path) -> dict[int, dict[str, float]]:
    """Return the points of a curve file by step; empty without a file.

    An incomplete last line, from a killed process, is ignored.
    """
    points: dict[int, dict[str, float]] = {}
    for line, step in curve_lines(path):
        values = json.loads(line)
        del values["step"]
        points.setdefault(step, {}).update(values)
    return points


def curve_lines(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the complete lines of a curve file, each with its step; none without a file."""
    if not path.is_file():
        return
    for line in path.read_text("utf-8", errors="replace").splitlines():
        try:
            yield line, int(json.loads(line)["step"])
        except (ValueError, KeyError, TypeError, RecursionError):
            continue


def read_curve(folder: str | Path) -> tuple[CurvePoint, ...]:
    """Return the curve in a trained model's folder, by step; possibly empty."""
    points = read_curve_file(Path(folder) / CURVE_FILE)
    return tuple(CurvePoint(step, points[step]) for step in sorted(points))

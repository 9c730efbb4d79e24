"""Scores of the first questions of an exam, kept part by part while a solver works."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llmexam.errors import ScoreError
from llmexam.exam.score_files import read_scores, write_scores
from llmexam.exam.scores import ScoreMatrix


class ScoreParts:
    """A folder with one score file for each part: the first questions, the next ones, and so on.

    A file is named after the number of questions before it, and is written atomically, so a killed
    process leaves whole parts only.

    Args:
        folder: The folder; it is made when the first part is written.
        question_ids: The ids of all questions, in order.

    Attributes:
        found: The scores of the first questions that are there.
    """

    def __init__(self, folder: Path, question_ids: Sequence[str]) -> None:
        self._folder = folder
        self._ids = tuple(question_ids)
        self._parts: list[ScoreMatrix] = []
        self._n = 0
        while (part := self._read()) is not None:
            self._take(part)

    @property
    def found(self) -> ScoreMatrix:
        """The scores of the first questions; empty if there are none."""
        return ScoreMatrix.concatenate(self._parts)

    def __len__(self) -> int:
        """Return the number of questions with scores."""
        return self._n

    def add(self, part: ScoreMatrix) -> None:
        """Write the scores of the next questions."""
        write_scores(self._path, part)
        self._take(part)

    @property
    def _path(self) -> Path:
        return self._folder / f"{self._n:08d}.parquet"

    def _take(self, part: ScoreMatrix) -> None:
        self._parts.append(part)
        self._n += len(part)

    def _read(self) -> ScoreMatrix | None:
        """Return the next part; None if there is none, or one that cannot be used."""
        if self._n == len(self._ids) or not self._path.is_file():
            return None
        try:
            part = read_scores(self._path)[0]
        except (ScoreError, OSError):
            return None
        expected = self._ids[self._n : self._n + len(part)]
        return part if len(part) and part.question_ids == expected else None

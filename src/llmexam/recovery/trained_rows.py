"""Which rows a model was trained on, beside its weights.

Scores of a model for rows that it has seen are better than those for others. Weights that are
fitted on them trust the model too much.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llmexam.errors import ExamError, ModelError
from llmexam.exam.normalise import normalise
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.storage.atomic import write_json
from llmexam.storage.hashing import hash_json

FILE = "trained_rows.json"
# Rows without which weights of a model's answers say nothing.
_LEAST = 10


@dataclass(frozen=True, slots=True)
class TrainedRows:
    """Hashes of the rows that models were trained on.

    Prompts that are only near-equal are not recognised; `llmexam convert --split` keeps them
    together.

    Attributes:
        pairs: Hashes of original and rewritten text.
        prompts: Hashes of prompts.
    """

    pairs: frozenset[str] = frozenset()
    prompts: frozenset[str] = frozenset()

    @classmethod
    def of(cls, rows: Iterable[Rewrite]) -> TrainedRows:
        """Return the hashes of rows; upper case, white space and punctuation do not count."""
        rows = list(rows)
        return cls(
            frozenset(map(_pair, rows)),
            frozenset(_hash(row.prompt) for row in rows if row.prompt is not None),
        )

    def __or__(self, other: TrainedRows) -> TrainedRows:
        """Return the rows of both."""
        return TrainedRows(self.pairs | other.pairs, self.prompts | other.prompts)

    def __bool__(self) -> bool:
        """Return whether any rows are known."""
        return bool(self.pairs)

    def has_pair(self, row: Rewrite) -> bool:
        """Return whether both texts of a row were trained on."""
        return bool(self.pairs) and _pair(row) in self.pairs

    def has_prompt(self, row: Rewrite) -> bool:
        """Return whether the prompt of a row was trained on; false where it is not known."""
        return bool(self.prompts) and row.prompt is not None and _hash(row.prompt) in self.prompts

    def unseen(self, rows: RewriteExam, *, model: str, field: str) -> NDArray[np.int64]:
        """Return the numbers of the rows whose texts and prompts were not trained on, from 0.

        Args:
            rows: Rows that weights of a model's answers are to be fitted on.
            model: The model, for the error.
            field: The setting that names it.

        Raises:
            ExamError: There are too few.
        """
        if not self:
            return np.arange(len(rows))
        new = [i for i, row in enumerate(rows) if not (self.has_pair(row) or self.has_prompt(row))]
        if len(new) < _LEAST:
            raise ExamError(
                f"{model} was trained on the texts or prompts of all but {len(new)} of "
                f"{len(rows)} training rows; at least {_LEAST} others are needed to fit its weight",
                file=rows.source or None,
                field=field,
                hint="Train it on a part of the rows; `llmexam convert --split` makes parts",
            )
        return np.array(new, dtype=np.int64)


def save_trained_rows(folder: Path, rows: Iterable[Rewrite]) -> None:
    """Write the hashes of the rows that a model was trained on into its folder."""
    trained = TrainedRows.of(rows)
    write_json(folder / FILE, {"pairs": sorted(trained.pairs), "prompts": sorted(trained.prompts)})


def read_trained_rows(folder: Path) -> TrainedRows:
    """Return the rows that a model was trained on; none if that is not known.

    Raises:
        ModelError: The file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return TrainedRows()
    try:
        found = json.loads(path.read_bytes())
        pairs, prompts = found["pairs"], found["prompts"]
    except (ValueError, TypeError, KeyError, RecursionError):
        pairs = prompts = None
    lists = [own for own in (pairs, prompts) if isinstance(own, list)]
    if len(lists) < 2 or not all(isinstance(one, str) for own in lists for one in own):
        raise ModelError(
            "expected lists of hashes of pairs and prompts",
            file=path,
            hint="Train the model again, or restore the file",
        )
    return TrainedRows(frozenset(lists[0]), frozenset(lists[1]))


def _pair(row: Rewrite) -> str:
    return hash_json([normalise(row.original), normalise(row.rewritten)])[:16]


def _hash(prompt: str) -> str:
    return hash_json(normalise(prompt))[:16]

"""Which rows a model was trained on, beside its weights.

Scores of a model for rows that it has seen are better than those for others. Weights that are
fitted on them trust the model too much.
"""

from __future__ import annotations

import json
from pathlib import Path

from llmexam.errors import ModelError
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.storage.atomic import write_json
from llmexam.storage.hashing import hash_json

FILE = "trained_rows.json"


def row_hash(row: Rewrite) -> str:
    """Return a hash of the texts of a row, 16 hexadecimal digits."""
    return hash_json([row.original, row.rewritten])[:16]


def save_trained_rows(folder: Path, rows: RewriteExam) -> None:
    """Write the hashes of the rows that a model was trained on into its folder."""
    write_json(folder / FILE, sorted({row_hash(row) for row in rows}))


def trained_rows(folder: Path) -> frozenset[str]:
    """Return the hashes of the rows that a model was trained on; none if that is not known.

    Raises:
        ModelError: The file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return frozenset()
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ModelError(
            "expected a list of hashes", file=path, hint="Train the model again, or restore it"
        )
    return frozenset(found)

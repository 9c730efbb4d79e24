"""Name a model by all its files that decide a score: weights, config, tokenizer, heads, card."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from llmexam.lm.models.card import CARD_FILE, read_card
from llmexam.lm.models.code_free import read_modules
from llmexam.storage.hashing import hash_file, hash_json

# Beside weights: configurations, prompts, and all forms of a tokenizer.
_DECIDING = ("*.json", "*.jinja", "tokenizer*", "vocab*", "*.model", "*.tiktoken", "merges.txt")
_OF_MODULES = ("*.json", "*.safetensors", "*.txt")
# Records of a training, which lie beside the model. The card is hashed by its deciding fields.
_RECORDS = frozenset({CARD_FILE, "training.json", "dev_scores.json", "trainer_state.json"})
_CARD_FIELDS = {"family", "head", "encoding", "export"}


def hash_model_folder(folder: Path, weights: Iterable[Path] = ()) -> str:
    """Return SHA-256 of the files of a model that decide a score, 64 hexadecimal digits.

    A page for people, curves and records of the training change nothing.

    Args:
        folder: The model's folder, of a ranker too.
        weights: Files with weights.

    Raises:
        ModelError: The card or `modules.json` is damaged.
    """
    files = set(weights)
    for pattern in _DECIDING:
        files.update(folder.glob(pattern))
    for place in {place for _, place in read_modules(folder) if place}:
        for pattern in _OF_MODULES:
            files.update((folder / place).rglob(pattern))
    hashes = {
        file.relative_to(folder).as_posix(): hash_current(file)
        for file in files
        if file.is_file() and file.name not in _RECORDS
    }
    card = read_card(folder)
    told = card.model_dump(mode="json", include=_CARD_FIELDS) if card is not None else None
    return hash_json([hashes, told])


def hash_current(path: Path) -> str:
    """Return SHA-256 of a file, which is read again only when it has changed."""
    state = path.stat()
    return _hash_once(str(path), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)
def _hash_once(path: str, size: int, modified: int) -> str:
    # Size and time of change are in the key, so a changed file is read again.
    return hash_file(path)

"""Hash of all files of a model that scores depend on: weights, config, tokenizer, heads, card."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from llmexam.lm.models.card import CARD_FILE, read_card
from llmexam.lm.models.code_free import read_modules
from llmexam.storage.hashing import hash_file, hash_json

# Beside weights: configs, prompts, and all formats of tokenizers.
_DECIDING = ("*.json", "*.jinja", "tokenizer*", "vocab*", "*.model", "*.tiktoken", "merges.txt")
_OF_MODULES = ("*.json", "*.safetensors", "*.txt")
# Records of a training beside the model. Of the card, only fields that affect scores are hashed.
_RECORDS = frozenset({CARD_FILE, "training.json", "dev_scores.json", "trainer_state.json"})
_CARD_FIELDS = {"family", "head", "encoding", "export"}


def hash_model_folder(folder: Path, weights: Iterable[Path] = ()) -> str:
    """Return the SHA-256 of the files that scores depend on, 64 hexadecimal digits.

    Model page, curves and records of the training are not included.

    Args:
        folder: Folder of a model or ranker.
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
    fields = card.model_dump(mode="json", include=_CARD_FIELDS) if card is not None else None
    return hash_json([hashes, fields])


def hash_current(path: Path) -> str:
    """Return the SHA-256 of a file, cached until it changes."""
    state = path.stat()
    return _hash_once(str(path), state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)
def _hash_once(path: str, size: int, modified: int) -> str:
    # Size and modification time are in the cache key, so a changed file is read again.
    return hash_file(path)

"""Find secrets in texts that are about to be packed: API keys, tokens and passwords."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from llmexam.errors import SettingsError

_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)$", re.IGNORECASE)
# Shorter values occur in texts by chance.
_SHORTEST = 8
_FORMS = {
    "an API key of OpenAI or Anthropic": re.compile(r"\bsk-[A-Za-z0-9_-]{20,}"),
    "a token of Hugging Face": re.compile(r"\bhf_[A-Za-z0-9]{30,}"),
    "a token of GitHub": re.compile(r"\b(?:ghp|gho|ghs|github_pat)_[A-Za-z0-9_]{30,}"),
    "a token of Kaggle": re.compile(r"\bKGAT_[A-Za-z0-9]{20,}"),
    "an access key of AWS": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}
# Weights, vectors and tokenizers are no texts that a person writes keys into.
_TEXTS = frozenset({".yaml", ".yml", ".json", ".txt", ".md", ".ipynb", ".sh", ".jinja", ".cfg"})
_LARGEST = 1_000_000
_NOT_PACKED = ("kaggle.json", "credentials.json", "token", ".netrc", ".env")


def is_secret_file(path: Path) -> bool:
    """Return whether a file has the name of a file of secrets, or is hidden."""
    return path.name.startswith(".") or path.name in _NOT_PACKED


def find_secret(text: str, environment: Mapping[str, str] | None = None) -> str | None:
    """Return what secret a text contains, without the secret itself; None if there is none.

    Args:
        text: The text.
        environment: Environment variables whose values are secrets; those of this process by
            default.
    """
    for name, value in (os.environ if environment is None else environment).items():
        if _NAMES.search(name) and len(value) >= _SHORTEST and value in text:
            return f"the value of the environment variable {name}"
    return next((what for what, form in _FORMS.items() if form.search(text)), None)


def refuse_secrets(folder: Path) -> None:
    """Check the texts of a pack for secrets.

    Raises:
        SettingsError: A file contains one; the error does not show it.
    """
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _TEXTS or not path.is_file() or path.stat().st_size > _LARGEST:
            continue
        found = find_secret(path.read_text(encoding="utf-8", errors="replace"))
        if found is not None:
            raise SettingsError(
                f"the file contains {found}, and a pack must not contain secrets",
                file=path.relative_to(folder),
                hint="Remove it from the original file, and replace the key if others could read "
                "it",
            )

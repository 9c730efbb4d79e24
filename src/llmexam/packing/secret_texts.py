"""Find secrets in texts that are about to be packed: API keys, tokens and passwords."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator, Mapping
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
# Words of a vocabulary are equal to simple passwords by chance.
_VOCABULARIES = frozenset({"tokenizer.json", "vocab.json", "vocab.txt", "merges.txt"})
_BLOCK = 1 << 20
# Longer than any secret, so that none is missed between two blocks.
_OVERLAP = 1 << 12
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
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
    """Check the texts of a pack for secrets, whatever their names are.

    Files with zero bytes, such as weights, vectors and archives, are not texts.

    Raises:
        SettingsError: A file contains one; the error does not show it.
    """
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        environment: Mapping[str, str] | None = {} if path.name in _VOCABULARIES else None
        for text in _blocks_of(path):
            found = find_secret(text, environment)
            if found is not None:
                raise SettingsError(
                    f"the file contains {found}, and a pack must not contain secrets",
                    file=path.relative_to(folder),
                    hint="Remove it from the original file, and replace the key if others could "
                    "read it",
                )


def _blocks_of(path: Path) -> Iterator[str]:
    """Yield the text of a file in blocks that overlap; nothing if it is not a text."""
    with path.open("rb") as stream:
        first = stream.read(_OVERLAP)
    encoding = "utf-16" if first.startswith(_UTF_16) else "utf-8"
    if b"\0" in first and encoding == "utf-8":
        return
    end = ""
    with path.open(encoding=encoding, errors="replace") as text:
        while block := text.read(_BLOCK):
            yield end + block
            end = block[-_OVERLAP:]

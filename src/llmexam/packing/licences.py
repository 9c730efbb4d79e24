"""Licences of what is packed, as its own files state them."""

from __future__ import annotations

import zipfile
from email.parser import HeaderParser
from pathlib import Path

from llmexam.errors import SettingsError
from llmexam.packing.parts import NOT_STATED
from llmexam.storage.yaml_text import load_yaml

_CLASSIFIER = "License :: "
# Longer texts are the licence itself, not its name.
_LONGEST = 60


def licence_of_wheel(path: Path) -> str:
    """Return the licence that the metadata of a wheel states."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        if not names:
            return NOT_STATED
        fields = HeaderParser().parsestr(archive.read(names[0]).decode("utf-8", "replace"))
    expression = fields.get("License-Expression")
    if expression:
        return str(expression)
    classified = [
        one.rpartition(" :: ")[2]
        for one in fields.get_all("Classifier", [])
        if one.startswith(_CLASSIFIER) and one != "License :: OSI Approved"
    ]
    if classified:
        return " or ".join(classified)
    stated = " ".join(str(fields.get("License", "")).split())
    if stated.upper() == "UNKNOWN":
        return NOT_STATED
    return stated if 0 < len(stated) <= _LONGEST else NOT_STATED


def licence_of_model(folder: Path) -> str:
    """Return the licence that the model card `README.md` of a folder states."""
    card = folder / "README.md"
    if not card.is_file():
        return NOT_STATED
    text = card.read_text(encoding="utf-8", errors="replace")
    parts = text.split("---", 2)
    if len(parts) < 3 or parts[0].strip():
        return NOT_STATED
    try:
        fields = load_yaml(parts[1], file=card)
    except SettingsError:
        return NOT_STATED
    if not isinstance(fields, dict):
        return NOT_STATED
    stated = fields.get("license_name") or fields.get("license")
    if isinstance(stated, list):
        stated = " and ".join(map(str, stated))
    return str(stated) if stated else NOT_STATED

"""Files of a pack for Kaggle: metadata of dataset and notebook, and Kaggle's limits.

The keys are those of the documentation of Kaggle's command line: `datasets_metadata.md` and
`kernels_metadata.md` of the repository Kaggle/kaggle-api.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmexam.errors import SettingsError
from llmexam.packing.parts import NOT_STATED, Part

DATASET_LICENCES = (
    "CC0-1.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "CC-BY-NC-SA-4.0",
    "GPL-2.0",
    "ODbL-1.0",
    "DbCL-1.0",
    "copyright-authors",
    "other",
    "unknown",
    "CC-BY-4.0",
    "CC-BY-NC-4.0",
    "PDDL",
    "CC-BY-3.0",
    "CC-BY-3.0-IGO",
    "US-Government-Works",
    "CC-BY-NC-SA-3.0-IGO",
    "CDLA-Permissive-1.0",
    "CDLA-Sharing-1.0",
    "CC-BY-ND-4.0",
    "CC-BY-NC-ND-4.0",
    "ODC-BY-1.0",
    "LGPL-3.0",
    "AGPL-3.0",
    "FDL-1.3",
    "EU-ODP-Legal-Notice",
    "apache-2.0",
    "GPL-3.0",
)
"""Names of licences that Kaggle accepts for a dataset."""
OWNER_UNKNOWN = "INSERT_USERNAME_HERE"
"""Stands for the user's name, which the user fills in before the upload."""
MEMORY_BYTES = 13_000_000_000
"""Memory of Kaggle's smaller machines."""
TIME_LIMIT = "9h"
"""Time that competitions with notebooks usually allow."""

# Kaggle, "Datasets" and "Notebooks" in its documentation, as known in 2025.
_DATASET_BYTES = 200_000_000_000
_SLUG = (6, 50)
_UNSAFE = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class KaggleNames:
    """Names of a dataset and a notebook on Kaggle.

    Attributes:
        owner: User or organisation.
        slug: Name of the dataset in addresses; that of the notebook ends in `-run`.
    """

    owner: str
    slug: str

    @property
    def dataset(self) -> str:
        """Identity of the dataset."""
        return f"{self.owner}/{self.slug}"

    @property
    def kernel(self) -> str:
        """Identity of the notebook."""
        return f"{self.owner}/{self.slug}-run"

    @property
    def dataset_title(self) -> str:
        """Title of the dataset."""
        return _title(self.slug)

    @property
    def kernel_title(self) -> str:
        """Title of the notebook; Kaggle derives its slug from it."""
        return _title(f"{self.slug}-run")


def kaggle_names(name: str, owner: str | None) -> KaggleNames:
    """Return the names on Kaggle.

    Args:
        name: Name of the plan, or the name that the user gave.
        owner: Kaggle's name of the user, or None where it is not known.

    Raises:
        SettingsError: The name has no letters or digits, or the owner is not a name on Kaggle.
    """
    slug = _UNSAFE.sub("-", name.lower()).strip("-")
    if not slug:
        raise SettingsError(f"expected a name with letters or digits, got '{name}'", field="name")
    slug = slug if slug.startswith("llmexam") else f"llmexam-{slug}"
    # The slug of the notebook is longer, and has the same limit.
    slug = slug[: _SLUG[1] - len("-run")].strip("-")
    slug = slug if len(slug) >= _SLUG[0] else f"{slug}-pack"
    if owner is not None and not re.fullmatch(r"[A-Za-z0-9_-]+", owner):
        raise SettingsError(f"expected a user name of Kaggle, got '{owner}'", field="owner")
    return KaggleNames(owner or OWNER_UNKNOWN, slug)


def dataset_metadata(names: KaggleNames, parts: Sequence[Part]) -> dict[str, Any]:
    """Return the content of `dataset-metadata.json`.

    Kaggle takes one licence. A pack has parts under several, so it is `other`, and the description
    lists them.
    """
    lines = [
        f"- {part.name}{f' {part.version}' if part.version else ''}: {part.licence}"
        for part in parts
        if part.kind in ("wheels", "weights", "indexes")
    ]
    return {
        "title": names.dataset_title,
        "subtitle": "Packages, weights and indexes that run a plan of llmexam offline",
        "id": names.dataset,
        "licenses": [{"name": "other"}],
        "description": "Made by `llmexam pack`. Licences of its parts:\n\n" + "\n".join(lines),
    }


def kernel_metadata(
    names: KaggleNames, code_file: str, *, competition: str, gpu: bool
) -> dict[str, Any]:
    """Return the content of `kernel-metadata.json`.

    Args:
        names: Names on Kaggle.
        code_file: Name of the notebook's file, beside the metadata.
        competition: Slug of the competition, or empty.
        gpu: Whether the notebook runs on a machine with GPUs.
    """
    # Truth values are texts, as in Kaggle's own documentation and templates.
    return {
        "id": names.kernel,
        "title": names.kernel_title,
        "code_file": code_file,
        "language": "python",
        "kernel_type": "notebook",
        "is_private": "true",
        "enable_gpu": "true" if gpu else "false",
        "enable_internet": "false",
        "dataset_sources": [names.dataset],
        "competition_sources": [competition] if competition else [],
        "kernel_sources": [],
        "model_sources": [],
    }


def limit_warnings(parts: Sequence[Part], *, memory_bytes: int = MEMORY_BYTES) -> list[str]:
    """Return warnings about parts that exceed what Kaggle allows."""
    warnings = []
    total = sum(part.n_bytes for part in parts)
    if total > _DATASET_BYTES:
        warnings.append(
            f"the pack has {total / 1e9:.0f} GB; Kaggle allows {_DATASET_BYTES / 1e9:.0f} GB in a "
            "dataset"
        )
    for part in parts:
        if part.kind == "weights" and part.n_bytes > memory_bytes:
            warnings.append(
                f"the weights '{part.name}' have {part.n_bytes / 1e9:.1f} GB, and the machine has "
                f"{memory_bytes / 1e9:.0f} GB of memory: set a lower precision, or stream them"
            )
    unstated = [
        part.name for part in parts if part.licence == NOT_STATED and part.kind == "weights"
    ]
    if unstated:
        warnings.append(
            f"the licence of {', '.join(unstated)} is not stated: check that you may upload it"
        )
    return warnings


def _title(slug: str) -> str:
    """Return a title from which Kaggle derives this slug: lower case, dashes for spaces."""
    return slug.replace("-", " ")

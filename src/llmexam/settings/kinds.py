"""Types of settings that name files, folders and models, and a mark for settings without effect.

The type of a field defines what its value refers to. `llmexam.settings.walk` resolves paths,
computes cache keys and compares settings by these types alone, so a setting of an installed package
is treated like a built-in one.

    class MySettings(Settings):
        model: ModelRef = Field("bundled", description="the encoder")
        judgements: LocalPath | None = Field(None, description="a TREC qrels file")
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Reference:
    """Base class of marks that define what a text refers to."""


@dataclass(frozen=True, slots=True)
class FileReference(Reference):
    """A file or folder that is read; cache keys contain its content, not its path.

    Attributes:
        suffixes: If given, only values with one of these suffixes are paths; others are names.
    """

    suffixes: tuple[str, ...] = ()

    def is_path(self, value: str) -> bool:
        """Return whether a value is a path rather than a name."""
        return not self.suffixes or value.endswith(self.suffixes)


@dataclass(frozen=True, slots=True)
class FolderReference(Reference):
    """A folder that is written, such as a cache; it never affects a result."""


@dataclass(frozen=True, slots=True)
class ModelReference(Reference):
    """A model: `bundled`, a local folder, or a Hugging Face name."""


@dataclass(frozen=True, slots=True)
class NotInKey:
    """Marks a setting that affects no score, so it is left out of cache keys and comparisons."""


LocalPath = Annotated[Path, FileReference()]
"""A file or folder that is read."""
SampleOrPath = Annotated[str, FileReference()]
"""A file or folder that is read, or `bundled` for the sample."""
CacheDir = Annotated[Path, FolderReference(), NotInKey()]
"""A cache folder."""
ModelRef = Annotated[str, ModelReference()]
"""`bundled`, a local model folder, or a Hugging Face name."""
TemplateRef = Annotated[str, FileReference(suffixes=(".yaml", ".yml"))]
"""The name of a bundled template, or a YAML file."""
JsonOrName = Annotated[str, FileReference(suffixes=(".json",))]
"""The name of a bundled configuration, or a JSON file."""

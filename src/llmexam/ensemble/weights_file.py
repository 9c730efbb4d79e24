"""JSON files of fitted weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field

from llmexam.ensemble.settings import EnsembleSettings, Method
from llmexam.errors import SettingsError
from llmexam.settings.base import Settings
from llmexam.storage.atomic import write_json

Kind = TypeVar("Kind", bound=Settings)


class SavedWeights(Settings):
    """Fitted weights with their method and provenance."""

    kind: Literal["llmexam ensemble weights"] = Field(
        "llmexam ensemble weights", description="kind of this file"
    )
    method: Method = Field(description="how the members are combined")
    weights: dict[str, float] = Field(description="weight of each member", min_length=1)
    temperature: float = Field(1.0, gt=0, description="softmax temperature of mean-softmax")
    rank_constant: float = Field(60.0, ge=0, description="constant of rank-fusion")
    exam_hash: str = Field(
        "", description="content hash of the exam that the weights were fitted on"
    )
    n_questions: int = Field(0, ge=0, description="number of questions of that exam")
    fold_weights: tuple[dict[str, float], ...] = Field(
        (), description="weights fitted without each fold, which show how stable they are"
    )

    def to_settings(self, file: str | Path | None = None) -> EnsembleSettings:
        """Return ensemble settings with these weights.

        Args:
            file: Their file, for error messages.

        Raises:
            SettingsError: The weights are negative or all 0.
        """
        return EnsembleSettings.parse(
            {
                "method": self.method,
                "weights": self.weights,
                "temperature": self.temperature,
                "rank_constant": self.rank_constant,
            },
            subject="the weights file",
            file=file,
        )


def write_weights(path: str | Path, saved: SavedWeights) -> None:
    """Write weights to a JSON file atomically."""
    write_json(path, saved.model_dump(mode="json"))


def read_weights(path: str | Path) -> SavedWeights:
    """Read weights.

    Raises:
        SettingsError: The file is missing, not JSON, or not a file of weights.
    """
    return load_weights(path, SavedWeights)


def load_weights(path: str | Path, kind: type[Kind]) -> Kind:
    """Read a file of weights, of any task.

    Args:
        path: The file.
        kind: What it holds.

    Raises:
        SettingsError: The file is missing, not JSON, or not of this kind.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SettingsError("file not found", file=path, hint="Check the path") from None
    except IsADirectoryError:
        raise SettingsError(
            "expected a weights file, got a folder",
            file=path,
            hint="Give the path of a weights file",
        ) from None
    except (ValueError, RecursionError):
        raise SettingsError(
            "expected JSON",
            file=path,
            hint="Write a weights file with: llmexam ensemble --fit --out-weights",
        ) from None
    if not isinstance(values, dict):
        raise SettingsError("expected a weights file, got other JSON", file=path)
    return kind.parse(values, subject="the weights file", file=path)

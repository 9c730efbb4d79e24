"""The configuration of a Hugging Face folder, with the defaults of its architecture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmexam.errors import ModelError
from llmexam.lm.models.loading import ModelFolder


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Values of a `config.json`.

    Attributes:
        values: All keys, with the defaults of transformers where the file lacks them.
        file: The file, for error messages.
    """

    values: dict[str, Any]
    file: Path

    def integer(self, key: str) -> int:
        """Return a positive whole number.

        Raises:
            ModelError: It is another value.
        """
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ModelError(
                f"expected a positive whole number, got {value!r}", file=self.file, field=key
            )
        return value

    def number(self, key: str, default: float = 0.0) -> float:
        """Return a number that is not negative; `default` where the key is missing or null.

        Raises:
            ModelError: It is another value.
        """
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ModelError(
                f"expected a number of at least 0, got {value!r}", file=self.file, field=key
            )
        return float(value)

    def require(self, key: str, *allowed: Any, default: Any = None, why: str) -> None:
        """Check that a key has a value which KerasHub can represent.

        Args:
            key: The key.
            *allowed: The values.
            default: Value of a missing key.
            why: What KerasHub has, which follows the error message.

        Raises:
            ModelError: It has another value.
        """
        value = self.values.get(key, default)
        if value not in allowed:
            expected = " or ".join(repr(one) for one in allowed)
            raise ModelError(
                f"expected {expected}, got {value!r}: {why}",
                file=self.file,
                field=key,
                hint="Use the torch solver multiple-choice for this model",
            )

    @property
    def head_size(self) -> int:
        """Width of an attention head.

        Raises:
            ModelError: The width of the model is not a multiple of the number of heads.
        """
        width, n_heads = self.integer("hidden_size"), self.integer("num_attention_heads")
        if width % n_heads:
            raise ModelError(
                f"expected hidden_size to be a multiple of num_attention_heads, got {width} and "
                f"{n_heads}",
                file=self.file,
            )
        return width // n_heads


def read_model_config(folder: ModelFolder) -> ModelConfig:
    """Return the configuration of a folder.

    Raises:
        ModelError: The file is damaged, or transformers does not support the architecture.
    """
    from transformers import AutoConfig

    file = folder.path / "config.json"
    try:
        config = AutoConfig.from_pretrained(
            str(folder.path), local_files_only=True, trust_remote_code=False
        )
        values = config.to_dict()
    except Exception as error:  # transformers checks values with exceptions of another package
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ModelError(f"cannot be loaded: {reason}", file=file) from error
    # `attribute_map` gives other names, such as `hidden_size` for the `dim` of DistilBERT.
    for name, own in config.attribute_map.items():
        values.setdefault(name, values.get(own))
    return ModelConfig(values, file)

"""What the loader needs to know of an architecture."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from llmexam.lm.keras_models.weights.entries import Entry, linear
from llmexam.lm.keras_models.weights.layers import Rates
from llmexam.lm.keras_models.weights.model_config import ModelConfig

HEAD_OUTPUT = "classifier"


@dataclass(frozen=True, slots=True)
class HeadPlan:
    """The head of transformers for multiple choice: a dense layer over the first token.

    Attributes:
        dense: Name of the dense layer's module.
        dense_in_body: Whether that module belongs to the encoder, as BERT's pooler does.
        before: Dropout rate before the dense layer.
        after: Dropout rate after it.
        activation_key: Key of the configuration that names its activation; None if it is fixed.
        activation: The fixed activation.
    """

    dense: str
    dense_in_body: bool
    before: float
    after: float
    activation_key: str | None = None
    activation: str = "linear"


class Architecture(ABC):
    """An encoder of KerasHub, and the same one in transformers.

    Attributes:
        prefix: Prefix of the encoder's tensors in a file with a head.
        class_name: Beginning of the names of its classes in transformers.
        roots: Beginnings of the names of the encoder's tensors.
        unused: Endings of names that an encoder may have and nothing uses.
    """

    prefix: ClassVar[str]
    class_name: ClassVar[str]
    roots: ClassVar[tuple[str, ...]] = ("embeddings.", "encoder.")
    unused: ClassVar[tuple[str, ...]] = ("position_ids",)

    @abstractmethod
    def build(self, config: ModelConfig, rates: Rates, dtype: str | None) -> Any:
        """Return the backbone of KerasHub with random weights.

        Raises:
            ModelError: KerasHub cannot represent the configuration.
        """

    @abstractmethod
    def body(self, backbone: Any, config: ModelConfig) -> list[Entry]:
        """Return the table of the encoder's weights."""

    @abstractmethod
    def head(self, config: ModelConfig) -> HeadPlan:
        """Return what the head for multiple choice consists of.

        Raises:
            ModelError: It cannot be represented.
        """

    @abstractmethod
    def max_tokens(self, config: ModelConfig) -> int | None:
        """Return the context length in tokens; None without a limit."""

    def rates(self, config: ModelConfig) -> Rates:
        """Return the dropout rates of the configuration."""
        return Rates(
            config.number("hidden_dropout_prob"), config.number("attention_probs_dropout_prob")
        )

    def head_entries(self, head: Any, config: ModelConfig) -> list[Entry]:
        """Return the table of the weights of the head for multiple choice."""
        plan = self.head(config)
        return [
            *linear(head.dense, plan.dense, in_body=plan.dense_in_body),
            *linear(head.output_dense, HEAD_OUTPUT, in_body=False),
        ]

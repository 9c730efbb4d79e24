"""Language models that `llmexam train` has fine-tuned to write prompts."""

from __future__ import annotations

from pydantic import Field

from llmexam.lm.models.card import read_card, read_card_values, require_family
from llmexam.lm.models.loading import resolve_model
from llmexam.recovery.prompting import PromptingSettings
from llmexam.recovery.recoverers.language_model import GenerationSettings, LanguageModelRecoverer
from llmexam.recovery.trained_rows import TrainedRows, read_trained_rows
from llmexam.settings.kinds import ModelRef
from llmexam.storage.hashing import hash_json

FAMILY = "recoverer"
"""Family of such models in their cards, and of their training."""


class FineTunedSettings(GenerationSettings):
    """Settings of `fine-tuned`."""

    model: ModelRef = Field(
        min_length=1, description="folder of a model trained with family `recoverer`"
    )


class FineTunedLm(LanguageModelRecoverer):
    """Generates the prompt with a fine-tuned language model, with the template of its training.

    Raises:
        UntrainedModelError: The model was not trained with family `recoverer`.
        ModelError: There is no such model, or its card is damaged.
    """

    settings_class = FineTunedSettings

    @property
    def weights_hash(self) -> str:
        """Hash of the model, of how it is asked, and of an embedder that decides the answers."""
        return hash_json([super().weights_hash, self.prompting.model_dump(mode="json")])

    @property
    def seen_rows(self) -> TrainedRows:
        """The rows that the model was trained on."""
        return read_trained_rows(resolve_model(self.settings.model).path)

    @property
    def prompting(self) -> PromptingSettings:
        """How the model was asked in training, from its card."""
        folder = resolve_model(self.settings.model).path
        card = require_family(folder, read_card(folder), FAMILY)
        return read_card_values(PromptingSettings, card.encoding, folder, field="encoding")

"""Prompt settings from the model card, and checks of the model's head."""

from __future__ import annotations

from pathlib import Path

from llmexam.errors import SettingsError
from llmexam.lm.models.card import file_beside, read_card, read_card_values
from llmexam.lm.models.loading import resolve_model
from llmexam.solvers.causal_lm.settings import CausalLmSettings
from llmexam.solvers.prompts.template import PromptTemplate, template_names

# Fields of a card's encoding that are settings of the solver.
_ASKED = ("template", "passages", "chat", "norm", "max_tokens")
_FIELD = "encoding"


def as_trained(settings: CausalLmSettings) -> CausalLmSettings:
    """Return settings completed by those of the training, as recorded in the model card.

    Settings of the user take precedence. A custom template is stored in the model's folder.

    Args:
        settings: The solver's; returned unchanged if the model is not a folder with a card.

    Raises:
        ModelError: The card is damaged, or names a template that is not in the folder.
    """
    folder = Path(settings.model).expanduser()
    card = read_card(folder) if folder.is_dir() else None
    if card is None or card.family != "causal-lm":
        return settings
    recorded = {
        name: card.encoding[name]
        for name in _ASKED
        if name in card.encoding and name not in settings.model_fields_set
    }
    # Validated separately first, so that an error in the card is not blamed on the user.
    read_card_values(CausalLmSettings, {"model": settings.model, **recorded}, folder, field=_FIELD)
    if "template" in recorded and recorded["template"] not in template_names():
        own = file_beside(folder, recorded["template"], field=f"{_FIELD}.template")
        recorded["template"] = str(own)
    given = {**settings.model_dump(exclude_unset=True), **recorded}
    return CausalLmSettings.parse(given, subject="solver 'causal-lm'")


def require_head(settings: CausalLmSettings, template: PromptTemplate) -> None:
    """Check that a model has the head that the template's mode needs.

    Raises:
        ModelError: There is no such model.
        SettingsError: It has another head.
    """
    from llmexam.lm.decoder import has_binary_head

    binary = has_binary_head(resolve_model(settings.model))
    if binary and template.mode != "binary-head":
        raise SettingsError(
            f"model '{settings.model}' has a classification head, so it gives no "
            f"token likelihoods, but template '{settings.template}' of mode "
            f"'{template.mode}' needs them",
            field="template",
            hint="Set `template: binary_head`, or your own template of mode binary-head",
        )
    if not binary and template.mode == "binary-head":
        raise SettingsError(
            f"template '{settings.template}' needs a binary classification head, and "
            f"model '{settings.model}' has none",
            field="template",
            hint="Use a sequence-classification model with one label, or train one with "
            "objective binary-head",
        )

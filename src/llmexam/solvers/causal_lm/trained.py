"""How a decoder can be asked: as its card tells it was in training, and by the head it has."""

from __future__ import annotations

from pathlib import Path

from llmexam.errors import SettingsError
from llmexam.lm.models.card import file_beside, read_card, read_told
from llmexam.lm.models.loading import resolve_model
from llmexam.solvers.causal_lm.settings import CausalLmSettings
from llmexam.solvers.prompts.template import PromptTemplate, template_names

# What of a card's encoding is a setting of the solver.
_ASKED = ("template", "passages", "chat", "norm", "max_tokens")
_FIELD = "encoding"


def as_trained(settings: CausalLmSettings) -> CausalLmSettings:
    """Return settings that ask as the model was trained; what the user has set stays.

    A template of the user's own lies in the model's folder, and its card names it.

    Args:
        settings: The solver's; unchanged where the model is no folder, or has no card of ours.

    Raises:
        ModelError: The card is damaged, or names a template that is not in the folder.
    """
    folder = Path(settings.model).expanduser()
    card = read_card(folder) if folder.is_dir() else None
    if card is None or card.family != "causal-lm":
        return settings
    told = {
        name: card.encoding[name]
        for name in _ASKED
        if name in card.encoding and name not in settings.model_fields_set
    }
    # By themselves first: what the card says cannot be mended by the user's settings.
    read_told(CausalLmSettings, {"model": settings.model, **told}, folder, field=_FIELD)
    if "template" in told and told["template"] not in template_names():
        own = file_beside(folder, told["template"], field=f"{_FIELD}.template")
        told["template"] = str(own)
    asked = {**settings.model_dump(exclude_unset=True), **told}
    return CausalLmSettings.parse(asked, subject="solver 'causal-lm'")


def require_head(settings: CausalLmSettings, template: PromptTemplate) -> None:
    """Check that a model has the head that a template asks.

    Raises:
        ModelError: There is no such model.
        SettingsError: It has another.
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

"""How a fine-tuned decoder was asked in training, for a solver to ask in the same way."""

from __future__ import annotations

from pathlib import Path

from llmexam.lm.model_card import read_card
from llmexam.solvers.causal_lm.settings import CausalLmSettings

# What of a card's encoding is a setting of the solver.
_ASKED = ("template", "passages", "chat", "norm", "max_tokens")


def as_trained(settings: CausalLmSettings) -> CausalLmSettings:
    """Return settings that ask as the model was trained; what the user has set stays.

    A template of the user's own lies in the model's folder, and its card names it.

    Args:
        settings: The solver's; unchanged where the model is no folder, or has no card of ours.

    Raises:
        ModelError: The card is damaged.
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
    if "template" in told and (own := folder / told["template"]).is_file():
        told["template"] = str(own)
    return CausalLmSettings.model_validate({**settings.model_dump(exclude_unset=True), **told})

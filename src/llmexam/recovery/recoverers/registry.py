"""All recoverers by name. Outside packages join by entry points in `llmexam.recoverers`."""

from __future__ import annotations

from llmexam.plugins import Registry
from llmexam.recovery.recoverer import Recoverer

ENTRY_POINT_GROUP = "llmexam.recoverers"
_HERE = "llmexam.recovery.recoverers"
_BUILT_IN = {
    "bank-ranker": f"{_HERE}.bank_ranker:BankRanker",
    "copy": f"{_HERE}.baselines:Copy",
    "combination": f"{_HERE}.combination:Combination",
    "constant": f"{_HERE}.baselines:Constant",
    "few-shot-lm": f"{_HERE}.prompted:FewShotLm",
    "fine-tuned": f"{_HERE}.fine_tuned:FineTunedLm",
    "mean-prompt": f"{_HERE}.mean_prompt:MeanPrompt",
    "nearest-neighbours": f"{_HERE}.neighbours:NearestNeighbours",
    "regressor": f"{_HERE}.regressor:Regressor",
    "served-few-shot-lm": f"{_HERE}.served:ServedFewShotLm",
    "served-lm": f"{_HERE}.served:ServedLm",
    "zero-shot-lm": f"{_HERE}.prompted:ZeroShotLm",
}


_RECOVERERS = Registry(
    "recoverer",
    ENTRY_POINT_GROUP,
    Recoverer,  # type: ignore[type-abstract]
    _BUILT_IN,
)


def recoverer_names() -> tuple[str, ...]:
    """Return the names of all recoverers."""
    return _RECOVERERS.names()


def recoverer_class(name: str) -> type[Recoverer]:
    """Return the class of a recoverer.

    Raises:
        SettingsError: There is no recoverer of this name, or it is not one.
    """
    return _RECOVERERS.find(name)

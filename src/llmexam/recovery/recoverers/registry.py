"""All recoverers by name. Outside packages join by entry points in `llmexam.recoverers`."""

from __future__ import annotations

from importlib import import_module

from llmexam.errors import SettingsError, nearest
from llmexam.plugins import entry_points
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


def recoverer_names() -> tuple[str, ...]:
    """Return the names of all recoverers."""
    return tuple(sorted(_targets()))


def recoverer_class(name: str) -> type[Recoverer]:
    """Return the class of a recoverer.

    Raises:
        SettingsError: There is no recoverer of this name, or it is not one.
    """
    targets = _targets()
    if name not in targets:
        raise SettingsError(f"unknown recoverer '{name}'", hint=nearest(name, targets))
    module, _, attribute = targets[name].partition(":")
    found = getattr(import_module(module), attribute)
    if not (isinstance(found, type) and issubclass(found, Recoverer)):
        raise SettingsError(
            f"expected a class derived from Recoverer for '{name}', got {targets[name]}"
        )
    return found


def _targets() -> dict[str, str]:
    outside = {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}
    return {**outside, **_BUILT_IN}

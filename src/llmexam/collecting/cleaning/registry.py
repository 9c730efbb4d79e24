"""All cleaning steps by name. Outside packages join by entry points in `llmexam.cleaning_steps`."""

from __future__ import annotations

from llmexam.collecting.cleaning.step import Step
from llmexam.plugins import Registry

ENTRY_POINT_GROUP = "llmexam.cleaning_steps"
_HERE = "llmexam.collecting.cleaning"

_STEPS = Registry(
    "cleaning step",
    ENTRY_POINT_GROUP,
    Step,  # type: ignore[type-abstract]
    {
        "boilerplate": f"{_HERE}.boilerplate:BoilerplateStep",
        "duplicates": f"{_HERE}.duplicates:DuplicatesStep",
        "encoding": f"{_HERE}.encoding:EncodingStep",
        "language": f"{_HERE}.language:LanguageStep",
        "length": f"{_HERE}.length:LengthStep",
        "personal_data": f"{_HERE}.personal_data:PersonalDataStep",
        "sections": f"{_HERE}.sections:SectionsStep",
    },
)


def step_names() -> tuple[str, ...]:
    """Return the names of all cleaning steps."""
    return _STEPS.names()


def step_class(name: str) -> type[Step]:
    """Return the settings class of a cleaning step.

    Raises:
        SettingsError: There is no step of this name, or it is not one.
    """
    return _STEPS.find(name)

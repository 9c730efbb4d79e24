"""A solver as plans and recipes name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from llmexam.settings.base import Settings


class SolverSpec(Settings):
    """A solver and its settings.

    In YAML a name, a mapping with `solver` and its settings, or a name with a mapping of them.
    """

    solver: str = Field(description="its name in the registry")
    name: str = Field(description="what it is called here")
    settings: dict[str, Any] = Field({}, description="its settings")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = {"solver": value}
        elif isinstance(value, Mapping) and len(value) == 1 and "solver" not in value:
            # `- lexical: {reach: 3}`
            name, settings = next(iter(value.items()))
            value = {"solver": name, "settings": settings}
        if not isinstance(value, Mapping):
            return value
        given = dict(value)
        settings = given.pop("settings", None) or {}
        if not isinstance(settings, Mapping):
            raise ValueError(f"the settings of a solver are a mapping, not {settings!r}")
        twice = sorted(str(key) for key in given.keys() & settings.keys())
        if twice:
            raise ValueError(f"'{twice[0]}' is given beside `settings` and inside")
        solver = given.pop("solver", None)
        if solver is None:
            return value
        name = given.pop("name", solver)
        own = cls.model_fields.keys() - SolverSpec.model_fields.keys()
        merged = {**given, **settings}
        more = {key: merged.pop(key) for key in own & merged.keys()}
        return {"solver": solver, "name": name, "settings": merged, **more}

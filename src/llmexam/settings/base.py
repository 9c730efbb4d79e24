"""Base class of all settings: frozen, typed, and strict about unknown keys.

The command line and the YAML plan are two views of the same settings classes, so a key is
spelled and checked in one place.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from llmexam.errors import SettingsError, nearest

Item = TypeVar("Item")

# `repr` alone takes minutes for values that contain each other many times.
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother, _SHORT.maxlong = 3, 80, 80, 80


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) or value is None else [value]


OneOrMany = Annotated[tuple[Item, ...], BeforeValidator(_as_list)]
"""A list; a single item may be written without brackets."""


class Settings(BaseModel):
    """Frozen settings that reject unknown keys.

    Subclasses declare typed fields with defaults; each field has a `description`, which the
    documentation shows. `llmexam.settings.kinds` has the types of files, folders and models.

    Attributes:
        shorthand: The field that a plain text stands for: of `exam: questions.csv`, the path.
        user_only: Fields that only a user may set, not a model's folder: addresses, keys, costs.
    """

    shorthand: ClassVar[str | None] = None

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, protected_namespaces=()
    )
    user_only: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _read_shorthand(cls, value: Any) -> Any:
        if cls.shorthand is not None and isinstance(value, str | Path):
            return {cls.shorthand: value}
        return value

    def change_untyped(
        self,
        changed: Mapping[str, Any],
        change: Callable[[type[BaseModel], Mapping[str, Any]], dict[str, Any]],
    ) -> dict[str, Any]:
        """Return changed values of fields whose settings class is not given by their type.

        Args:
            changed: The other fields that change, with their new values.
            change: Takes a settings class and values for it, and returns the changed values.
        """
        return {}

    @classmethod
    def parse(
        cls,
        values: Mapping[str, Any],
        *,
        subject: str,
        file: str | Path | None = None,
        given_as: str = "",
    ) -> Self:
        """Validate a mapping and return the settings.

        Args:
            values: Keys and values, as read from YAML or the command line.
            subject: What the settings belong to, for error texts: `"solver 'lexical'"`.
            file: The file the values came from, for error texts.
            given_as: How a user sets a value, for error texts: `"--set {key}={value}"`; `{name}`
                is the last part of a nested key.

        Raises:
            SettingsError: A key is unknown (the error names the nearest one), one that must be
                given is missing, or a value does not fit its type or bounds.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise _explain(cls, error, subject, file, given_as) from None
        except SettingsError as error:
            # Nested settings of a solver or a trainer: they do not know the file.
            if error.file is not None or file is None:
                raise
            raise SettingsError(
                error.message, file=file, field=error.field, hint=error.hint
            ) from None

    @classmethod
    def take(cls, settings: Settings | None, values: Mapping[str, Any], *, subject: str) -> Self:
        """Return settings that a caller passed as an object or as keywords.

        Args:
            settings: An object of this class, or None.
            values: Keyword values, where no object is given.
            subject: What the settings belong to, for error texts: `"LexicalSolver"`.

        Raises:
            SettingsError: The object is of another class, both are given, or a key or value is
                wrong.
        """
        if settings is None:
            return cls.parse(values, subject=subject, given_as="{key}={value}")
        if not isinstance(settings, cls):
            raise SettingsError(
                f"{subject} expected {cls.__name__}, got {type(settings).__name__}",
                hint="Give settings by keyword, such as seed=1",
            )
        if values:
            raise SettingsError(
                f"{subject} expected a settings object or keywords, got both",
                field=next(iter(values)),
                hint="Give all settings in one way",
            )
        return settings


def _explain(
    cls: type[BaseModel],
    error: ValidationError,
    subject: str,
    file: str | Path | None,
    given_as: str,
) -> SettingsError:
    # A misspelt key also leaves the right one missing: name the misspelt one.
    first = min(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    path = [part for part in first["loc"] if isinstance(part, str | int)]
    field = ".".join(str(part) for part in path) or None
    if first["type"] == "extra_forbidden":
        owner = _model_at(cls, path[:-1])
        choices = list(owner.model_fields) if owner else list(cls.model_fields)
        return SettingsError(
            f"{subject} has no setting '{path[-1]}'",
            file=file,
            field=field,
            hint=nearest(str(path[-1]), choices),
        )
    if first["type"] == "missing":
        owner = _model_at(cls, path[:-1])
        known = owner.model_fields.get(str(path[-1])) if owner else None
        about = f": {known.description}" if known and known.description else ""
        value = _example(str(path[-1]), known.annotation if known else None)
        return SettingsError(
            f"{subject} needs '{field}', which has no default{about}",
            file=file,
            field=field,
            hint=f"Set it: {given_as.format(key=field, name=path[-1], value=value)}"
            if given_as
            else None,
        )
    # In YAML a tuple is written as a list.
    message = first["msg"].removeprefix("Value error, ").replace("valid tuple", "valid list")
    # Our own checks say what they found.
    if first["type"] != "value_error":
        message += f", got {_SHORT.repr(first.get('input'))}"
    return SettingsError(f"{subject}: {message}", file=file, field=field)


def _example(key: str, annotation: Any) -> str:
    """Return an example value: one of the choices if there are any, else a placeholder."""
    if get_origin(annotation) is Literal:
        return str(get_args(annotation)[0])
    return {"model": "FOLDER", "train": "FILE", "exam": "FILE", "path": "FILE"}.get(key, "...")


def _model_at(cls: type[BaseModel], path: list[str | int]) -> type[BaseModel] | None:
    """Return the settings class at the location of a validation error."""
    here: type[BaseModel] | None = cls
    for part in path:
        if here is None or part not in here.model_fields:
            return here if isinstance(part, int) else None
        annotation = here.model_fields[str(part)].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        here = next(
            (c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None
        )
    return here

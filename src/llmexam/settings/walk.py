"""Walk over nested settings, and visit every value together with the marks of its type.

Relative paths are resolved, cache keys computed and settings compared by this walker. It uses the
types of the fields (`kinds.py`) and no list of key names, so settings of plug-ins work as well.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

from llmexam.errors import SettingsError
from llmexam.sample import BUNDLED
from llmexam.settings.base import Settings
from llmexam.settings.kinds import (
    FileReference,
    FolderReference,
    ModelReference,
    NotInKey,
    Reference,
)
from llmexam.storage.hashing import hash_file, hash_folder

Model = TypeVar("Model", bound=BaseModel)
Change = Callable[[str, Reference], str]
_UNIONS = (Union, types.UnionType)


def change_references(settings: Model, change: Change) -> Model:
    """Return settings in which every file, folder and model is replaced.

    Args:
        settings: The settings; nested settings, sequences and mappings are visited too.
        change: Takes a value and the kind of its reference, and returns the new value.
    """
    changed: dict[str, Any] = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        new = _change(value, field.annotation, tuple(field.metadata), change)
        if new is not value:
            changed[name] = new
    if isinstance(settings, Settings):
        changed |= settings.change_untyped(
            changed, lambda kind, values: change_values(values, kind, change)
        )
    # A copy keeps which fields were given and which have their default.
    fields_set = settings.model_fields_set
    copy = settings.model_copy(update=changed) if changed else settings
    copy.__pydantic_fields_set__.intersection_update(fields_set)
    return copy


def change_values(
    values: Mapping[str, Any], kind: type[BaseModel], change: Change
) -> dict[str, Any]:
    """Return partial settings (keys and values) in which every file and model is replaced.

    Args:
        values: Keys and values that fit the class.
        kind: The class of the settings.
        change: As in `change_references`.
    """
    changed = dict(values)
    for name, field in kind.model_fields.items():
        if name in values:
            changed[name] = _change(values[name], field.annotation, tuple(field.metadata), change)
    return changed


def _change(value: Any, annotation: Any, marks: tuple[Any, ...], change: Change) -> Any:
    if isinstance(value, BaseModel):
        return change_references(value, change)
    annotation, more = _unwrap(annotation)
    marks += more
    if isinstance(value, str | Path):
        kind = _reference_of(annotation, marks)
        if _is_literal(value, annotation):
            return value
        # Plain texts, and names such as those of bundled templates, refer to nothing.
        if kind is None or (isinstance(kind, FileReference) and not kind.is_path(str(value))):
            return value
        new = change(str(value), kind)
        # Paths stay paths, and texts stay texts.
        return new if new == str(value) and isinstance(value, str) else type(value)(new)
    if isinstance(value, tuple | list):
        kinds = _elements(annotation, len(value))
        parts = [_change(one, kind, (), change) for one, kind in zip(value, kinds, strict=True)]
        same = all(a is b for a, b in zip(parts, value, strict=True))
        # The same object if nothing changed: callers detect changes by identity.
        return value if same else type(value)(parts)
    if isinstance(value, Mapping):
        nested = _model_in(annotation)
        if nested is not None:
            return change_values(value, nested, change)
        inner = _value_type(annotation)
        parts_by_key = {key: _change(one, inner, (), change) for key, one in value.items()}
        return value if all(parts_by_key[key] is value[key] for key in value) else parts_by_key
    return value


def _unwrap(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return an annotation without `Annotated`, and its marks."""
    marks: tuple[Any, ...] = ()
    while get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        marks += tuple(more)
    return annotation, marks


def _reference_of(annotation: Any, marks: tuple[Any, ...]) -> Reference | None:
    """Return the kind of reference, from the marks of the field or of a member of its union."""
    for mark in marks:
        if isinstance(mark, Reference):
            return mark
    if get_origin(annotation) in _UNIONS:
        for member in get_args(annotation):
            found = _reference_of(*_unwrap(member))
            if found is not None:
                return found
    return None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the settings class in an annotation such as `Model` or `Model | None`."""
    for candidate in _members(annotation):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _members(annotation: Any) -> list[Any]:
    """Return the types of a union without their marks, or the type itself."""
    members = get_args(annotation) if get_origin(annotation) in _UNIONS else (annotation,)
    return [_unwrap(member)[0] for member in members]


def _is_literal(value: str | Path, annotation: Any) -> bool:
    """Return whether a value is one of the literals that a field accepts besides paths."""
    return any(
        value in get_args(member)
        for member in _members(annotation)
        if get_origin(member) is Literal
    )


def _arguments(annotation: Any, kinds: tuple[type, ...]) -> tuple[Any, ...]:
    """Return the type arguments of a type, or of the first matching member of a union."""
    for member in _members(annotation):
        origin = get_origin(member)
        if isinstance(origin, type) and issubclass(origin, kinds):
            return get_args(member)
    return ()


def _elements(annotation: Any, n: int) -> Sequence[Any]:
    """Return the type of each of n elements of a sequence."""
    found = _arguments(annotation, (tuple, list, Sequence))
    # `tuple[X, Y]` has a type for each element, `tuple[X, ...]` one for all.
    if len(found) == n and Ellipsis not in found:
        return found
    return [found[0] if found else Any] * n


def _value_type(annotation: Any) -> Any:
    """Return the type of the values of a mapping."""
    found = _arguments(annotation, (Mapping,))
    return found[1] if len(found) > 1 else Any


def is_in_key(field_marks: tuple[Any, ...], annotation: Any) -> bool:
    """Return whether a field is part of cache keys."""
    if any(isinstance(mark, NotInKey) for mark in field_marks):
        return False
    annotation, marks = _unwrap(annotation)
    if any(isinstance(mark, NotInKey) for mark in marks):
        return False
    if get_origin(annotation) in _UNIONS:
        # One marked member takes the field out of the key.
        return all(is_in_key((), member) for member in get_args(annotation))
    return True


def resolve_references(settings: Model, base: Path) -> Model:
    """Return settings in which relative paths and model folders are resolved against a folder.

    `bundled` is unchanged. A model name becomes a folder if this folder exists, or if the name
    starts with `.` or `~`; other names are Hugging Face names.

    Args:
        settings: The settings.
        base: The folder of the file that they were read from.

    Raises:
        SettingsError: A value cannot be a path.
    """

    def change(value: str, kind: Reference) -> str:
        if value == BUNDLED or not value.strip():
            return value
        if isinstance(kind, ModelReference):
            return resolve_model_name(value, base)
        return resolve_path(value, base)

    return change_references(settings, change)


def resolve_path(path: str, base: Path) -> str:
    """Return a path resolved against a folder.

    Raises:
        SettingsError: It cannot be a path.
    """
    if "\0" in path:
        raise SettingsError(f"the path {path!r} contains a NUL character")
    try:
        return str(base / Path(path).expanduser())
    except RuntimeError:
        raise SettingsError(
            f"cannot expand '~' in the path '{path}': no home folder found"
        ) from None


def resolve_model_name(name: str, base: Path) -> str:
    """Return the absolute path of a local model (folder or GGUF file), or the name unchanged.

    Raises:
        SettingsError: It cannot be the name of a model.
    """
    folder = Path(resolve_path(name, base))
    is_local = name[0] in ".~" or folder.is_dir() or folder.suffix == ".gguf"
    return str(folder.absolute()) if is_local else name


def with_hashes(settings: Model, hash_model: Callable[[str], str]) -> Model:
    """Return settings in which each file and model is replaced by its hash.

    Args:
        settings: The settings, with resolved references.
        hash_model: Takes a model name, and returns what identifies its weights.
    """

    def change(value: str, kind: Reference) -> str:
        if isinstance(kind, ModelReference):
            return hash_model(value)
        if isinstance(kind, FolderReference):
            # Folders that are written do not affect a result.
            return ""
        path = Path(value)
        if path.is_dir():
            return hash_folder(path)
        return hash_file(path) if path.is_file() else value

    return change_references(settings, change)


def key_values(settings: BaseModel, hash_model: Callable[[str], str]) -> dict[str, Any]:
    """Return the settings that affect a result, as JSON values for a cache key.

    Settings marked `NotInKey` are left out, a file or folder is represented by its content,
    and a model by what `hash_model` returns for it, so that moving a file changes no key.

    Args:
        settings: The settings, with resolved references.
        hash_model: Takes a model name, and returns what identifies its weights.
    """
    return dump_key(with_hashes(settings, hash_model))


def dump_key(settings: BaseModel, *, without: Collection[str] = ()) -> dict[str, Any]:
    """Return settings as JSON values, without those marked `NotInKey`.

    Args:
        settings: The settings.
        without: Further top-level fields to leave out.
    """
    values: dict[str, Any] = {}
    dumped = settings.model_dump(mode="json")
    for name, field in type(settings).model_fields.items():
        if name not in without and is_in_key(tuple(field.metadata), field.annotation):
            values[name] = _dump_nested(getattr(settings, name), dumped[name])
    return values


def flatten(values: Any, above: str = "") -> dict[str, Any]:
    """Flatten nested mappings into one with dotted keys.

    >>> flatten({"a": {"b": 1}, "c": 2})
    {'a.b': 1, 'c': 2}
    """
    if not isinstance(values, Mapping):
        return {above.rstrip("."): values}
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flatten(value, f"{above}{key}.")
    return found


def _dump_nested(value: Any, dumped: Any) -> Any:
    if isinstance(value, BaseModel):
        return dump_key(value)
    if isinstance(value, tuple | list):
        return [_dump_nested(a, b) for a, b in zip(value, dumped, strict=True)]
    if isinstance(value, Mapping):
        return {str(key): _dump_nested(one, dumped[str(key)]) for key, one in value.items()}
    return dumped


def model_of(settings: BaseModel) -> str | None:
    """Return the first model among the top-level settings, such as a solver's own; else None."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        annotation, more = _unwrap(field.annotation)
        kind = _reference_of(annotation, tuple(field.metadata) + more)
        if isinstance(kind, ModelReference) and isinstance(value, str):
            return value
    return None

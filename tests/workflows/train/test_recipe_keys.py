"""Every key of a recipe reaches the key of its training run, except those that are named here."""

from pathlib import Path
from types import SimpleNamespace
from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from llmexam.training.registry import trainer_names, training_settings
from llmexam.workflows.train.key import training_key
from llmexam.workflows.train.recipe import ExamFile, Recipe

# What is said of the results; and files and evidence, of which the content is in the key.
NOT_OF_A_RECIPE = {"title", "train", "dev", "report_on", "split_seeds", "settings", "evidence"}
# Settings that change the time of a training and not its result.
WITHOUT_EFFECT = {"vector_cache"}


def exams(content="content", evidence="none"):
    origin = SimpleNamespace(model_dump=lambda mode: {"found": evidence})
    return SimpleNamespace(train=SimpleNamespace(content_hash=content), graded={}, origin=origin)


def recipe_of(family, **settings):
    kind = training_settings(family)
    required = {
        name: "some/model" if name == "model" else ()
        for name, field in kind.model_fields.items()
        if field.is_required()
    }
    values = kind.model_construct(**(required | settings))
    return Recipe.model_construct(family=family, train=(), settings=values)


def key_of(recipe):
    return training_key(recipe, exams())


def another(annotation, value):
    """Return another value of the type of a setting; None if its type has no simple one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if get_origin(annotation) is Literal:
        return next(one for one in get_args(annotation) if one != value)
    if value is None and get_origin(annotation) is tuple:
        return (another(get_args(annotation)[0], None),)
    parts = [part for part in get_args(annotation) if get_origin(part) is Literal]
    if isinstance(value, str):
        # One of some values, or a list of texts.
        return ("x",) if parts else f"{value}x"
    if isinstance(value, Path):
        return value / "x"
    for kind, example in ((bool, True), (int, 7), (float, 0.5), (str, "x"), (Path, Path("x"))):
        if annotation is kind:
            return example
    choices = [another(part, None) for part in get_args(annotation) if part is not type(None)]
    return next((one for one in choices if one is not None), None)


def changes(settings, above=()):
    """Yield the path of each simple setting, nested ones too, and another value of it."""
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if value is PydanticUndefined or name in WITHOUT_EFFECT:
            continue
        if isinstance(value, BaseModel):
            yield from changes(value, (*above, name))
        elif (found := another(field.annotation, value)) is not None:
            is_bare = isinstance(value, tuple) and not isinstance(found, tuple)
            yield (*above, name), (found,) if is_bare else found


def changed(settings, path, value):
    """Return a copy with another value somewhere inside."""
    name, *below = path
    inner = changed(getattr(settings, name), below, value) if below else value
    return settings.model_copy(update={name: inner})


@pytest.mark.parametrize("family", trainer_names())
def test_every_setting_of_a_trainer_reaches_the_key(family):
    recipe = recipe_of(family)
    plain = key_of(recipe)
    found = list(changes(recipe.settings))
    assert len(found) > 5
    unnoticed = [
        ".".join(path)
        for path, value in found
        if key_of(changed(recipe, ("settings", *path), value)) == plain
    ]
    assert unnoticed == []


def test_every_key_of_a_recipe_but_those_of_files_reaches_the_key():
    recipe = recipe_of("ranker")
    plain = key_of(recipe)
    found = [
        (path, value)
        for path, value in changes(recipe)
        if path[0] not in {*NOT_OF_A_RECIPE, "split", "seeds"}
    ]
    unnoticed = {path[0] for path, value in found if key_of(changed(recipe, path, value)) == plain}
    assert unnoticed == {"tracking"}
    # Those whose values are not simple.
    for update in ({"split": {"train": 0.5, "dev": 0.5}}, {"seeds": (1, 2)}):
        assert key_of(recipe.model_copy(update=update)) != plain
    assert {path[0] for path, _ in found} | NOT_OF_A_RECIPE | {"split", "seeds"} == set(
        Recipe.model_fields
    )


def test_what_the_exams_say_reaches_the_key_and_where_they_are_does_not():
    recipe = recipe_of("ranker")
    assert training_key(recipe, exams("other")) != key_of(recipe)
    moved = recipe.model_copy(update={"train": (ExamFile(path="elsewhere.csv"),)})
    assert key_of(moved) == key_of(recipe)
    assert training_key(recipe, exams(evidence="index")) != key_of(recipe)

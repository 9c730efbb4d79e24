from typing import Literal

import pytest
from pydantic import Field

from llmexam.errors import SettingsError
from llmexam.settings.base import Settings


class Inner(Settings):
    reach: float = Field(1.0, gt=0)


class Outer(Settings):
    inner: Inner = Inner()
    items: tuple[Inner, ...] = ()
    mode: str = "a"


def parse(values):
    return Outer.parse(values, subject="the plan", file="plan.yaml")


def test_unknown_keys_name_the_nearest_at_their_level():
    with pytest.raises(SettingsError, match=r"plan.yaml field 'mood': .*Did you mean 'mode'"):
        parse({"mood": "b"})
    with pytest.raises(
        SettingsError, match=r"'inner.rech'.*Did you mean 'reach'. Available: reach"
    ):
        parse({"inner": {"rech": 2}})
    with pytest.raises(SettingsError, match=r"'items.1.rech'.*Did you mean 'reach'"):
        parse({"items": [{"reach": 2}, {"rech": 2}]})


def test_bad_values_are_shown_cut_short():
    with pytest.raises(SettingsError, match=r"'inner.reach': the plan: .*greater than 0, got -3"):
        parse({"inner": {"reach": -3}})
    with pytest.raises(SettingsError) as caught:
        parse({"inner": {"reach": "x" * 1000}})
    assert len(str(caught.value)) < 250


def test_settings_are_frozen():
    with pytest.raises(Exception, match="frozen"):
        Outer().mode = "b"


class Needy(Settings):
    solvers: list[str]


def test_a_misspelt_key_is_named_rather_than_the_missing_one():
    with pytest.raises(SettingsError, match=r"has no setting 'solver'.*Did you mean 'solvers'"):
        Needy.parse({"solver": ["lexical"]}, subject="the plan")
    with pytest.raises(SettingsError, match=r"needs 'solvers', which has no default$"):
        Needy.parse({}, subject="the plan")


class Model(Settings):
    model: str = Field(description="a local folder")


class Deep(Settings):
    inner: Model
    mode: Literal["letters", "options"]


def test_a_missing_key_is_told_with_what_it_is_and_how_to_give_it():
    def parse(kind, **values):
        with pytest.raises(SettingsError) as caught:
            kind.parse(values, subject="solver 'x'", given_as="--set {key}={value}")
        return str(caught.value)

    lacks = "solver 'x' needs 'model', which has no default: a local folder"
    assert parse(Model) == f"field 'model': {lacks}. Set it: --set model=FOLDER"
    assert parse(Deep, inner={}, mode="letters").endswith("--set inner.model=FOLDER")
    assert parse(Deep, inner={"model": "m"}).endswith("--set mode=letters")

"""The walker: paths and models in settings, wherever they are, by the types of their fields."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from llmexam.errors import SettingsError
from llmexam.settings.base import OneOrMany, Settings
from llmexam.settings.kinds import (
    CacheDir,
    FileReference,
    LocalPath,
    ModelRef,
    ModelReference,
    NotInKey,
    SampleOrPath,
    TemplateRef,
)
from llmexam.settings.walk import (
    change_references,
    dump_key,
    flatten,
    key_values,
    model_of,
    resolve_references,
)


class Part(Settings):
    """Nested settings with a file."""

    shorthand = "path"

    path: LocalPath
    n: int = 1
    shown: Annotated[int, NotInKey()] = 3


class Recorded(BaseModel):
    """Settings of another class than ours."""

    model: ModelRef = "m"


class All(Settings):
    """A field of every form that a reference can have."""

    plain: str = "name"
    path: LocalPath | None = None
    other: Annotated[Path | None, FileReference()] = None
    sample: SampleOrPath = "bundled"
    model: ModelRef = "bundled"
    template: TemplateRef = "letters"
    cache: CacheDir | None = None
    either: LocalPath | Literal["none"] = "none"
    part: Part | None = None
    parts: tuple[Part, ...] = ()
    many: OneOrMany[Part] = ()
    paths: tuple[LocalPath, ...] = ()
    pair: tuple[str, LocalPath] | None = None
    models: list[ModelRef] = Field([])
    named: dict[str, LocalPath] = Field({})
    named_parts: dict[str, Part] = Field({})
    recorded: Recorded | None = None
    untyped: dict[str, Any] = Field({})

    def change_untyped(self, changed, change):
        values = changed.get("untyped", self.untyped)
        return {"untyped": change(Part, values)} if values else {}


GIVEN = {
    "plain": "a.txt",
    "path": "a.txt",
    "other": "b.txt",
    "sample": "c.csv",
    "model": "./model",
    "template": "d.yaml",
    "cache": "cache",
    "either": "e.txt",
    "part": "f.txt",
    "parts": [{"path": "g.txt"}, "h.txt"],
    "many": "i.txt",
    "paths": ["j.txt", "/abs/k.txt"],
    "models": ["./l", "some/hub"],
    "named": {"a": "m.txt"},
    "named_parts": {"a": {"path": "n.txt"}},
    "recorded": {"model": "./o"},
    "untyped": {"path": "p.txt", "n": 2},
}


def parse(**values):
    return All.parse(values, subject="settings")


def test_relative_paths_start_at_a_folder_wherever_they_are():
    found = resolve_references(parse(**GIVEN), Path("/base"))
    assert found.model_dump(mode="json") == {
        "plain": "a.txt",
        "path": "/base/a.txt",
        "other": "/base/b.txt",
        "sample": "/base/c.csv",
        "model": "/base/model",
        "template": "/base/d.yaml",
        "cache": "/base/cache",
        "either": "/base/e.txt",
        "part": {"path": "/base/f.txt", "n": 1, "shown": 3},
        "parts": [
            {"path": "/base/g.txt", "n": 1, "shown": 3},
            {"path": "/base/h.txt", "n": 1, "shown": 3},
        ],
        "many": [{"path": "/base/i.txt", "n": 1, "shown": 3}],
        "paths": ["/base/j.txt", "/abs/k.txt"],
        "pair": None,
        "models": ["/base/l", "some/hub"],
        "named": {"a": "/base/m.txt"},
        "named_parts": {"a": {"path": "/base/n.txt", "n": 1, "shown": 3}},
        "recorded": {"model": "/base/o"},
        "untyped": {"path": "/base/p.txt", "n": 2},
    }
    # Doing it twice changes nothing, and types stay.
    assert resolve_references(found, Path("/other")) == found
    assert isinstance(found.path, Path)
    assert isinstance(found.sample, str)


def test_a_field_of_a_pair_has_its_own_type():
    found = resolve_references(parse(pair=["a.txt", "b.txt"]), Path("/base"))
    assert found.pair == ("a.txt", Path("/base/b.txt"))


def test_names_that_are_no_paths_stay():
    found = resolve_references(parse(), Path("/base"))
    assert found == parse()
    assert (found.sample, found.model, found.template, found.either) == (
        *("bundled", "bundled", "letters", "none"),
    )


def test_a_model_is_a_folder_where_there_is_one(tmp_path):
    (tmp_path / "near").mkdir()
    names = ["near", "some/hub", "~/far"]
    found = resolve_references(parse(models=names), tmp_path).models
    assert found == [str(tmp_path / "near"), "some/hub", str(Path("~/far").expanduser())]


@pytest.mark.parametrize(
    ("values", "message"),
    [({"path": "a\0b"}, "NUL"), ({"sample": "~nobody-of-this-name/a.csv"}, "no home folder")],
)
def test_what_cannot_be_a_path_is_an_error(values, message):
    with pytest.raises(SettingsError, match=message):
        resolve_references(parse(**values), Path("/base"))


def test_which_fields_were_given_is_kept():
    found = resolve_references(parse(path="a.txt"), Path("/base"))
    assert found.model_fields_set == {"path"}
    assert resolve_references(parse(), Path("/base")).model_fields_set == set()


def test_settings_without_references_are_returned_as_they_are():
    settings = parse(plain="b")
    assert change_references(settings, lambda value, kind: value) is settings


def test_the_key_holds_the_content_of_files_and_no_place(tmp_path):
    def key(text="text", at="a.txt", **values):
        (tmp_path / at).write_text(text)
        both = {"path": at, "parts": [at], "named": {"a": at}, **values}
        settings = resolve_references(parse(**both), tmp_path)
        return key_values(settings, lambda name: f"weights of {Path(name).name}")

    plain = key()
    assert key(at="b.txt") == plain
    assert str(tmp_path) not in str(plain)
    changed = key(text="other")
    assert {name for name in plain if plain[name] != changed[name]} == {"path", "parts", "named"}
    assert key(cache="elsewhere") == plain
    assert "cache" not in plain
    assert key(model="./m")["model"] == "weights of m"
    assert key(models=["./m", "./n"])["models"] == ["weights of m", "weights of n"]
    assert key(recorded={"model": "./o"})["recorded"] == {"model": "weights of o"}
    assert "shown" not in plain["parts"][0]
    assert plain["parts"][0]["n"] == 1


def test_the_key_leaves_out_what_is_marked_at_any_depth():
    kept = dump_key(parse(part={"path": "a", "shown": 9}, many=["b"], named_parts={"x": "c"}))
    assert kept["part"] == {"path": "a", "n": 1}
    assert kept["many"] == [{"path": "b", "n": 1}]
    assert kept["named_parts"] == {"x": {"path": "c", "n": 1}}
    assert "plain" not in dump_key(parse(), without={"plain"})


def test_flatten_joins_keys_with_dots():
    assert flatten({"a": {"b": {"c": 1}, "d": [1]}, "e": {}}) == {"a.b.c": 1, "a.d": [1]}
    assert flatten(5, "a.") == {"a": 5}


def test_the_first_model_is_found_by_its_type():
    class Second(Settings):
        name: str = "x"
        encoder: ModelRef | None = None
        model: ModelRef = "m"

    assert model_of(Second()) == "m"
    assert model_of(Second(encoder="e")) == "e"
    assert model_of(Part(path="a")) is None


def test_every_reference_is_seen_with_its_kind():
    seen = []
    change_references(parse(**GIVEN), lambda value, kind: seen.append((value, kind)) or value)
    values = [value for value, _ in seen]
    files = ["a.txt", "b.txt", "c.csv", "d.yaml", "cache", "e.txt", "f.txt", "g.txt", "h.txt"]
    files += ["i.txt", "j.txt", "/abs/k.txt", "m.txt", "n.txt", "p.txt"]
    assert sorted(values) == sorted([*files, "./model", "./l", "some/hub", "./o"])
    models = {value for value, kind in seen if isinstance(kind, ModelReference)}
    assert models == {"./model", "./l", "some/hub", "./o"}


class PluginPart(Settings):
    """Nested settings of a plug-in."""

    words: LocalPath | None = None
    encoder: ModelRef = Field("bundled", description="an encoder")


class PluginSettings(Settings):
    """What a solver of another package may take."""

    words: LocalPath = Field(description="a list of words")
    cache: CacheDir | None = None
    model: ModelRef = "some/hub"
    shots: PluginPart = PluginPart()
    lists: Mapping[str, LocalPath] = {}


class PluginSolver:
    """A solver that is only parsed."""

    settings_class = PluginSettings


@pytest.fixture
def plugin(monkeypatch):
    from llmexam.solvers import registry

    point = SimpleNamespace(name="plug", value="a_plugin:PluginSolver", dist=None)
    monkeypatch.setitem(sys.modules, "a_plugin", sys.modules[__name__])
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    return "plug"


def plan_of(folder, **settings):
    from llmexam.workflows.run.plan import parse_plan

    values = {"exam": "bundled", "solvers": [{"solver": "plug", **settings}]}
    return parse_plan(values, base=folder, file=None).solvers[0].settings


def test_paths_of_an_installed_solver_start_at_the_plans_folder(plugin, tmp_path):
    (tmp_path / "encoder").mkdir()
    settings = plan_of(
        tmp_path,
        words="words.txt",
        cache="cache",
        shots={"words": "more.txt", "encoder": "encoder"},
        lists={"a": "a.txt"},
    )
    assert settings.words == tmp_path / "words.txt"
    assert settings.cache == tmp_path / "cache"
    assert settings.model == "some/hub"
    assert settings.shots.words == tmp_path / "more.txt"
    assert settings.shots.encoder == str(tmp_path / "encoder")
    assert settings.lists == {"a": tmp_path / "a.txt"}


def test_an_installed_solver_is_keyed_by_the_content_of_its_files(plugin, tmp_path):
    def key(folder, text="gold"):
        folder.mkdir(exist_ok=True)
        (folder / "words.txt").write_text(text)
        settings = plan_of(folder, words="words.txt", cache="c", shots={"words": "words.txt"})
        return key_values(settings, lambda name: name)

    assert key(tmp_path / "a") == key(tmp_path / "b")
    assert key(tmp_path / "a") != key(tmp_path / "b", text="salt")


def test_the_encoder_of_examples_starts_at_the_plans_folder(tmp_path):
    from llmexam.workflows.run.plan import parse_plan

    (tmp_path / "encoder").mkdir()
    shots = {"file": "train.csv", "by": "nearest", "encoder": "encoder"}
    for solver in (
        {"causal-lm": {"model": "m", "shots": shots}},
        {"openai": {"model": "m", "shots": shots}},
    ):
        plan = parse_plan({"exam": "bundled", "solvers": [solver]}, base=tmp_path, file=None)
        found = plan.solvers[0].settings.shots
        assert found.encoder == str(tmp_path / "encoder")
        assert found.file == tmp_path / "train.csv"


def test_user_only_settings_are_those_that_could_send_or_cost_something():
    from llmexam.solvers.registry import solver_class

    served = solver_class("openai").settings_class
    assert {"base_url", "api_key_env", "max_cost"} <= served.user_only
    for name in ("openai", "ranker"):
        kind = solver_class(name).settings_class
        assert kind.user_only <= kind.model_fields.keys()

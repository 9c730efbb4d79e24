"""What a ranker's folder may not decide: addresses, key variables, names on the hub."""

import json
from dataclasses import replace

import pytest

from llmexam.errors import LlmExamError, ModelError, SettingsError
from llmexam.lm.models.card import ModelCard, write_card
from llmexam.solvers import registry
from llmexam.solvers.ranker.members import read_members
from llmexam.solvers.registry import create_solver

SERVED = {"model": "m", "base_url": "http://127.0.0.1:9/v1", "api_key_env": "HF_TOKEN"}


def write_ranker(folder, *members):
    card = ModelCard(family="ranker", base_model="none", base_weights_hash="")
    folder.mkdir(exist_ok=True)
    write_card(folder, card)
    saved = {"kind": "llmexam ranker", "members": members, "names": []}
    (folder / "ranker.json").write_text(json.dumps(saved), "utf-8")
    return str(folder)


def member(solver, **settings):
    return {"solver": solver, "name": "other", "settings": settings}


@pytest.mark.parametrize("inner", [False, True])
def test_a_folder_cannot_send_a_key_to_an_address(tmp_path, monkeypatch, inner):
    pytest.importorskip("openai")
    monkeypatch.setenv("HF_TOKEN", "secret")
    served = {"solver": "openai", "name": "s", "settings": SERVED}
    found = member("cascade", first={"solver": "longest", "name": "l"}, second=served)
    folder = write_ranker(tmp_path / "r", found if inner else member("openai", **SERVED))
    with pytest.raises(
        ModelError, match=r"members\.other.*that a model folder may not set"
    ) as told:
        create_solver("ranker", {"model": folder})
    assert "secret" not in str(told.value)
    given = "second" if inner else "model: ..., base_url: ..., api_key_env"
    assert f"members: {{other: {{{given}: ...}}}}" in str(told.value)


def test_the_plan_gives_what_the_folder_may_not(tmp_path):
    folder = write_ranker(tmp_path, member("openai", **SERVED, rotations=4))
    given = {"model": "m", "base_url": "http://localhost:1/v1"}
    with pytest.raises(ModelError, match=r"copy those that you trust.*\{api_key_env: \.\.\.\}"):
        read_members(folder, {"other": given})
    (spec,) = read_members(folder, {"other": {**given, "api_key_env": None}})
    # How the model is asked stays as in the training.
    assert spec.settings == {**given, "api_key_env": None, "rotations": 4}


def test_only_what_differs_from_the_plan_has_to_be_given(tmp_path):
    own = {"base_url": "https://api.openai.com/v1", "api_key_env": "OPENAI_API_KEY"}
    folder = write_ranker(tmp_path, member("openai", model="m", **own))
    (spec,) = read_members(folder, {"other": {"model": "m"}})
    assert spec.settings == {"model": "m", **own}


@pytest.mark.parametrize(
    "found",
    [
        member("bi-encoder", model="someone/model"),
        member("causal-lm", model="bundled", shots={"file": "a", "encoder": "someone/model"}),
        member("cross-encoder", model="//host/share"),
    ],
)
def test_a_folder_cannot_name_a_model_on_the_hub(tmp_path, found):
    folder = write_ranker(tmp_path, found)
    with pytest.raises(ModelError, match=r"field 'members\.other': .*(someone/model|//host)"):
        read_members(folder, {})


def test_models_on_this_machine_stay(tmp_path):
    for name in ("bundled", str(tmp_path)):
        folder = write_ranker(tmp_path, member("bi-encoder", model=name))
        assert read_members(folder, {})[0].settings == {"model": name}
    (spec,) = read_members(folder, {"other": {"model": "someone/model"}})
    assert spec.settings == {"model": "someone/model"}


def test_a_ranker_inside_cannot_bring_settings_of_its_members(tmp_path):
    inner = write_ranker(tmp_path / "inner", member("openai", **SERVED))
    found = member("ranker", model=inner, members={"other": SERVED})
    folder = write_ranker(tmp_path / "outer", found)
    with pytest.raises(
        ModelError, match=r"that a model folder may not set; the folder has members: "
    ):
        read_members(folder, {})


def test_settings_of_an_outside_package_come_from_the_plan(tmp_path, monkeypatch):
    entry = registry.solver_entries()["longest"]
    outside = replace(entry, target="llmexam.solvers.lexical.solver:LexicalSolver", origin="x")
    monkeypatch.setitem(registry._BUILT_IN, "outside", outside)
    folder = write_ranker(tmp_path, member("outside", reach=7))
    with pytest.raises(ModelError, match=r"the folder has reach: 7"):
        read_members(folder, {})
    assert read_members(folder, {"other": {"reach": 7}})[0].settings == {"reach": 7}


def test_every_setting_of_our_solvers_that_names_a_place_is_known():
    """A new setting for an address or a key has to be added to `user_only`."""
    for name, entry in registry._BUILT_IN.items():
        try:
            kind = registry.solver_class(name).settings_class
        except LlmExamError:
            continue
        suspicious = {
            key
            for key in kind.model_fields
            if any(part in key for part in ("url", "key_env", "http", "token_", "host", "members"))
            or (entry.served and key == "model")
        }
        assert suspicious - {"allow_other_evidence"} <= kind.user_only, name


def test_an_unknown_member_is_named(tmp_path):
    folder = write_ranker(tmp_path, member("longest"))
    with pytest.raises(SettingsError, match=r"no member 'othe'.*other"):
        read_members(folder, {"othe": {}})

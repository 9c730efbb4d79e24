from pathlib import Path

import pytest

from llmexam import sample
from llmexam.errors import SettingsError
from llmexam.solvers.baselines.solver import FirstSettings
from llmexam.solvers.ranker.model import RANKER_FILE, MemberSpec, RankerFile
from llmexam.workflows.run.plan import DEMO, parse_plan, read_plan


def parse(**values):
    plan = {"exam": "exam.csv", "solvers": ["lexical"], **values}
    return parse_plan(plan, base=Path("/base"), file="plan.yaml")


def test_short_forms_mean_the_long_ones():
    plan = parse(
        evidence={"corpus": "corpus.jsonl", "index": "wiki"},
        solvers=[
            "first",
            {"solver": "lexical", "name": "words", "reach": 5},
            {"lexical": {"reach": 3}},
            {"longest": None},
        ],
    )
    assert plan.exam.path == "/base/exam.csv"
    assert [str(c.path) for c in plan.evidence.corpus] == ["/base/corpus.jsonl"]
    assert plan.evidence.index == ("/base/wiki",)
    names = [(s.solver, s.name) for s in plan.solvers]
    assert names[:2] == [("first", "first"), ("lexical", "words")]
    assert names[2:] == [("lexical", "lexical"), ("longest", "longest")]
    assert plan.solvers[2].settings.reach == 3
    assert plan.solvers[1].settings.reach == 5
    assert plan.solvers[1].settings.floor == 0.4


def test_bundled_files_are_found():
    plan = parse_plan(DEMO, base=Path("/elsewhere"), file=None)
    assert plan.exam.file == sample.EXAM_PATH
    assert [c.path for c in plan.evidence.corpora] == [sample.CORPUS_PATH]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"solvrs": []}, r"plan\.yaml field 'solvrs'.*Did you mean 'solvers'"),
        ({"evidence": {"corpse": "x"}}, r"Did you mean 'corpus'"),
        ({"evidence": {"corpus": [{"path": "x", "formt": "csv"}]}}, r"Did you mean 'format'"),
        ({"evidence": {"k": 0}}, r"'evidence\.k'.*greater than or equal to 1"),
        ({"solvers": []}, r"'solvers'.*at least 1"),
        ({"solvers": ["lexial"]}, r"unknown solver 'lexial'.*Did you mean 'lexical'"),
        ({"solvers": [{"solver": "lexical", "raech": 5}]}, r"Did you mean 'reach'"),
        ({"solvers": ["lexical", "lexical"]}, r"two solvers have the name 'lexical'"),
        ({"solvers": [{"solver": "first", "name": "../up"}]}, r"expected letters, digits"),
        ({"solvers": [{"solver": "first", "name": "ensemble"}]}, r"is reserved"),
        ({"solvers": [{"name": "first"}]}, r"solver"),
        ({"ensemble": {"method": "mean-zz"}}, r"ensemble\.method"),
        (
            {"ensemble": {"weights": {"lexcal": 1}}},
            r"weight for unknown member 'lexcal'.*Did you mean 'lexical'",
        ),
        (
            {"solvers": ["first", "random"], "ensemble": {"weights": {"first": 1}}},
            r"'random' has no",
        ),
        (
            {"solvers": ["first", {"solver": "random", "name": "First"}]},
            r"two solvers have the name",
        ),
        ({"solvers": [{"solver": "first", "name": "x" * 300}]}, r"got 300 characters"),
        (
            {"solvers": [{"solver": "first", "settings": 5}]},
            r"expected a mapping as settings of a solver, got 5",
        ),
        ({"solvers": [{"solver": "random", "seed": 1, "settings": {"seed": 2}}]}, r"'seed' is"),
        ({"solvers": "first"}, r"a valid list, got 'first'"),
        ({"seed": -1}, r"'seed'.*greater than or equal to 0"),
        ({"evaluation": {"n_resamples": 10**11}}, r"less than or equal to 1000000"),
        ({"exam": "a\0b"}, r"NUL"),
        ({"exam": "~nobody-of-this-name/exam.csv"}, r"no home folder"),
    ],
)
def test_mistakes_are_named(values, message):
    with pytest.raises(SettingsError, match=message):
        parse(**values)


def test_changes_reach_into_the_plan(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_text("exam: e.csv\nsolvers: [lexical]\nevidence: {corpus: c.jsonl, k: 3}\n")
    plan = read_plan(path, {"evidence": {"k": 9}, "seed": 4})
    assert (plan.evidence.k, plan.seed) == (9, 4)
    assert len(plan.evidence.corpus) == 1


def test_a_plan_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"\xef\xbb\xbfexam: e.csv\r\nsolvers: [first]\r\n")
    assert read_plan(path).solvers[0].name == "first"


def test_a_folder_or_binary_file_is_no_plan(tmp_path):
    with pytest.raises(SettingsError, match="expected a YAML file"):
        read_plan(tmp_path)
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="expected a YAML file"):
        read_plan(tmp_path / "x")


def test_settings_without_a_value_are_the_defaults():
    assert (
        parse(solvers=[{"solver": "first", "settings": None}]).solvers[0].settings
        == FirstSettings()
    )


def test_models_beside_the_plan_are_taken_from_there(tmp_path):
    for name in ("reader", "encoder", "reranker", "stack"):
        (tmp_path / name).mkdir()
    member = MemberSpec(solver="causal-lm", name="one", settings={"model": "recorded"})
    saved = RankerFile(members=(member,), names=())
    (tmp_path / "stack" / RANKER_FILE).write_text(saved.model_dump_json())
    plan = parse_plan(
        {
            "exam": "bundled",
            "solvers": [
                {"bi-encoder": {"model": "reader"}},
                {"solver": "bi-encoder", "name": "hub", "model": "intfloat/e5-small-v2"},
                {"solver": "bi-encoder", "name": "bundled"},
                {
                    "solver": "ranker",
                    "model": "stack",
                    "members": {"one": {"model": "reader", "cache_dir": "kept"}},
                },
            ],
            "evidence": {"model": "encoder", "reranker": {"model": "reranker", "depth": 7}},
        },
        base=tmp_path,
        file=None,
    )
    near, hub, bundled, ranker = (solver.settings for solver in plan.solvers)
    assert near.model == str(tmp_path / "reader")
    assert (hub.model, bundled.model) == ("intfloat/e5-small-v2", "bundled")
    assert ranker.model == str(tmp_path / "stack")
    assert ranker.members["one"] == {
        "model": str(tmp_path / "reader"),
        "cache_dir": str(tmp_path / "kept"),
    }
    assert plan.evidence.model == str(tmp_path / "encoder")
    assert plan.evidence.reranker.model == str(tmp_path / "reranker")
    assert plan.evidence.reranker.depth == 7


def test_examples_and_templates_of_ones_own_start_at_the_plans_folder():
    shots = {"file": "train.csv", "n": 2}
    named, own = (
        {"solver": "causal-lm", "name": name, "model": "m", "template": template, "shots": shots}
        for name, template in (("a", "alpaca"), ("b", "mine.yaml"))
    )
    first, second = (solver.settings for solver in parse(solvers=[named, own]).solvers)
    assert first.template == "alpaca"
    assert second.template == "/base/mine.yaml"
    assert second.shots.file == Path("/base/train.csv")


def test_a_served_model_keeps_its_name_whatever_folder_lies_nearby(tmp_path):
    (tmp_path / "tiny").mkdir()
    served = {"model": "tiny", "cache_dir": "kept"}
    plan = parse_plan(
        {
            "exam": "bundled",
            "solvers": [
                {"solver": "openai", "name": "a", **served},
                {
                    "solver": "cascade",
                    "first": {"causal-lm": {"model": "tiny"}},
                    "second": {"solver": "openai", "name": "large", "settings": served},
                },
                {
                    "solver": "cascade",
                    "name": "deeper",
                    "first": "lexical",
                    "second": {"cascade": {"first": {"openai": served}, "second": "first"}},
                },
                {"solver": "bi-encoder", "model": "tiny"},
            ],
        },
        base=tmp_path,
        file=None,
    )
    plain, cascade, deeper, encoder = (solver.settings for solver in plan.solvers)
    here = str(tmp_path / "tiny")
    placed = {"model": "tiny", "cache_dir": str(tmp_path / "kept")}
    served_ones = (plain, cascade.second.settings, deeper.second.settings.first.settings)
    for one in served_ones:
        assert {"model": one.model, "cache_dir": one.cache_dir} == placed
    assert cascade.first.settings.model == here
    assert encoder.model == here

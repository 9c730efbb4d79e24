"""Recoverers whose rows are shared out to workers give the answers of one process."""

import pytest

from llmexam.recovery.recoverers.baselines import Constant, Copy
from llmexam.recovery.recoverers.neighbours import NearestNeighbours
from llmexam.recovery.recoverers.served import ServedLm
from llmexam.recovery.recoverers.sharded import recover_in_shards, why_not_in_shards
from llmexam.recovery.recoverers.spec import RecovererSpec
from llmexam.recovery.rewrites import Rewrite, RewriteExam
from llmexam.stages.local import LocalExecutor
from llmexam.stages.sharding.cluster import Cluster
from llmexam.tasks.prompt_recovery.answers import Training, answer_stage

ROWS = RewriteExam(
    tuple(
        Rewrite(f"r{number}", f"Text {number}", f"Other {number}", "secret", {"a": "b"})
        for number in range(150)
    )
)


@pytest.fixture(scope="module")
def cluster():
    with Cluster("processes", workers=2) as made:
        yield made


@pytest.mark.parametrize(
    ("name", "made"), [("constant", Constant(text="Improve")), ("copy", Copy())]
)
def test_recoveries_are_equal(cluster, tmp_path, name, made):
    done = []
    found = recover_in_shards(
        ROWS, name, made, cluster, tmp_path, lambda *counts: done.append(counts)
    )
    assert repr(found) == repr(list(made.recover(ROWS)))
    assert done[-1] == (150, 150)
    assert len(list(tmp_path.glob("*.json"))) == 2 * 3


def test_a_stage_writes_the_same_file(cluster, tmp_path):
    spec = RecovererSpec.model_validate("copy")
    for name, where in (("alone", None), ("shared", cluster)):
        stage = answer_stage(spec, ROWS.without_prompts(), Training(), "answers/copy.json")
        LocalExecutor(tmp_path / name, cluster=where).run(stage)
    files = [tmp_path / name / "answers" / "copy.json" for name in ("alone", "shared")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert not (tmp_path / "shared" / "shards").exists()


@pytest.mark.needs("openai")
def test_recoverers_that_need_more_than_their_rows_are_told(monkeypatch):
    assert why_not_in_shards(Copy()) == ""
    assert "learns" in why_not_in_shards(NearestNeighbours())
    served = ServedLm(model="m", base_url="http://127.0.0.1:1/v1")
    assert "budget" in why_not_in_shards(served)

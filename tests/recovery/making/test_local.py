import json

import pytest

from llmexam.errors import CacheError, ExamError, ModelError, SettingsError
from llmexam.recovery.making.local import LocalMaker, LocalMakerSettings
from llmexam.recovery.making.pairs import draw_pairs
from llmexam.recovery.making.sharded import ClusterMaker
from llmexam.stages.sharding.cluster import Cluster
from llmexam.storage.answer_store import AnswerStore
from llmexam.workflows.make_data import forecast_data, make_data, yields_path

PAIRS = draw_pairs([f"Text {i}." for i in range(50)], ["A poem.", "An email."], 70)


def ignore(n_done, n_all):
    pass


@pytest.fixture
def make(lm_folder, tmp_path):
    def _make(cache="cache", **settings):
        own = {"model": str(lm_folder), "cache_dir": str(tmp_path / cache), "max_new_tokens": 5}
        return LocalMaker(LocalMakerSettings(**{**own, **settings}))

    return _make


def test_texts_follow_the_seed_and_are_cached(make):
    done = []
    first = make()
    found = first.make(PAIRS, lambda *counts: done.append(counts))
    assert len(found) == 70
    assert done == [(32, 70), (64, 70), (70, 70)]
    assert first.used().startswith("70 texts generated; 0 cached; ")
    again = make()
    assert again.make(PAIRS, ignore) == found
    assert again.used().startswith("0 texts generated; 70 cached")
    assert [one.text for one in make(seed=1).make(PAIRS, ignore)] != [one.text for one in found]
    assert all(one.is_cut == (one.completion_tokens == 5) for one in found if one.is_cut)
    assert make(max_new_tokens=7).forecast(PAIRS).n_cached == 0


@pytest.mark.slow
def test_an_interrupted_run_ends_with_the_same_texts(make, monkeypatch):
    whole = make("whole").make(PAIRS, ignore)

    def stop_at(n):
        def progress(n_done, n_all):
            if n_done >= n:
                raise KeyboardInterrupt

        return progress

    for n in (32, 64):
        with pytest.raises(KeyboardInterrupt):
            make().make(PAIRS, stop_at(n))
    assert make().make(PAIRS, ignore) == whole

    # Killed while the last texts are written: all of them are generated again.
    def fail(self, entries):
        raise KeyboardInterrupt

    other = make("other")
    with monkeypatch.context() as patched:
        patched.setattr(AnswerStore, "put", fail)
        with pytest.raises(KeyboardInterrupt):
            other.make(PAIRS, ignore)
    assert other.forecast(PAIRS).n_cached == 0
    assert make("other").make(PAIRS, ignore) == whole


def test_the_format_says_how_turns_are_written(make):
    def asked(**settings):
        maker = make(system="Do it.", **settings)
        return maker.writer.prompt(maker.request(PAIRS[0]))

    message = f"{PAIRS[0].prompt}\n\n{PAIRS[0].text}"
    assert asked() == f"<|system|>Do it.\n<|user|>{message}\n<|assistant|>"
    assert asked(format="plain") == f"Do it.\n\n{message}\n\nRewritten text:"
    assert asked(format="gemma").endswith("<end_of_turn>\n<start_of_turn>model\n")
    assert asked(template="{text} -> {prompt}").count(f"{PAIRS[0].text} -> {PAIRS[0].prompt}") == 1


def test_data_by_a_local_model(lm_folder, files, tmp_path):
    arguments = {
        "model": str(lm_folder),
        "settings": {"max_new_tokens": 40, "cache_dir": str(tmp_path / "cache")},
        "drawing": {"n_rows": 5},
    }
    forecast = forecast_data(*files, **arguments)
    assert (forecast.n_pairs, forecast.completion_tokens) == (5, 200)
    made = make_data(*files, **arguments)
    assert made.yields.asked == 5
    assert made.yields.prompt_tokens == forecast.prompt_tokens
    assert all(row.metadata["source"] == "tiny-llama" for row in made.rows)
    # All answers of a model with random weights are cut off.
    with pytest.raises(ExamError, match="none of 5 answers was kept"):
        make_data(*files, out=tmp_path / "made.csv", **arguments)
    written = json.loads(yields_path(tmp_path / "made.csv").read_text())
    assert (written["model"], written["asked"]) == ("tiny-llama", 5)


def test_what_a_local_model_cannot_do_is_told(make, files, lm_folder, tmp_path):
    with pytest.raises(ModelError, match=r"row 1: .* 5000 new tokens exceed .* 2048.*max_new"):
        make(max_new_tokens=5000).make(PAIRS, ignore)
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match=r"cannot write to the answer cache.*cache_dir"):
        make("file").make(PAIRS, ignore)
    with pytest.raises(ModelError, match="not found"):
        make_data(*files, model="./none")
    with pytest.raises(SettingsError, match="Did you mean 'max_new_tokens'"):
        make_data(*files, model=str(lm_folder), settings={"max_new_token": 3})


@pytest.mark.slow
def test_workers_of_a_cluster_write_the_same_texts(make, tmp_path):
    alone = make().make(PAIRS, ignore)
    settings = make("other").settings
    done = []
    with Cluster("processes", workers=2) as cluster:
        maker = ClusterMaker(settings, cluster, tmp_path / "shards")
        found = maker.make(PAIRS, lambda *counts: done.append(counts))
    assert found == alone
    assert done[-1] == (70, 70)
    assert maker.used().startswith("70 texts generated or cached by workers; ")
    assert maker.name == make().name


@pytest.mark.slow
def test_a_cluster_needs_an_output_and_a_local_model(lm_folder, tmp_path):
    out = tmp_path / "none.csv"
    with Cluster("processes", workers=1) as cluster:
        with pytest.raises(SettingsError, match="--out"):
            make_data("bundled", "bundled", model=str(lm_folder), cluster=cluster)
        with pytest.raises(SettingsError, match="replicas"):
            make_data(
                "bundled",
                "bundled",
                model="m",
                base_url="http://127.0.0.1:1/v1",
                out=out,
                cluster=cluster,
            )
        # The yield table says why nothing was kept of what a random model writes.
        with pytest.raises(ExamError, match="none of 3 answers was kept"):
            make_data(
                "bundled",
                "bundled",
                model=str(lm_folder),
                settings={"max_new_tokens": 5, "cache_dir": str(tmp_path / "cache")},
                drawing={"n_rows": 3},
                out=out,
                cluster=cluster,
            )
    assert json.loads(yields_path(out).read_text())["asked"] == 3

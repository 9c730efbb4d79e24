import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import yaml
from tests.cli.in_process import llmexam

from llmexam.errors import (
    CorpusError,
    ExamError,
    LlmExamError,
    RunError,
    SettingsError,
    SubmissionError,
)
from llmexam.evidence.corpus import CorpusSettings
from llmexam.exam.loading import load_exam
from llmexam.exam.score_files import read_scores
from llmexam.exam.submission import validate_submission
from llmexam.lm.models.loading import resolve_model
from llmexam.retrieval.build import build_index, delete_from_index
from llmexam.solvers.baselines.solver import LongestSolver, RandomSolver
from llmexam.solvers.lexical.solver import LexicalSolver
from llmexam.solvers.registry import create_solver
from llmexam.storage.locking import lock_folder
from llmexam.tasks.multiple_choice import task as task_module
from llmexam.tracking.tracker import NoTracker
from llmexam.training.registry import create_trainer
from llmexam.workflows.run import pipeline as run_module
from llmexam.workflows.run.pipeline import run_plan

SALT = "Table salt is sodium chloride. It melts at 801 degrees."
GOLD = "Gold is a yellow metal. It melts at 1064 degrees."


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "exam.csv").write_text(
        "id,prompt,A,B,C,answer\n"
        "0,At how many degrees does salt melt?,801,1064,None,A\n"
        "1,At how many degrees does gold melt?,801,1064,NA,B\n"
        "2,What is table salt?,a metal,a mineral of gold,sodium chloride,C\n"
    )
    corpus = [{"id": "salt", "text": SALT}, {"id": "gold", "text": GOLD, "title": "Gold"}]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(d) + "\n" for d in corpus))
    (tmp_path / "other.csv").write_text("id,prediction\n0,B A C\n1,A B C\n2,C A B\n")
    write_plan(tmp_path, {})
    return tmp_path


def write_plan(folder, changes):
    plan = {
        "exam": "exam.csv",
        "evidence": {"corpus": "corpus.jsonl", "k": 2},
        "solvers": ["lexical", {"solver": "random", "name": "dice", "seed": 3}],
        "ensemble": {"weights": {"lexical": 1.0, "dice": 0.0}},
        "evaluation": {"n_resamples": 200, "compare": ["other.csv"]},
        "seed": 7,
    }
    (folder / "plan.yaml").write_text(yaml.safe_dump({**plan, **changes}))
    return folder / "plan.yaml"


def run(folder, **changes):
    return run_plan(folder / "plan.yaml", folder / "out", changes=changes, command="a command")


def cached(content):
    return {record.name: record.cached for record in content.stages}


def test_a_run_leaves_everything_in_one_folder(folder):
    content = run(folder)
    out = folder / "out"
    exam = load_exam(folder / "exam.csv")
    assert content.final.evaluation.metric("accuracy").estimate.value == 1
    assert content.final.name == "ensemble"
    assert [c.name_b for c in content.comparisons] == ["lexical", "dice", "other"]
    validate_submission(out / "submission.csv", exam)
    for name in ("ensemble", "lexical", "dice"):
        scores, made_by = read_scores(out / "scores" / f"{name}.parquet")
        assert scores.question_ids == exam.ids
        assert made_by["exam_hash"] == content.exam.content_hash
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["final"]["metrics"][0]["estimate"]["value"] == 1
    assert metrics["schema_version"] == 2
    assert set(metrics["final"]["metrics"][0]["baselines"]) == {"first", "longest"}
    assert metrics["solvers"]["dice"]["weight"] == 0
    assert metrics["command"] == "a command"
    record = json.loads((out / "run.json").read_text())
    assert record["seed"] == 7
    assert record["exam"]["content_hash"] == content.exam.content_hash
    assert {"report.html", "submission.csv", "scores/ensemble.parquet"} <= set(record["files"])
    assert all(stage["peak_mb"] > 0 for stage in record["stages"])
    assert "sodium chloride" in (out / "report.html").read_text()
    assert not list(out.rglob("*.tmp"))


def test_the_resolved_plan_gives_the_same_run(folder):
    first = run(folder)
    again = run_plan(folder / "out" / "plan.yaml", folder / "again")
    assert again.final.scores.values.tolist() == first.final.scores.values.tolist()
    assert cached(again)["score lexical"] is False


def test_the_plans_seed_reaches_the_solvers_unless_they_have_their_own(folder):
    write_plan(folder, {"solvers": ["random", {"solver": "random", "name": "dice", "seed": 3}]})
    content = run(folder, ensemble={"weights": "equal"})
    settings = yaml.safe_load((folder / "out" / "plan.yaml").read_text())["solvers"]
    assert [s["settings"]["seed"] for s in settings] == [7, 3]
    assert len(content.solvers) == 2


def test_nothing_is_done_twice(folder):
    first = run(folder)
    assert not any(cached(first).values())
    kept = {name for name, value in cached(run(folder)).items() if value}
    assert kept == {
        "audit",
        "index sparse",
        "search",
        *(f"{stage} {name}" for stage in ("score", "explain") for name in ("lexical", "dice")),
        *(f"rotate options for {name}" for name in ("lexical", "dice")),
    }


def test_a_changed_setting_redoes_only_what_depends_on_it(folder):
    run(folder)
    solver = cached(run(folder, solvers=["lexical", {"solver": "random", "name": "dice"}]))
    assert solver["score lexical"] is True
    assert solver["score dice"] is False
    evidence = cached(run(folder, evidence={"k": 1}))
    assert evidence["index sparse"] is True
    assert evidence["search"] is False
    assert evidence["score lexical"] is False


def test_changed_data_is_noticed(folder):
    run(folder)
    corpus = folder / "corpus.jsonl"
    corpus.write_text(corpus.read_text().replace("801", "802"))
    after = cached(run(folder))
    assert after["index sparse"] is False
    assert after["score lexical"] is False
    assert after["audit"] is True


def test_an_index_built_again_from_other_fields_is_noticed(folder):
    (folder / "corpus.csv").write_text(
        f'id,text,other\nsalt,"{SALT}",nothing\ngold,"{GOLD}",none\n'
    )
    corpus = CorpusSettings(path=folder / "corpus.csv")
    build_index(corpus, folder / "index")
    evidence = {"evidence": {"corpus": [], "index": str(folder / "index"), "k": 2}}
    run(folder, **evidence)
    build_index(corpus, folder / "index")
    assert cached(run(folder, **evidence))["search"] is True
    build_index(corpus.model_copy(update={"fields": {"text": "other"}}), folder / "index")
    changed = run(folder, **evidence)
    assert cached(changed)["search"] is False
    assert cached(changed)["score lexical"] is False
    texts = {passage.text for question in changed.exam for passage in question.passages}
    assert not texts & {SALT, GOLD}


def test_an_index_with_other_deletions_is_noticed(folder):
    def built_without(document):
        build_index(folder / "corpus.jsonl", folder / "index")
        delete_from_index(folder / "index", [document])

    evidence = {"evidence": {"corpus": [], "index": str(folder / "index"), "k": 2}}
    built_without("salt")
    run(folder, **evidence)
    built_without("gold")
    changed = run(folder, **evidence)
    assert cached(changed)["search"] is False
    assert {p.id for question in changed.exam for p in question.passages} == {"salt#0"}


def test_a_corpus_file_in_another_folder_is_noticed(folder):
    (folder / "corpus" / "one").mkdir(parents=True)
    (folder / "corpus" / "one" / "salt.txt").write_text(SALT)
    evidence = {"evidence": {"corpus": str(folder / "corpus"), "k": 2}}
    run(folder, **evidence)
    (folder / "corpus" / "one").rename(folder / "corpus" / "two")
    changed = run(folder, **evidence)
    assert cached(changed)["index sparse"] is False
    found = {p.id for question in changed.exam for p in question.passages}
    assert found == {"two/salt.txt:1#0"}


def test_a_result_that_was_touched_is_made_anew(folder):
    before = run(folder)
    path = folder / "out" / "scores" / "lexical.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    (folder / "out" / "stages" / "audit.json").write_text("{")
    after = run(folder)
    assert cached(after)["score lexical"] is False
    assert cached(after)["audit"] is False
    assert after.final.scores.values.tolist() == before.final.scores.values.tolist()


def test_fresh_does_everything_again(folder):
    run(folder)
    content = run_plan(folder / "plan.yaml", folder / "out", overwrite=True)
    assert not any(cached(content).values())


def test_an_interrupted_run_goes_on_where_it_was(folder, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(task_module, "finish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run(folder)
    assert not (folder / "out" / "submission.csv").exists()
    after = cached(run(folder))
    assert after["score lexical"] is True
    assert (folder / "out" / "submission.csv").exists()


@pytest.mark.slow
def test_a_killed_run_goes_on_and_leaves_no_lock(folder):
    """SIGKILL while the second solver is being scored: the first one's scores are kept."""
    code = (
        "import os, sys, time\n"
        "from llmexam.solvers.baselines.solver import RandomSolver\n"
        "from llmexam.workflows.run.pipeline import run_plan\n"
        "def score(self, questions):\n"
        "    print('scoring', flush=True)\n"
        "    time.sleep(60)\n"
        "RandomSolver.score = score\n"
        "run_plan(sys.argv[1], sys.argv[2])\n"
    )
    command = [sys.executable, "-c", code, str(folder / "plan.yaml"), str(folder / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"scoring\n"
        with pytest.raises(RunError, match="another process"):
            run(folder)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    after = cached(run(folder))
    assert after["score lexical"] is True
    assert after["score dice"] is False


def test_an_interrupt_ends_with_130_and_leaves_nothing_half_written(folder, monkeypatch):
    def interrupt(self, questions):
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(RandomSolver, "score", interrupt)
            done = llmexam("run", folder / "plan.yaml", "--out", folder / "out")
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert not list((folder / "out").rglob("*.tmp"))
    assert cached(run(folder))["score lexical"] is True


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_leaves_nothing_half_written(folder):
    # Where the tests run in the background, children would inherit that Ctrl-C is ignored.
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from llmexam.solvers.baselines.solver import RandomSolver\n"
        "def score(self, questions):\n"
        "    print('scoring', flush=True)\n"
        "    time.sleep(60)\n"
        "RandomSolver.score = score\n"
        "sys.argv[1:] = ['run', *sys.argv[1:]]\n"
        "from llmexam.__main__ import main\n"
        "main()\n"
    )
    command = [
        *(sys.executable, "-c", code),
        *(str(folder / "plan.yaml"), "--out", str(folder / "out")),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "scoring\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not list((folder / "out").rglob("*.tmp"))
    assert cached(run(folder))["score lexical"] is True


def test_two_runs_into_one_folder_are_refused(folder):
    with (
        lock_folder(folder / "out"),
        pytest.raises(RunError, match=r"another process is writing.*Wait until it ends"),
    ):
        run(folder)


def test_a_folder_of_other_things_is_left_alone(folder):
    (folder / "out").mkdir()
    (folder / "out" / "thesis.doc").write_text("years of work")
    with pytest.raises(RunError, match="files that are not of a run"):
        run(folder)
    with pytest.raises(RunError, match="got a file"):
        run_plan(folder / "plan.yaml", folder / "exam.csv")


def test_a_folder_of_stages_of_another_kind_is_left_alone(folder):
    (folder / "out" / "stages").mkdir(parents=True)
    (folder / "out" / "stages" / "one.json").write_text("{}")
    (folder / "out" / "metrics.txt").write_text("mine")
    with pytest.raises(RunError, match="files that are not of a run"):
        run(folder)
    (folder / "out" / "metrics.txt").unlink()
    assert run(folder).final.name == "ensemble"


def test_an_exam_without_answers_is_ranked_but_not_graded(folder):
    run(folder)
    exam = folder / "exam.csv"
    lines = exam.read_text().splitlines()
    exam.write_text("\n".join(line.rsplit(",", 1)[0] for line in lines) + "\n")
    content = run(folder)
    assert content.final.evaluation is None
    assert content.comparisons == ()
    assert not (folder / "out" / "metrics.json").exists()
    validate_submission(folder / "out" / "submission.csv", load_exam(exam))


def test_one_solver_is_the_result_itself(folder):
    write_plan(folder, {"solvers": ["lexical"], "ensemble": {}})
    content = run(folder)
    assert content.final.name == "lexical"
    assert not (folder / "out" / "scores" / "ensemble.parquet").exists()


def test_passages_of_the_exam_can_be_used_or_dropped(folder):
    (folder / "exam.csv").write_text(
        f'id,prompt,A,B,context,answer\n0,When does salt melt?,801,1064,"{SALT}",A\n'
    )
    write_plan(folder, {"evaluation": {"n_resamples": 200}})
    plain = {"corpus": [], "index": []}
    assert run(folder, evidence=plain).exam[0].passages[0].text == SALT
    dropped = run(folder, evidence={**plain, "given": "drop"})
    assert dropped.exam[0].passages == ()
    appended = run(folder, evidence={"given": "append"})
    assert [p.id for p in appended.exam[0].passages][1:] != []


@pytest.mark.parametrize(
    ("break_it", "error", "message"),
    [
        (lambda f: (f / "exam.csv").write_text(""), ExamError, r"exam\.csv"),
        (lambda f: (f / "exam.csv").unlink(), ExamError, r"exam\.csv"),
        (lambda f: (f / "corpus.jsonl").write_text("{"), CorpusError, r"corpus\.jsonl row 1"),
        (lambda f: (f / "corpus.jsonl").unlink(), CorpusError, r"corpus\.jsonl"),
        (lambda f: (f / "plan.yaml").write_text("a: ["), SettingsError, r"invalid YAML, line 1"),
        (lambda f: (f / "plan.yaml").write_text("- a"), SettingsError, "mapping"),
        (lambda f: (f / "plan.yaml").unlink(), SettingsError, "plan file not found"),
    ],
)
def test_bad_input_is_named(folder, break_it, error, message):
    break_it(folder)
    with pytest.raises(error, match=message):
        run(folder)


def test_a_full_disk_loses_nothing(folder, monkeypatch):
    before = run(folder)
    kept = (folder / "out" / "submission.csv").read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            run(folder, evidence={"k": 1})
    assert (folder / "out" / "submission.csv").read_bytes() == kept
    assert not list((folder / "out").rglob("*.tmp"))
    after = run(folder)
    assert after.final.scores.values.tolist() == before.final.scores.values.tolist()


def test_the_demo_plan_runs_on_the_bundled_sample(tmp_path):
    content = run_plan("demo", tmp_path / "out", changes={"solvers": ["lexical"]})
    # 120 questions, 100 of them answered by the corpus: well above chance, 0.367.
    assert content.final.evaluation.primary.estimate.low > 0.40
    assert len(content.exam) == 120


def test_the_plan_that_is_kept_can_be_run_from_where_it_is(folder, monkeypatch):
    monkeypatch.chdir(folder)
    first = run_plan("plan.yaml", "out")
    again = run_plan("out/plan.yaml", "out")
    assert again.exam.content_hash == first.exam.content_hash
    assert cached(again)["score lexical"]


def test_a_folder_with_a_plan_of_ones_own_is_no_run(folder):
    before = (folder / "plan.yaml").read_text()
    with pytest.raises(RunError, match="files that are not of a run"):
        run_plan(folder / "plan.yaml", folder)
    assert (folder / "plan.yaml").read_text() == before


def test_a_run_stopped_at_once_goes_on(folder, monkeypatch):
    monkeypatch.setattr(run_module, "execute", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(folder)
    monkeypatch.undo()
    assert run(folder).final.name == "ensemble"


@pytest.mark.parametrize("harm", ["delete", "folder"])
def test_a_damaged_index_of_the_run_is_built_again(folder, harm):
    expected = run(folder).final.scores.values.tolist()
    manifest = folder / "out" / "index" / "sparse" / "manifest.json"
    manifest.unlink()
    if harm == "folder":
        manifest.mkdir()
    content = run(folder)
    assert not cached(content)["index sparse"]
    assert content.final.scores.values.tolist() == expected


def test_the_record_names_only_the_scores_of_this_run(folder):
    run(folder)
    run(folder, solvers=["first"], ensemble={"weights": "equal"})
    files = json.loads((folder / "out" / "run.json").read_text())["files"]
    assert [name for name in files if name.startswith("scores/")] == ["scores/first.parquet"]


def test_weights_that_cannot_be_fitted_show_before_the_solvers_work(folder, monkeypatch):
    exam = (folder / "exam.csv").read_text().splitlines()
    (folder / "exam.csv").write_text("\n".join(line.rpartition(",")[0] for line in exam))
    monkeypatch.setattr(task_module, "judge_all", lambda *given: pytest.fail("too late"))
    with pytest.raises(ExamError, match="no answer"):
        run(folder, ensemble={"weights": "fitted"})


def test_progress_names_every_stage_and_counts_questions(folder):
    heard = []
    run_plan(
        folder / "plan.yaml",
        folder / "out",
        announce=lambda name, n_done, n_all: heard.append((name, n_done, n_all)),
    )
    assert heard[0] == ("read the exam", 0, None)
    assert ("score lexical", 3, 3) in heard
    assert ("index sparse", 2, None) in heard
    assert heard[-1][0] == "write the report"


def test_stages_that_are_not_done_again_are_told_to_be_kept(folder):
    def heard():
        names = {}
        run_plan(
            folder / "plan.yaml",
            folder / "out",
            announce=lambda name, n_done, n_all: names.setdefault(name),
        )
        return list(names)

    first, again = heard(), heard()
    assert not [name for name in first if name.endswith("(cached)")]
    assert "score lexical (cached)" in again
    assert "grade lexical" in again
    assert [name.removesuffix(" (cached)") for name in again] == first
    (folder / "out" / "scores" / "lexical.parquet").unlink()
    assert "score lexical" in heard()


def test_a_file_to_compare_with_is_checked_before_the_work(folder):
    (folder / "other.csv").unlink()
    with pytest.raises(SubmissionError, match=r"other\.csv"):
        run(folder)
    assert not (folder / "out" / "scores").exists()


def test_a_run_that_failed_leaves_the_plan_of_the_results_that_are_there(folder):
    run(folder)
    kept = (folder / "out" / "plan.yaml").read_bytes()
    with pytest.raises(CorpusError, match=r"corpse\.jsonl"):
        run(folder, evidence={"corpus": ["corpse.jsonl"]})
    assert (folder / "out" / "plan.yaml").read_bytes() == kept


def test_corpora_and_indexes_are_looked_for_before_the_work(folder):
    heard = []
    for evidence in ({"corpus": ["corpse.jsonl"]}, {"corpus": [], "index": ["nowhere"]}):
        with pytest.raises(LlmExamError, match=r"corpse|nowhere"):
            run_plan(
                folder / "plan.yaml",
                folder / "out",
                changes={"evidence": evidence},
                announce=lambda name, n_done, n_all: heard.append(name),
            )
    assert set(heard) == {"read the exam"}


def test_missing_evidence_is_said_first(folder):
    content = run(folder, evidence={"corpus": []})
    assert content.audit[0].check == "no evidence"
    assert content.audit[0].rows == (1, 2, 3)
    assert "no evidence" not in {finding.check for finding in run(folder).audit}


def test_solvers_that_left_the_plan_leave_the_folder(folder):
    run(folder)
    run(folder, solvers=["lexical", "first"], ensemble={"weights": "equal"})
    names = {path.stem for path in (folder / "out" / "scores").iterdir()}
    assert names == {"ensemble", "lexical", "first"}


def test_files_of_the_user_stay_in_the_folder(folder):
    run(folder)
    out = folder / "out"
    places = [out / place for place in ("scores", "explanations", "positions")]
    mine = [out / "my_notes.md", *(place / "my_notes.md" for place in places)]
    mine += [place / "dice.parquet.bak" for place in places]
    for path in mine:
        path.write_text(str(path))
    run(folder, solvers=["first"], ensemble={"weights": "equal"})
    assert [path.read_text() for path in mine] == [str(path) for path in mine]
    for place in places:
        assert {path.stem for path in place.iterdir()} == {"first", "my_notes", "dice.parquet"}
    assert "my_notes.md" not in json.loads((out / "run.json").read_text())["files"]


def test_a_result_that_the_user_changed_is_kept(folder):
    run(folder)
    path = folder / "out" / "scores" / "dice.parquet"
    path.write_bytes(b"something else")
    run(folder, solvers=["first"], ensemble={"weights": "equal"})
    assert path.read_bytes() == b"something else"
    assert not (folder / "out" / "scores" / "lexical.parquet").exists()


def test_a_combination_of_a_run_that_stopped_is_removed(folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(task_module, "compare_with", lambda *given: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(folder)
    assert (folder / "out" / "scores" / "ensemble.parquet").exists()
    run(folder, solvers=["first"], ensemble={"weights": "equal"})
    assert not (folder / "out" / "scores" / "ensemble.parquet").exists()


def test_links_are_refused_before_the_work(folder):
    run(folder)
    names = [
        *("scores", "explanations", "positions", "index", "stages", "index/sparse", ".lock"),
        *("report.html", "metrics.json", "submission.csv", "plan.yaml", "run.json", "audit.json"),
        *("evidence.jsonl", "scores/lexical.parquet", "stages/audit.json"),
    ]
    for number, name in enumerate(names):
        out, target = folder / f"out-{number}", folder / f"elsewhere-{number}"
        shutil.copytree(folder / "out", out)
        is_folder = (out / name).is_dir()
        if is_folder:
            shutil.rmtree(out / name)
        (out / name).unlink(missing_ok=True)
        (out / name).symlink_to(target)
        for leads_nowhere in (True, False):
            if not leads_nowhere:
                target.mkdir() if is_folder else target.write_text("mine")
                before = sorted(target.rglob("*"))
            with pytest.raises(
                RunError, match=rf"is a symbolic link to .*{target.name}.*Remove the link"
            ):
                run_plan(folder / "plan.yaml", out, announce=pytest.fail)
            assert target.exists() is not leads_nowhere
        assert sorted(target.rglob("*")) == before
        assert is_folder or target.read_text() == "mine"


def test_the_folder_itself_may_be_a_link(folder):
    (folder / "real").mkdir()
    (folder / "out").symlink_to("real")
    run(folder)
    run(folder, solvers=["first"], ensemble={"weights": "equal"})
    assert {path.stem for path in (folder / "real" / "scores").iterdir()} == {"first"}


@pytest.mark.needs("encoders")
def test_changed_weights_are_noticed(folder):
    """The name of the model stays the same; what is in its folder does not."""
    import transformers
    from safetensors.torch import load_file, save_file

    # The bundled model with small random weights.
    bundled, model = resolve_model().path, folder / "model"
    shutil.copytree(bundled, model, ignore=shutil.ignore_patterns("*.safetensors"))
    small = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 2}
    config = transformers.AutoConfig.from_pretrained(bundled, num_hidden_layers=2, **small)
    transformers.AutoModel.from_config(config).save_pretrained(model)
    write_plan(
        folder,
        {
            "evidence": {"corpus": "corpus.jsonl", "kinds": ["dense"], "model": str(model)},
            "solvers": [{"bi-encoder": {"model": str(model)}}],
            "ensemble": {},
        },
    )
    run(folder)
    again = cached(run(folder))
    assert again["index dense"] is True
    assert again["score bi-encoder"] is True
    weights = load_file(model / "model.safetensors")
    weights["embeddings.word_embeddings.weight"] *= 1.5
    save_file(weights, model / "model.safetensors", metadata={"format": "pt"})
    after = cached(run(folder))
    assert after["index dense"] is False
    assert after["score bi-encoder"] is False
    # The weights stay; their vectors are joined in another way.
    pooling = model / "1_Pooling" / "config.json"
    pooling.write_text('{"pooling_mode_cls_token": true}', "utf-8")
    after = cached(run(folder))
    assert after["index dense"] is False
    assert after["score bi-encoder"] is False
    # A page for people decides nothing.
    (model / "README.md").write_text("Another page.", "utf-8")
    assert cached(run(folder))["score bi-encoder"] is True


@pytest.fixture(scope="module")
def ranker(tmp_path_factory):
    """The folder of a small ranker; copy it."""
    exam = load_exam("bundled").subset(range(40))
    trainer = create_trainer(
        "ranker",
        {
            "members": ["lexical", {"longest": {"unit": "words"}}],
            "kind": "logit",
            "ridge": 1.0,
            "n_folds": 2,
            "n_inner_folds": 2,
            "member_gains": False,
        },
    )
    card = {"evidence": {"source": "none"}}
    place = tmp_path_factory.mktemp("trained") / "ranker"
    trainer.fit(exam, None, place, card=card, tracker=NoTracker())
    return place


@pytest.mark.needs("train")
class TestRanker:
    """A run that ends in a ranker over solvers of the plan."""

    @pytest.fixture
    def ranked(self, folder, ranker):
        shutil.copytree(ranker, folder / "ranker")
        ranker = {"solver": "ranker", "model": str(folder / "ranker")}
        write_plan(
            folder,
            {
                "evidence": {},
                "solvers": [ranker, "lexical", {"longest": {"unit": "words"}}],
                "final": "ranker",
                "ensemble": {},
            },
        )
        return folder

    def test_its_scores_are_the_result_and_all_others_are_graded(self, ranked):
        content = run(ranked)
        assert content.final.name == "ranker"
        assert [s.name for s in content.solvers] == ["ranker", "lexical", "longest"]
        assert all(s.evaluation is not None for s in content.solvers)
        assert all(s.weight is None and s.gain is None for s in content.solvers)
        assert [c.name_b for c in content.comparisons] == ["lexical", "longest", "other"]
        assert not (ranked / "out" / "scores" / "ensemble.parquet").exists()
        alone = create_solver("ranker", {"model": str(ranked / "ranker")})
        expected = alone.score(content.exam.questions)
        assert content.final.scores.values.tolist() == expected.values.tolist()
        metrics = json.loads((ranked / "out" / "metrics.json").read_text())
        assert metrics["final"]["name"] == "ranker"
        assert "log-odds" in (ranked / "out" / "explanations" / "ranker.json").read_text()

    def test_no_member_scores_a_question_twice(self, ranked, monkeypatch):
        asked = []
        for solver in (LexicalSolver, LongestSolver):

            def score(self, questions, own=solver.score):
                asked.extend((type(self).__name__, q.id) for q in questions)
                return own(self, questions)

            monkeypatch.setattr(solver, "score", score)
        content = run(ranked)
        assert len(asked) == len(set(asked)) == 2 * len(content.exam)
        again = cached(run(ranked))
        assert again["score ranker"] is True
        assert len(asked) == 2 * len(content.exam)

    def test_members_that_the_plan_has_not_are_asked_by_the_ranker(self, ranked):
        whole = run(ranked)
        alone = run(ranked, solvers=[{"ranker": {"model": str(ranked / "ranker")}}])
        assert alone.final.scores.values.tolist() == whole.final.scores.values.tolist()

    def test_another_ranker_is_noticed(self, ranked):
        run(ranked)
        path = ranked / "ranker" / "ranker.json"
        saved = json.loads(path.read_text())
        saved["logit"]["weights"][0] += 1
        path.write_text(json.dumps(saved))
        after = cached(run(ranked))
        assert after["score ranker"] is False
        assert after["score lexical"] is True

    def test_the_kept_plan_can_be_run(self, ranked):
        first = run(ranked)
        again = run_plan(ranked / "out" / "plan.yaml", ranked / "again")
        assert again.final.name == "ranker"
        assert again.final.scores.values.tolist() == first.final.scores.values.tolist()

    def test_a_final_solver_that_is_not_there_is_refused(self, ranked):
        with pytest.raises(SettingsError, match=r"unknown solver 'rankr'.*Did you mean 'ranker'"):
            run(ranked, final="rankr")


def test_each_members_gain_is_kept_and_shown(folder):
    content = run(folder, ensemble={"weights": {"lexical": 1.0, "dice": 1.0}})
    gains = {member.name: member.gain for member in content.solvers}
    ensemble = content.final.evaluation.primary.estimate.value
    dice = next(m for m in content.solvers if m.name == "dice").evaluation.primary.estimate.value
    assert gains["lexical"].difference.value == pytest.approx(ensemble - dice)
    metrics = json.loads((folder / "out" / "metrics.json").read_text())["solvers"]
    assert metrics["dice"]["gain"]["name_b"] == "without dice"
    page = (folder / "out" / "report.html").read_text()
    assert "score with this member minus its score without it" in page

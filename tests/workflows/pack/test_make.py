"""Packs are made from a list of all packages of this environment, and so without a network."""

import csv
import json
import os
import signal
import subprocess
import sys
from importlib.metadata import requires, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from llmexam.errors import RunError, SettingsError
from llmexam.packing.notebook import texts_of
from llmexam.packing.parts import check_pack, write_list
from llmexam.workflows.pack import make
from llmexam.workflows.pack.make import make_pack
from llmexam.workflows.pack.settings import PackSettings
from llmexam.workflows.pack.wheels import PackedWheels

LEXICAL = {
    "exam": "bundled",
    "evidence": {"corpus": ["bundled"], "k": 2},
    "solvers": ["lexical"],
    "evaluation": {"positions": False},
}


@pytest.fixture(scope="module")
def freeze(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with all packages that llmexam needs without extras, so that none must be found."""
    path = tmp_path_factory.mktemp("image") / "image.txt"
    found, waiting = {}, [Requirement("llmexam")]
    while waiting:
        one = waiting.pop()
        if one.name not in found and (one.marker is None or one.marker.evaluate({"extra": ""})):
            found[one.name] = version(one.name)
            waiting += map(Requirement, requires(one.name) or ())
    del found["llmexam"]
    path.write_text("".join(f"{name}=={found[name]}\n" for name in sorted(found)), "utf-8")
    return path


def settings(freeze: Path, **more) -> PackSettings:
    return PackSettings(freeze=freeze, no_index=True, **{"tries": False, **more})


def write(tmp_path: Path, plan: dict) -> Path:
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(plan), encoding="utf-8")
    return path


def pack_for_kaggle(tmp_path: Path, freeze: Path, **more):
    plan = write(tmp_path, {**LEXICAL, "exam": {"path": "bundled", "limit": 9}})
    values = {"kaggle": True, "competition": "science-exam", "owner": "someone", **more}
    return make_pack(plan, tmp_path / "packed", settings(freeze, **values))


# Its parts are tried by default, too: resolving and the order of wheels, a hidden exam that the
# notebook answers from a read-only pack, the memory limit, and the visible packages of an image.
@pytest.mark.slow
def test_a_pack_for_kaggle_is_tried(tmp_path: Path, freeze: Path):
    more = {"tries": True, "n_items": 4, "memory_bytes": 13_000_000_000}
    trial = pack_for_kaggle(tmp_path, freeze, **more).trial
    assert trial is not None
    assert trial.passed
    assert (trial.n_items, trial.largest_difference, trial.same_submission) == (4, 0.0, True)
    assert 50e6 < trial.peak_bytes < 13e9


def test_a_pack_for_kaggle_has_all_files(tmp_path: Path, freeze: Path):
    out = tmp_path / "packed"
    result = pack_for_kaggle(tmp_path, freeze)
    # The packages of the image are not packed.
    assert [part.name for part in result.parts if part.kind == "wheels"] == ["llmexam"]
    pack, kernel = out / "dataset", out / "kernel"
    assert check_pack(pack) == []
    assert json.loads((pack / "dataset-metadata.json").read_text())["id"] == "someone/llmexam-plan"
    metadata = json.loads((kernel / "kernel-metadata.json").read_text())
    assert metadata["competition_sources"] == ["science-exam"]
    notebook = json.loads((kernel / metadata["code_file"]).read_text())
    # The hidden exam is answered whole, although the plan has a limit.
    assert "exam.limit=null" in "".join(texts_of(notebook))
    assert yaml.safe_load((pack / "plan.yaml").read_text())["evidence"]["corpus"] == []
    assert not list(tmp_path.glob(".packed*"))
    assert "kaggle datasets create" in result.next_steps[0]


def test_an_interrupted_pack_leaves_nothing_and_the_next_goes_on(
    tmp_path: Path, freeze: Path, monkeypatch: pytest.MonkeyPatch
):
    plan, out = write(tmp_path, LEXICAL), tmp_path / "packed"
    # Of the image, llmexam itself never counts.
    image = tmp_path / "image.txt"
    image.write_text(freeze.read_text(encoding="utf-8") + "llmexam==99.0\n", encoding="utf-8")
    built = []

    def interrupt_once(folder: Path) -> None:
        built.append((folder.parent / "evidence-sparse" / "manifest.json").stat().st_mtime_ns)
        if len(built) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(make, "refuse_secrets", interrupt_once)
    with pytest.raises(KeyboardInterrupt):
        make_pack(plan, out, settings(image))
    assert not out.exists()
    # An interrupted pack for Kaggle left these.
    for name in ("dataset/weights/model", "kernel"):
        (tmp_path / ".packed.packing" / "pack" / name).mkdir(parents=True)
    first = make_pack(plan, out, settings(image))
    assert check_pack(out) == []
    # The index of the first run was used again.
    assert built[0] == built[1]
    names = {path.name for path in out.iterdir()}
    assert names >= {"install.sh", "run.sh", "README.md", "plan.yaml", "pack.json", "wheels"}
    assert not names & {"dataset", "kernel"}
    assert first.trial is None
    # An earlier pack is replaced as a whole.
    second = make_pack(plan, out, settings(image), changes={"evidence": {"k": 3}})
    assert yaml.safe_load((out / "plan.yaml").read_text())["evidence"]["k"] == 3
    assert [part.name for part in second.parts] == [part.name for part in first.parts]
    assert check_pack(out) == []
    assert not list(tmp_path.glob(".packed*"))


def test_a_missing_file_is_found_before_packages_are_looked_for(tmp_path: Path, freeze: Path):
    plan = write(tmp_path, {**LEXICAL, "exam": "none.csv"})
    stages = []
    with pytest.raises(SettingsError, match="file that does not exist"):
        make_pack(
            plan, tmp_path / "packed", settings(freeze), announce=lambda *one: stages.append(one)
        )
    assert stages == []
    assert not list(tmp_path.glob(".packed*"))


def test_other_folders_are_not_overwritten(tmp_path: Path, freeze: Path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match="files that do not belong to a pack"):
        make_pack(write(tmp_path, LEXICAL), out, settings(freeze))
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("pack", [".", "dataset"])
def test_results_in_an_earlier_pack_are_not_deleted(tmp_path: Path, freeze: Path, pack: str):
    out = tmp_path / "packed"
    (out / pack / "venv").mkdir(parents=True)
    write_list(out / pack, [], {"id": "x"})
    # Its virtual environment, and the notebook of a pack for Kaggle, may be replaced.
    (out / pack / "venv" / "pyvenv.cfg").write_text("", encoding="utf-8")
    if pack == "dataset":
        (out / "kernel").mkdir()
        (out / "kernel" / "notebook.ipynb").write_text("", encoding="utf-8")
    make._require_pack_folder(out)
    (out / "result").mkdir()
    (out / "result" / "submission.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(RunError, match=r"result/submission\.csv.*does not list"):
        make_pack(write(tmp_path, LEXICAL), out, settings(freeze))
    # Nor if they were written while the new pack was made.
    with pytest.raises(RunError, match="does not list"):
        make._put_in_place(tmp_path / "made", out)
    assert (out / "result" / "submission.csv").read_text(encoding="utf-8") == "mine"


@pytest.mark.slow
def test_a_killed_run_leaves_no_pack(tmp_path: Path, freeze: Path):
    plan, out = write(tmp_path, LEXICAL), tmp_path / "packed"
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from llmexam.workflows.pack.make import make_pack\n"
        "from llmexam.workflows.pack.settings import PackSettings\n"
        "s = PackSettings(freeze=Path(sys.argv[3]), no_index=True, tries=False)\n"
        "make_pack(sys.argv[1], sys.argv[2], s, announce=lambda *a: print(a[0], flush=True))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(plan), str(out), str(freeze)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("copy"):
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    assert not out.exists()
    make_pack(plan, out, settings(freeze))
    assert check_pack(out) == []


def test_other_scores_keep_the_pack_from_being_written(
    tmp_path: Path, freeze: Path, monkeypatch: pytest.MonkeyPatch
):
    from llmexam.packing.agreement import Agreement

    class Tried:
        isolation = "namespace"
        install_seconds = run_seconds = 1.0
        peak_bytes = 1
        view = type("View", (), {"others": {}, "missing": ()})

        def __init__(self, run: Path) -> None:
            self.run, self.submission = run, run / "submission.csv"

    def run_scripts(self, pack: Path, exam: Path, own: set[str], changes: dict) -> Tried:
        return Tried(exam.parent / "here")

    monkeypatch.setattr(make.Trial, "run_scripts", run_scripts)
    monkeypatch.setattr(make, "compare_runs", lambda *a: [Agreement("lexical", 3, 0.01)])
    out = tmp_path / "packed"
    plan = write(tmp_path, LEXICAL)
    result = make_pack(plan, out, settings(freeze, tries=True, n_items=3))
    assert result.trial is not None
    assert not result.trial.passed
    assert not out.exists()
    # What was made stays for the next run, and for a look at it.
    assert (tmp_path / ".packed.packing" / "pack" / "pack.json").is_file()


def test_a_served_model_cannot_be_packed(tmp_path: Path, freeze: Path):
    pytest.importorskip("openai")
    plan = {**LEXICAL, "solvers": [{"openai": {"model": "m", "base_url": "http://127.0.0.1:1"}}]}
    with pytest.raises(SettingsError) as caught:
        make_pack(write(tmp_path, plan), tmp_path / "out", settings(freeze))
    assert "solver 'openai' sends requests to a served model" in str(caught.value)
    assert "RUN/scores/openai.parquet" in str(caught.value)


def test_answers_of_one_exam_cannot_answer_a_hidden_one(tmp_path: Path, freeze: Path):
    with (tmp_path / "mine.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["id", "prediction"], ["1", "A B C"]])
    plan = {**LEXICAL, "solvers": [{"answers": {"file": "mine.csv"}}]}
    kaggle = settings(freeze, kaggle=True, competition="exam")
    with pytest.raises(SettingsError, match="none for the hidden questions"):
        make_pack(write(tmp_path, plan), tmp_path / "out", kaggle)


def test_a_hidden_exam_of_prompt_recovery_needs_training_rows(tmp_path: Path, freeze: Path):
    pytest.importorskip("torch")
    kaggle = settings(freeze, kaggle=True, competition="exam")
    with pytest.raises(SettingsError, match="has no prompts to learn from"):
        make_pack("recovery-demo", tmp_path / "out", kaggle)


def test_secrets_in_a_plan_are_refused(
    tmp_path: Path, freeze: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MY_SERVICE_TOKEN", "abcdef-123456")
    monkeypatch.setattr(make, "pack_wheels", lambda *a, **more: PackedWheels((), (), 0))
    plan = write(tmp_path, {**LEXICAL, "title": "with abcdef-123456"})
    with pytest.raises(SettingsError) as caught:
        make_pack(plan, tmp_path / "out", settings(freeze))
    assert "environment variable MY_SERVICE_TOKEN" in str(caught.value)
    assert "abcdef-123456" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.needs("encoders")
def test_the_demo_is_packed_from_the_package_index(tmp_path: Path):
    reachable = subprocess.run(
        [sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(tmp_path / "p"), "mdurl"],
        capture_output=True,
        check=False,
    )
    if reachable.returncode:
        pytest.skip("no package index is reachable")
    result = make_pack(
        "demo",
        tmp_path / "out",
        PackSettings(n_items=10),
        changes={"solvers": ["lexical"]},
    )
    assert result.trial is not None
    assert result.trial.passed
    assert {"numpy", "tantivy", "llmexam"} <= {part.name for part in result.parts}

"""Isolation, memory, the packages of an image, and agreement of two runs."""

import json
import os
import sys
from pathlib import Path

import pytest

from llmexam.errors import RunError, SettingsError
from llmexam.exam.score_files import write_scores
from llmexam.exam.scores import ScoreMatrix
from llmexam.packing.agreement import compare_runs
from llmexam.packing.freeze import Image
from llmexam.packing.image_view import Installed, installed_packages, known_needs, make_view
from llmexam.packing.machine_folder import scripts
from llmexam.packing.network import (
    describe_isolation,
    isolation_here,
    offline_environment,
    run_isolated,
)
from llmexam.packing.target import KAGGLE_PLATFORM, Target
from llmexam.packing.trial import Trial, TrialSettings

CONNECT = """
import socket
try:
    # TEST-NET-1: an address that belongs to nobody.
    socket.create_connection(("192.0.2.1", 80), timeout=3)
except OSError as error:
    print(type(error).__name__, error.errno)
"""


def run(tmp_path: Path, code: str, **more):
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    pack = tmp_path / "pack"
    pack.mkdir(exist_ok=True)
    return run_isolated(
        [sys.executable, "-c", code],
        isolation=more.pop("isolation", isolation_here()),
        read_only=pack,
        environment=offline_environment(work, os.environ["PATH"]),
        work=work,
        **more,
    )


def test_a_namespace_has_no_network_and_a_read_only_pack(tmp_path: Path):
    if isolation_here() != "namespace":
        pytest.skip("namespaces are not permitted here")
    code = CONNECT + f"open({str(tmp_path / 'pack' / 'x')!r}, 'w')"
    done = run(tmp_path, code)
    # ENETUNREACH: there is no route at all.
    assert "OSError 101" in done.output
    assert "Read-only file system" in done.output
    assert "network off" in describe_isolation("namespace")


def test_without_namespaces_the_output_says_so(tmp_path: Path):
    done = run(tmp_path, "import os; print(os.environ['https_proxy'])", isolation="environment")
    assert done.output == "http://127.0.0.1:9\n"
    assert "network NOT off" in describe_isolation("environment")


def test_secrets_of_the_user_do_not_reach_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    assert "HF_TOKEN" not in offline_environment(tmp_path, "/usr/bin")


def test_memory_is_limited_and_its_peak_told(tmp_path: Path):
    done = run(tmp_path, "x = bytearray(120_000_000)", memory_bytes=1_000_000_000)
    assert done.code == 0
    assert 120_000_000 < done.peak_bytes < 400_000_000
    done = run(tmp_path, "x = bytearray(2_000_000_000)", memory_bytes=1_000_000_000)
    assert done.code == 1
    assert "MemoryError" in done.output


def test_only_packages_of_the_image_are_visible(tmp_path: Path):
    version, packages = installed_packages(sys.executable)
    assert version.startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    frozen = {"numpy": "0.1", "pyarrow": packages["pyarrow"].version, "absent": "1.0"}
    view = make_view(tmp_path / "view", packages, frozen, hidden={"pyarrow"})
    assert view.others == {"numpy": ("0.1", packages["numpy"].version)}
    assert view.missing == ("absent",)
    names = {path.name for path in (tmp_path / "view").iterdir()}
    assert {"numpy", "numpy.libs"} <= names
    assert not {"pyarrow", "llmexam", "pydantic"} & names


def test_a_trial_needs_an_interpreter_of_the_same_version(tmp_path: Path):
    target = Target("3.99", KAGGLE_PLATFORM)
    settings = TrialSettings(python=sys.executable)
    with pytest.raises(SettingsError, match=r"for Python 3\.99, and cannot be tried with"):
        Trial(settings, target, Image(), tmp_path, "3.11.7", {})
    with pytest.raises(SettingsError, match="not a Python interpreter"):
        installed_packages("/nowhere/python")


def a_trial(folder: Path, image: Image | None = None) -> Trial:
    folder.mkdir()
    version, packages = installed_packages(sys.executable)
    target = Target(version.rpartition(".")[0], KAGGLE_PLATFORM)
    settings = TrialSettings(python=sys.executable)
    return Trial(settings, target, image or Image(), folder, version, packages)


def test_code_1_is_accepted_only_of_a_run_that_wrote_a_submission(tmp_path: Path):
    trial, pack = a_trial(tmp_path / "work"), tmp_path / "pack"
    pack.mkdir()
    command = ["sh", "-c", "echo error: no space left on device; exit 1"]
    submission = tmp_path / "submission.csv"
    for one in (None, submission):
        with pytest.raises(RunError, match=r"failed in install\.sh: error: no space left"):
            trial._run(command, pack, "install.sh", submission=one)
    assert "no space left" in (tmp_path / "trial.log").read_text(encoding="utf-8")
    submission.write_text("id,prediction\n", encoding="utf-8")
    assert trial._run(command, pack, "run.sh", submission=submission).code == 1
    raises = ["sh", "-c", "echo Traceback; exit 1"]
    with pytest.raises(RunError, match="failed in run"):
        trial._run(raises, pack, "run.sh", submission=submission)


def test_an_environment_without_site_packages_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    trial = a_trial(tmp_path / "work", Image({"numpy": "1.0"}))
    monkeypatch.setattr(trial, "_run", lambda *arguments: None)
    with pytest.raises(RunError, match="no folder lib/"):
        trial._make_environment(set())


def test_what_packages_of_an_image_need_is_known_from_equal_versions(tmp_path: Path):
    needs = ("base<2", "broken>=9", "unknown", "absent>=1", "x @ file:///x.whl", "no version=")
    packages = {
        "app": Installed("1.0", tmp_path, (), needs),
        "other": Installed("2.0", tmp_path, (), ("base<2",)),
    }
    frozen = {"app": "1.0", "other": "1.0", "base": "1.5", "broken": "1.0"}
    # What the image itself does not satisfy is not to be mended.
    found = known_needs(Image(frozen, {"unknown": 3}), packages)
    assert found == {"app": ["base<2", "absent>=1"]}


def scores_of(folder: Path, values: list[list[float]], ids=("3", "9")) -> Path:
    matrix = ScoreMatrix.from_rows(ids, values)
    write_scores(folder / "scores" / "lexical.parquet", matrix)
    return folder


def test_the_largest_difference_of_scores_is_found(tmp_path: Path):
    here = scores_of(tmp_path / "a", [[1, 2], [3, 4]])
    there = scores_of(tmp_path / "b", [[1, 2], [3.25, 4]])
    [found] = compare_runs(here, there, "scores")
    assert (found.name, found.n_items, found.largest_difference) == ("lexical", 2, 0.25)
    other = scores_of(tmp_path / "c", [[1, 2], [3, 4]], ids=("3", "10"))
    with pytest.raises(RunError, match="different questions"):
        compare_runs(here, other, "scores")
    (there / "scores" / "lexical.parquet").rename(there / "scores" / "other.parquet")
    with pytest.raises(RunError, match="no results of 'lexical'"):
        compare_runs(here, there, "scores")


def test_texts_agree_where_they_are_equal(tmp_path: Path):
    for name, answer in (("a", "x"), ("b", "y")):
        folder = tmp_path / name / "answers"
        folder.mkdir(parents=True)
        answers = [{"id": "1", "answer": "same"}, {"id": "2", "answer": answer}]
        (folder / "copy.json").write_text(json.dumps({"answers": answers}), encoding="utf-8")
    [found] = compare_runs(tmp_path / "a", tmp_path / "b", "answers")
    assert found.largest_difference == 0.5


def test_scripts_of_any_machine_use_the_image_only_if_there_is_one():
    target = Target("3.11", KAGGLE_PLATFORM)
    plain = scripts(target, "My plan", has_image=False)
    assert sorted(plain) == ["README.md", "install.sh", "run.sh"]
    assert "--system-site-packages" not in plain["install.sh"]
    assert "--system-site-packages" in scripts(target, "My plan", has_image=True)["install.sh"]
    assert "python${1:-" not in plain["install.sh"]
    assert "--no-index --no-deps" in plain["install.sh"]

"""What `llmexam pack` prints: parts, sizes, licences, limits, and the result of a trial."""

import json
from importlib.metadata import distributions, version
from pathlib import Path

import pytest

from cli.in_process import llmexam
from llmexam.packing.agreement import Agreement
from llmexam.packing.parts import NOT_STATED, Part
from llmexam.workflows.pack import make
from llmexam.workflows.pack.settings import PackResult, TrialReport


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.txt"
    found = {one.metadata["Name"]: one.version for one in distributions()}
    lines = [f"{name}=={version}\n" for name, version in found.items() if name != "llmexam"]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_a_pack_without_a_trial(tmp_path: Path, image: Path):
    done = llmexam(
        *("pack", "demo", "--set", "solvers=[lexical]", "--out", "packed", "--no-try"),
        *("--freeze", image, "--no-index", "--json", "--for", "kaggle", "--competition", "exam"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert [(one["kind"], one["name"]) for one in result["parts"]] == [
        ("wheels", "llmexam"),
        ("indexes", "evidence-sparse"),
    ]
    own = result["parts"][0]
    assert (own["version"], own["licence"]) == (version("llmexam"), "Apache-2.0")
    assert result["bytes"] == sum(one["n_bytes"] for one in result["parts"])
    assert result["trial"] is None
    assert (tmp_path / "packed" / "kernel" / "notebook.ipynb").is_file()


def a_result(folder: Path, *, passed: bool) -> PackResult:
    trial = TrialReport(
        passed=passed,
        isolation="network off",
        python="python3",
        n_items=20,
        agreements=(Agreement("lexical", 20, 0.0 if passed else 0.25),),
        tolerance=1e-4,
        same_submission=passed,
        install_seconds=4,
        run_seconds=6,
        peak_bytes=900_000_000,
        memory_bytes=13_000_000_000,
        others={"torch": ("2.6.0", "2.13.0")},
        missing=("six",),
    )
    parts = (
        Part("wheels", "typer", "wheels/typer.whl", 121_000, "MIT", "0.29.2", "0.12.5"),
        Part("weights", "reader", "weights/reader", 90_900_000, NOT_STATED),
    )
    return PackResult(
        folder=folder,
        python="3.11",
        platform="manylinux_2_35_x86_64",
        told_by="from the frozen packages",
        n_image=60,
        parts=parts,
        built=("pure-0.9-py3-none-any.whl",),
        n_reused=0,
        warnings=("check this",),
        trial=trial,
        next_steps=("kaggle kernels push",),
    )


@pytest.mark.parametrize("passed", [True, False])
def test_the_output_tells_all_of_a_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passed: bool
):
    asked = {}

    def make_pack(plan, out, settings, **more):
        asked.update(settings=settings)
        return a_result(tmp_path / "out", passed=passed)

    monkeypatch.setattr(make, "make_pack", make_pack)
    done = llmexam("pack", "demo", "--out", "out", "--memory", "16GB", cwd=tmp_path)
    assert done.returncode == (0 if passed else 1)
    assert asked["settings"].memory_bytes == 16_000_000_000
    for text in (
        "0.29.2 (image: 0.12.5)",
        "90.9 MB  not stated",
        "total: 91.0 MB (wheels 121 kB, weights 90.9 MB)",
        "built from source: pure-0.9-py3-none-any.whl",
        "trial: network off",
        "peak memory 900.0 MB, limit 13.0 GB",
        f"lexical: largest difference {'0' if passed else '0.25'} (accepted: 0.0001)",
        f"submission: {'equal' if passed else 'DIFFERENT'}",
        "torch 2.13.0 (image: 2.6.0)",
        "did not have: six",
        "warning: check this",
    ):
        assert text in done.stdout
    assert done.stdout.count("\nwritten: ") == passed
    assert done.stdout.count("\nnot written: ") == (not passed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--for", "colab"], "expected --for kaggle, got 'colab'"),
        (["--memory", "much"], "expected a size such as 13GB"),
        (["--freeze", "absent.txt"], "file of frozen packages not found"),
        (["--python", "2.7"], "expected a Python version such as 3.11"),
        (["--python", "3.99"], "the pack is for Python 3.99, and cannot be tried with"),
    ],
)
def test_wrong_values_end_with_code_2(tmp_path: Path, options: list[str], message: str):
    plan = ["demo", "--set", "solvers=[lexical]", "--out", "packed"]
    done = llmexam("pack", *plan, *options, cwd=tmp_path)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert not (tmp_path / "packed").exists()

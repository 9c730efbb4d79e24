"""`llmexam collect clean`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.cli.in_process import llmexam

from cleaning_samples import made_texts, write_corpus


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str, str]:
    corpus = write_corpus(tmp_path / "corpus.jsonl", made_texts(40))
    steps = tmp_path / "clean.yaml"
    steps.write_text("steps: [boilerplate, {length: {min_words: 6}}, duplicates]", "utf-8")
    return str(corpus), str(steps), str(tmp_path / "out")


def test_the_report_and_its_examples(files: tuple[str, str, str]) -> None:
    corpus, steps, out = files
    arguments = ("collect", "clean", corpus, "--steps", steps, "--out", out, "--workers", 1)
    done = llmexam(*arguments, "--examples", 1, "--keep-dropped")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("40 documents\nstep ")
    assert "boilerplate: changed, repeated lines: 40\n  p:0: " in done.stdout
    assert "duplicates: dropped, near duplicate: " in done.stdout
    assert f"documents to {out} and {out}-dropped.parquet" in done.stderr
    # The finished result is read, with the same numbers.
    again = json.loads(llmexam(*arguments, "--keep-dropped", "--json").stdout)
    assert [one["step"] for one in again["steps"]] == ["boilerplate", "length", "duplicates"]
    assert again["steps"][0]["changes"] == {"repeated lines": 40}


def test_a_dry_run_writes_nothing(files: tuple[str, str, str]) -> None:
    corpus, steps, out = files
    done = llmexam(
        "collect", "clean", corpus, "--steps", steps, "--dry-run", "--sample", 20, "--workers", 1
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("40 documents, of which a sample of 20 was cleaned\n")
    assert not Path(out).exists()


def test_an_empty_result_is_a_failed_check(files: tuple[str, str, str]) -> None:
    corpus, steps, out = files
    Path(steps).write_text("steps: [{length: {min_words: 999}}]", "utf-8")
    done = llmexam("collect", "clean", corpus, "--steps", steps, "--out", out, "--workers", 1)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "no document is left after cleaning",
    )


@pytest.mark.parametrize(
    ("steps_text", "message"),
    [
        ("steps: [lenght]", "Did you mean 'length'"),
        ("steps: [{length: {minimum: 2}}]", "'length', has no setting 'minimum'"),
    ],
)
def test_wrong_steps_are_one_line(
    files: tuple[str, str, str], steps_text: str, message: str
) -> None:
    corpus, steps, out = files
    Path(steps).write_text(steps_text, "utf-8")
    done = llmexam("collect", "clean", corpus, "--steps", steps, "--out", out)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path(out).exists()


def test_a_missing_package_names_its_extra(
    files: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, steps, out = files
    monkeypatch.setitem(sys.modules, "ftfy", None)
    Path(steps).write_text("steps: [encoding]", "utf-8")
    done = llmexam("collect", "clean", corpus, "--steps", steps, "--out", out)
    assert done.returncode == 2
    assert "pip install 'llmexam[collect]'" in done.stderr


def test_an_output_folder_or_a_dry_run_is_needed(files: tuple[str, str, str]) -> None:
    corpus, steps, _ = files
    done = llmexam("collect", "clean", corpus, "--steps", steps)
    assert done.returncode == 2
    assert "use --dry-run" in done.stderr

# ruff: noqa: E501
"""The YAML file of a cleaning: names, settings, paths and errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmexam.collecting.cleaning.plan import read_plan
from llmexam.collecting.cleaning.registry import step_class, step_names
from llmexam.errors import ExamError, SettingsError


def write(folder: Path, text: str) -> Path:
    path = folder / "clean.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_steps_keep_their_order_and_settings(tmp_path: Path) -> None:
    plan = read_plan(
        write(
            tmp_path,
            "steps:\n- length: {min_words: 3}\n- duplicates:\n    against: exam.csv\n- sections:\n"
            "- length\ncolumns: [book]\n",
        )
    )
    assert plan.names == ("length", "duplicates", "sections", "length")
    assert plan.columns == ("book",)
    assert [one.model_dump()["min_words"] for one in (plan.steps[0], plan.steps[3])] == [3, 5]
    # Paths are relative to the file, not to the current folder.
    assert plan.steps[1].model_dump()["against"] == (tmp_path / "exam.csv",)
    with pytest.raises(ExamError, match=r"exam\.csv"):
        plan.check()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: [lenght]", r"clean\.yaml field 'steps\.1': unknown cleaning step 'lenght'.*Did you mean 'length'"),
        ("steps: [{length: {min_word: 3}}]", r"clean\.yaml field 'min_word': step 1, 'length', has no setting 'min_word'. Did you mean 'min_words'"),
        ("step: [length]", r"clean\.yaml field 'step': the cleaning has no setting 'step'. Did you mean 'steps'"),
        ("steps: []", r"expected at least one step"),
        ("steps: [{length: 3}]", r"field 'steps\.1': expected the name of a step"),
        ("steps: [{boilerplate: {rules: [caption]}}]", r"unknown rule 'caption'. Did you mean 'captions'"),
        ("steps: [{boilerplate: {patterns: {a: '('}}}]", r"'a' is no valid regular expression"),
        ("steps: [{boilerplate: {repeated_in: 1}}]", r"expected 0 or at least 2 documents"),
        ("steps: [{duplicates: {threshold: 2}}]", r"field 'threshold'.*got 2"),
        ("steps: [", r"clean\.yaml: invalid YAML, line 1"),
        ("- length", r"expected a cleaning, which is a mapping"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_plan(write(tmp_path, text))


def test_every_step_has_descriptions_and_defaults() -> None:
    assert len(step_names()) == 7
    for name in step_names():
        step = step_class(name)()
        assert step.__doc__
        assert all(field.description for field in type(step).model_fields.values())

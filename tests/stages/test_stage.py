"""What is in the key of a stage, and what a stage passes to its function."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field

from llmexam.exam.exam import Exam
from llmexam.exam.question import Passage, Question
from llmexam.settings.base import Settings
from llmexam.settings.kinds import CacheDir, LocalPath, NotInKey
from llmexam.stages import stage as stage_module
from llmexam.stages.stage import Keyed, Stage, StageContext, key_of


class Inner(Settings):
    """Nested settings."""

    n: int = 1
    shown: Annotated[int, NotInKey()] = 3


class Some(Settings):
    """Settings of every kind that a key tells apart."""

    word: str = "a"
    file: LocalPath | None = None
    cache: CacheDir | None = None
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    label: Annotated[str, NotInKey()] = Field("", description="a headline")


def compute(context, **inputs):
    return inputs


def load(context, **inputs):
    return {"loaded": inputs}


def other(context, **inputs):
    return None


def make(**changes):
    values = {
        "name": "a stage",
        "function": compute,
        "load": load,
        "inputs": {"settings": Some(), "n": 1},
        "outputs": ["out.json"],
    }
    return Stage(**{**values, **changes})


@pytest.mark.parametrize(
    "inputs",
    [
        {"settings": Some(), "n": 2},
        {"settings": Some(), "n": None},
        {"settings": Some(), "n": True},
        {"settings": Some(), "n": "1"},
        {"settings": Some(), "n": [1]},
        {"settings": Some(), "m": 1},
        {"settings": Some()},
        {"settings": Some(word="b"), "n": 1},
        {"settings": Some(inner=Inner(n=2)), "n": 1},
        {"settings": Some(many=(Inner(),)), "n": 1},
    ],
)
def test_each_input_changes_the_key(inputs):
    assert make(inputs=inputs).key != make().key


@pytest.mark.parametrize(
    "settings",
    [
        Some(label="b"),
        Some(cache=Path("somewhere")),
        Some(inner=Inner(shown=9)),
    ],
)
def test_settings_that_decide_no_result_do_not(settings):
    assert make(inputs={"settings": settings, "n": 1}).key == make().key


def test_settings_in_sequences_are_walked_too():
    one, two = (make(inputs={"settings": [Some(many=(Inner(shown=n),))]}).key for n in (1, 2))
    assert one == two


def test_name_and_place_do_not_change_the_key_but_function_and_code_do():
    assert make(name="another", outputs=["elsewhere.json"], load=other).key == make().key
    assert make(function=other).key != make().key
    assert make(code=["llmexam.exam.exam"]).key != make().key


def test_files_count_by_their_content(tmp_path):
    (tmp_path / "moved").mkdir()
    a, b = tmp_path / "a.csv", tmp_path / "moved" / "b.csv"
    a.write_text("one")
    b.write_text("one")
    key = make(inputs={"settings": Some(file=a)}).key
    assert make(inputs={"settings": Some(file=b)}).key == key
    b.write_text("two")
    assert make(inputs={"settings": Some(file=b)}).key != key


def test_folders_count_by_their_content(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "one.txt").write_text("1")
    key = make(inputs={"settings": Some(file=tmp_path / "a")}).key
    assert make(inputs={"settings": Some(file=tmp_path / "b")}).key == key
    (tmp_path / "b" / "deep" / "one.txt").write_text("2")
    assert make(inputs={"settings": Some(file=tmp_path / "b")}).key != key
    (tmp_path / "b" / "deep" / "one.txt").rename(tmp_path / "b" / "one.txt")
    (tmp_path / "b" / "one.txt").write_text("1")
    assert make(inputs={"settings": Some(file=tmp_path / "b")}).key != key


def test_an_exam_counts_by_what_it_says():
    exam = Exam((Question("1", "What?", ("a", "b"), 0),))
    changed = [
        Exam((Question("2", "What?", ("a", "b"), 0),)),
        Exam((Question("1", "Who?", ("a", "b"), 0),)),
        Exam((Question("1", "What?", ("b", "a"), 0),)),
        Exam((Question("1", "What?", ("a", "b"), 1),)),
        exam.with_passages([[Passage("text")]]),
    ]
    keys = {make(inputs={"exam": one}).key for one in (exam, *changed)}
    assert len(keys) == 6
    again = Exam((Question("1", "What?", ("a", "b"), 0),), source="elsewhere")
    assert make(inputs={"exam": again}).key == make(inputs={"exam": exam}).key


def test_a_keyed_input_counts_by_its_key_and_is_passed_as_its_value(tmp_path):
    first, second = (make(inputs={"x": Keyed(object(), "k")}) for _ in range(2))
    assert first.key == second.key
    assert make(inputs={"x": Keyed(None, "other")}).key != first.key
    value = object()
    context = StageContext(tmp_path)
    made = make(inputs={"x": Keyed(value, Keyed(None, 1)), "n": 2})
    assert made.compute(context) == {"x": value, "n": 2}
    assert made.reuse(context) == {"loaded": {"x": value, "n": 2}}


@dataclass
class Plain:
    """An object without a content hash."""

    n: int = 1


@pytest.mark.parametrize("value", [Plain(), Path("a"), b"bytes", {1}, [Plain()], {"a": Plain()}])
def test_an_input_of_another_type_is_refused(value):
    with pytest.raises(TypeError, match=r"a stage input of type \w+ has no key: use Keyed"):
        key_of(value)


def test_the_code_behind_the_function_is_in_the_key(monkeypatch):
    before = make().key
    asked = []
    monkeypatch.setattr(stage_module, "code_hash", lambda *names: asked.append(names) or "changed")
    assert make(code=["llmexam.exam.exam"]).key != before
    assert asked == [(compute.__module__, "llmexam.exam.exam")]


def test_progress_is_optional(tmp_path):
    StageContext(tmp_path).advance(1)
    StageContext(tmp_path).advance(1, 2)

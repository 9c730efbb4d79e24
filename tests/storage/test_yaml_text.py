import pytest

from llmexam.errors import SettingsError
from llmexam.storage.yaml_text import load_yaml


def test_plain_values():
    assert load_yaml("a: [1, null, 2020-01-02x]\nb: {c: no}") == {
        "a": [1, None, "2020-01-02x"],
        "b": {"c": False},
    }
    assert load_yaml("") is None


def test_keys_of_different_types_are_different():
    assert load_yaml("7: a\n'7': b\ntrue: c\n'true': d") == {
        7: "a",
        "7": "b",
        True: "c",
        "true": "d",
    }


def test_a_merged_key_may_be_set_anew():
    assert load_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}")["b"] == {"x": 3, "y": 2}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a: 1\nb: 2\na: 3", r"plan\.yaml: .*line 3: key 'a' appears twice"),
        ("x: {a: 1, a: 1}", "'a' appears twice"),
        ("x: {a: 1, 'a': 1}", "'a' appears twice"),
        ("x: {7: 1, 0x7: 1}", "'0x7' appears twice"),
        ("x: {1: 1, 1.0: 1}", "'1.0' appears twice"),
        ("x: {1: 1, yes: 1}", "'yes' appears twice"),
        ("a: [1", "line 1"),
        ("a: 2020-13-45", "month"),
        ("a: " + "9" * 5000, "4300"),
        ("[" * 1200, "recursion"),
        ("a: &a [*a]", "alias contains itself"),
        ("a: &a {b: *a}", "alias contains itself"),
        (
            "x0: &x0 [1]\n"
            + "".join(f"x{i + 1}: &x{i + 1} [{', '.join([f'*x{i}'] * 9)}]\n" for i in range(9)),
            "more than 100,000 values",
        ),
        ('a: "\\uD800"', "lone surrogate"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
    ],
)
def test_mistakes_are_named(text, named):
    with pytest.raises(SettingsError, match=named):
        load_yaml(text, file="plan.yaml")

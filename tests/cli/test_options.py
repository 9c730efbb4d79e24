import pytest

from llmexam.cli.options import parse_settings
from llmexam.errors import SettingsError


@pytest.mark.parametrize(
    ("pairs", "named"),
    [
        (["seed"], "key=value"),
        (["=1"], "key=value"),
        (["a=1", "a=2"], "sets 'a' twice"),
        (["a=1", "a.b=2"], "all of 'a'"),
        (["a=1", "a.b.c=2"], "all of 'a'"),
        (["a.b=1", "a=2"], "sets 'a' twice"),
        (["a=2020-13-45"], "month"),
        (["a=[1"], "invalid YAML"),
        pytest.param(["a=" + "[" * 5000], "recursion", marks=pytest.mark.slow),
    ],
)
def test_misuse_is_named(pairs, named):
    with pytest.raises(SettingsError, match=named) as caught:
        parse_settings(pairs)
    assert len(str(caught.value)) < 300

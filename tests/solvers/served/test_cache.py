import stat

import pytest

from llmexam.solvers.served.cache import AnswerCache


def test_what_is_put_is_there_for_all_who_look(tmp_path):
    one, two = AnswerCache(tmp_path), AnswerCache(tmp_path)
    assert one.get("a") is None
    one.put("a", {"text": "\ud800 \u2028 B"})
    two.put("b", {"text": "C"})
    assert one.get("a") == two.get("a") == {"text": "\ud800 \u2028 B"}
    assert one.get("b") == two.get("b") == {"text": "C"}


def test_answers_are_for_their_owner_only(tmp_path):
    AnswerCache(tmp_path / "new").prepare()
    (path,) = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_answers_of_earlier_versions_are_still_read(tmp_path):
    line = '{"key": "a", "value": {"text": "A"}}\n'
    (tmp_path / "x.jsonl").write_text(f'{line}{{"key": "b", "val')
    cache = AnswerCache(tmp_path)
    assert (cache.get("a"), cache.get("b")) == ({"text": "A"}, None)
    cache.put("b", {"text": "B"})
    assert cache.get("b") == {"text": "B"}
    assert (tmp_path / "x.jsonl").exists()


@pytest.mark.parametrize(
    "line",
    ["", "[]", "null", "{}", '{"key": [], "value": {}}', '{"key": "a", "value": 1}', "\0"],
)
def test_other_lines_are_passed_over(tmp_path, line):
    (tmp_path / "x.jsonl").write_text(f'{line}\n{{"key": "b", "value": {{}}}}\n')
    cache = AnswerCache(tmp_path)
    assert cache.get("a") is None
    assert cache.get("b") == {}


def test_an_emptied_folder_is_an_empty_cache(tmp_path):
    cache = AnswerCache(tmp_path)
    cache.put("a", {})
    for path in tmp_path.iterdir():
        path.unlink()
    assert cache.get("a") is None
    assert AnswerCache(tmp_path / "none").get("a") is None

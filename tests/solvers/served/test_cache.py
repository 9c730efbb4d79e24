import json

import pytest

from llmexam.solvers.served.cache import AnswerCache


def test_what_is_put_is_there_for_all_who_look(tmp_path):
    one, two = AnswerCache(tmp_path), AnswerCache(tmp_path)
    one.put("a", {"text": "\ud800 \u2028 B"})
    two.put("b", {"text": "C"})
    one.refresh()
    assert one.get("a") == {"text": "\ud800 \u2028 B"}
    assert one.get("b") == {"text": "C"}
    two.put("c", {})
    assert one.get("c") is None
    one.refresh()
    assert one.get("c") == {}
    assert len(list(tmp_path.glob("*.jsonl"))) == 2


def test_half_a_line_counts_for_nothing_and_spoils_nothing(tmp_path):
    killed = AnswerCache(tmp_path)
    killed.put("a", {"text": "A"})
    (path,) = tmp_path.glob("*.jsonl")
    with path.open("ab") as stream:
        stream.write(b'{"key": "b", "val')
    later = AnswerCache(tmp_path)
    later.refresh()
    assert later.get("b") is None
    later.put("b", {"text": "B"})
    later.refresh()
    assert (later.get("a"), later.get("b")) == ({"text": "A"}, {"text": "B"})


def test_a_line_that_is_still_being_written_is_read_when_it_is_whole(tmp_path):
    line = json.dumps({"key": "a", "value": {"text": "A"}}).encode()
    path = tmp_path / "x.jsonl"
    path.write_bytes(line[:10])
    cache = AnswerCache(tmp_path)
    cache.refresh()
    assert cache.get("a") is None
    path.write_bytes(line + b"\n")
    cache.refresh()
    assert cache.get("a") == {"text": "A"}


@pytest.mark.parametrize(
    "line", ["", "[]", "null", "{}", '{"key": 1, "value": {}}', '{"key": "a", "value": 1}', "\0"]
)
def test_other_lines_are_passed_over(tmp_path, line):
    (tmp_path / "x.jsonl").write_text(f'{line}\n{{"key": "b", "value": {{}}}}\n')
    cache = AnswerCache(tmp_path)
    cache.refresh()
    assert cache.get("a") is None
    assert cache.get("b") == {}


def test_an_emptied_folder_is_an_empty_cache(tmp_path):
    cache = AnswerCache(tmp_path)
    cache.put("a", {})
    cache.refresh()
    for path in tmp_path.glob("*.jsonl"):
        path.unlink()
    assert cache.get("a") is None
    assert AnswerCache(tmp_path / "none").get("a") is None

"""OpenAlex: cursors, abstracts, licences, and a key that stays secret."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from api_server import Reply
from llmexam.errors import CorpusError, EndpointError, SettingsError

KEY = "oa-very-secret-4711"
INDEX = {"Light": [0], "is": [1], "fast.": [2]}


def work(n: int, licence: str | None = "cc-by", **changed: Any) -> dict[str, Any]:
    return {
        "id": f"https://openalex.org/W{n}",
        "doi": f"https://doi.org/10.1/{n}",
        "display_name": f"Work {n}",
        "updated_date": "2026-01-01",
        "abstract_inverted_index": INDEX,
        "primary_location": {"license": licence, "license_id": None},
        "best_oa_location": None,
        **changed,
    }


class Works:
    """An API with these works."""

    def __init__(self, works: list[dict[str, Any]]) -> None:
        self.works = works

    def __call__(self, params: dict[str, str]) -> dict[str, Any]:
        begin = 0 if params["cursor"] == "*" else int(params["cursor"][1:])
        end = begin + int(params["per_page"])
        return {
            "meta": {"count": len(self.works), "next_cursor": f"c{end}"},
            "results": self.works[begin:end],
        }


def test_cursors_are_followed(server, collect_works, rows) -> None:
    server.answer = Works([work(n) for n in range(25)])
    done = collect_works(search="light", filter="type:article", page_size=10)
    assert [p["cursor"] for p in server.params] == ["*", "c10", "c20"]
    assert {(p["search"], p["filter"]) for p in server.params} == {("light", "type:article")}
    assert {p["mailto"] for p in server.params} == {"me@example.org"}
    assert done.n_documents == 25
    assert rows()[3] == {
        "id": "openalex:W3",
        "title": "Work 3",
        "section": "",
        "text": "Light is fast.",
        "page_id": "W3",
        "revision": "2026-01-01",
        "licence": "CC BY",
        "url": "https://doi.org/10.1/3",
        "source": "openalex",
    }


def test_the_limit_ends_the_pages(server, collect_works) -> None:
    server.answer = Works([work(n) for n in range(100)])
    assert collect_works(search="x", limit=15, page_size=10).n_documents == 15
    assert len(server.asked) == 2


def test_each_work_has_its_licence_and_unknown_ones_are_refused(
    server, collect_works, rows
) -> None:
    server.answer = Works([
        work(1),
        work(2, None),
        work(3, "other-oa"),
        work(4, None, best_oa_location={"license": "cc-by-sa", "license_id": "https://x.org/sa"}),
        work(5, "cc-by-nc"),
        work(6, "public-domain"),
        work(7, "cc-by-nc"),
        work(8, None, primary_location=None),
    ])  # fmt: skip
    done = collect_works(search="x")
    assert {row["page_id"]: row["licence"] for row in rows()} == {
        "W1": "CC BY",
        "W4": "CC BY-SA",
        "W6": "Public domain",
    }
    assert done.tally.refused_by_licence == {"not stated": 2, "other-oa": 1, "CC BY-NC": 2}
    again = collect_works(search="x", accept_licences=["cc-by-nc", "not stated"], overwrite=True)
    assert again.n_documents == 7
    assert again.tally.refused_by_licence == {"other-oa": 1}


def test_damaged_works_are_counted(server, collect_works) -> None:
    server.answer = Works([
        work(1),
        work(2, abstract_inverted_index=None),
        work(3, abstract_inverted_index={"a": [0], "c": [2]}),
        work(4, abstract_inverted_index={"a": [0], "b": [0]}),
        work(5, abstract_inverted_index={"a": "0"}),
        work(6, is_retracted=True),
        {"id": None},
        work(1),
    ])  # fmt: skip
    done = collect_works(search="x")
    assert done.n_documents == 1
    assert done.tally.left_out == {
        "works without abstract": 1,
        "abstracts with missing words": 3,
        "retracted works": 1,
        "works without id": 1,
    }
    assert done.tally.events == {"listed twice": 1}


def test_the_key_is_sent_and_never_stored_or_logged(
    server, collect_works, out, monkeypatch, caplog, capfd
) -> None:
    monkeypatch.setenv("OPENALEX_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    server.answer = Works([work(1)])
    server.script = [Reply(status=500)]
    collect_works(search="x")
    assert {one.headers["authorization"] for one in server.asked} == {f"Bearer {KEY}"}
    assert all("authorization" not in one.headers for one in server.robots_asked)
    server.script = [Reply({"message": "no"}, status=403)]
    with pytest.raises(EndpointError) as caught:
        collect_works(search="y", overwrite=True)
    assert "403 (no)" in str(caught.value)
    files = [path for path in out.parent.rglob("*") if path.is_file()]
    assert len(files) >= 3
    shown = [caplog.text, str(caught.value), *capfd.readouterr()]
    assert KEY not in "".join(shown)
    assert all(KEY.encode() not in path.read_bytes() for path in files)


def test_without_a_key_none_is_sent(server, collect_works, monkeypatch) -> None:
    monkeypatch.delenv("OPENALEX_API_KEY", raising=False)
    server.answer = Works([work(1)])
    collect_works(search="x", contact="https://example.org/me")
    assert "authorization" not in server.asked[0].headers
    assert "mailto" not in server.params[0]


def test_a_key_in_place_of_its_variable_is_not_shown(collect_works) -> None:
    with pytest.raises(SettingsError) as caught:
        collect_works(search="x", api_key_env=KEY)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("broken", [b"{", b"[]", b'{"results": []}', b'{"meta": {}, "results": 1}'])
def test_damaged_pages_are_requested_again(server, collect_works, broken) -> None:
    server.answer = Works([work(1)])
    server.script = [Reply(broken)]
    assert collect_works(search="x").traffic.retried == 1


def test_a_cursor_that_comes_twice_is_an_error(server, collect_works, out) -> None:
    server.answer = lambda p: {"meta": {"next_cursor": "same"}, "results": [work(1)]}
    with pytest.raises(EndpointError, match="a cursor twice"):
        collect_works(search="x")
    assert not out.exists()


def test_nothing_accepted_is_an_error_that_says_why(server, collect_works, out) -> None:
    server.answer = Works([work(1, "other-oa")])
    with pytest.raises(CorpusError, match="1 refused by licence 'other-oa'"):
        collect_works(search="x")
    assert not out.exists()


def test_search_or_filter_is_required(collect_works) -> None:
    with pytest.raises(SettingsError, match="--search, --filter, or both"):
        collect_works()
